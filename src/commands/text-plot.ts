/** @file A log-log plot in plain text, for a terminal. Pure: numbers and strings in, lines out. */

export interface PlotSeries {
  /** One character. */
  mark: string;
  points: readonly { x: number; y: number }[];
}

export interface PlotOptions {
  xTitle: string;
  yTitle: string;
  width?: number;
  height?: number;
}

/** Scatter of positive x and y on logarithmic axes; a later series is drawn over an earlier one. Empty without points. */
export function logLogPlot(series: readonly PlotSeries[], options: PlotOptions): string[] {
  const { xTitle, yTitle, width = 60, height = 14 } = options;
  const isShown = ({ x, y }: { x: number; y: number }): boolean => x > 0 && y > 0 && Number.isFinite(x * y);
  const all = series.flatMap(({ points }) => points.filter(isShown));
  if (all.length === 0) return [];
  const [x, y] = [axis(all.map((p) => p.x)), axis(all.map((p) => p.y))];
  const cells = Array.from({ length: height }, () => new Array<string>(width).fill(' '));
  for (const { mark, points } of series)
    for (const point of points.filter(isShown)) {
      const column = Math.round(x.share(point.x) * (width - 1));
      const row = Math.round((1 - y.share(point.y)) * (height - 1));
      cells[row]![column] = mark;
    }
  const labelled = new Map(
    [0, Math.floor((height - 1) / 2), height - 1].map((row) => [row, y.at(1 - row / (height - 1))]),
  );
  const margin = Math.max(...[...labelled.values()].map((v) => tick(v).length));
  const rows = cells.map((row, i) => {
    const label = labelled.get(i);
    return `${(label === undefined ? '' : tick(label)).padStart(margin)} ${label === undefined ? '|' : '+'}${row.join('')}`;
  });
  const [left, right] = [tick(x.at(0)), tick(x.at(1))];
  const middle = xTitle.padStart(Math.floor((width - left.length - right.length + xTitle.length) / 2));
  const below = `${' '.repeat(margin + 2)}${left}${middle.padEnd(width - left.length - right.length)}${right}`;
  return [yTitle, ...rows, `${' '.repeat(margin)} +${'-'.repeat(width)}`, below].map((line) => line.trimEnd());
}

/** The range of `values` in logs; one value has a range of its own around it. */
function axis(values: readonly number[]) {
  const logs = values.map(Math.log);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const [start, span] = high > low ? [low, high - low] : [low - 0.5, 1];
  return {
    share: (value: number): number => (Math.log(value) - start) / span,
    at: (share: number): number => Math.exp(start + share * span),
  };
}

/** A number as a tick: three digits, exponents from 1e5 on. */
function tick(x: number): string {
  if (x >= 1e-3 && x < 1e5) return String(Number(x.toPrecision(3)));
  return x.toExponential(1).replace('e+', 'e').replace('.0e', 'e');
}

/** @file Figure: runs that no law was fitted to, predicted by several laws side by side.
 * One column a law: above, the predicted against the measured loss with the line of equality; below, the error in
 * percent. Bars are the intervals of the law's prediction. A law that misses on one side has the wrong form there,
 * however well it fits the runs it has seen; the scatter of those is the grey band. By hold-out error, best first.
 */

import { formatNumber } from '../../lib/format.ts';
import { createDocument, type SvgNode } from '../document.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, type RichText, shorten } from '../rich-text.ts';
import { COLOR, FIGURE_WIDTH, FONT_SIZE, SERIES } from '../theme.ts';
import { isPlottable, isPositive, linearDomain } from '../ticks.ts';

interface HeldOutLaw {
  law: string;
  runs: readonly { L: number; predicted: number; interval: readonly [number, number] | null }[];
  /** Of the errors of log loss on the held-out runs, and on those fitted. */
  rms: number;
  fitted_rms: number;
}

export interface HoldOutInput {
  laws: readonly HeldOutLaw[];
}

const LABEL = 'Held-out runs: predicted against measured loss';
const TOP_HEIGHT = 222;
const BOTTOM_HEIGHT = 160;
const LEFT = 62;
const RIGHT = 16;
const GAP = 18;
/** Laws side by side at most. */
const MOST = 4;

/** The figure as SVG; loss in nats a token. */
export function holdOutErrors(input: HoldOutInput): string {
  const document = createDocument();
  const laws = input.laws
    .map((law) => ({ ...law, runs: law.runs.filter((r) => isPositive(r.L) && isPositive(r.predicted)).map(withError) }))
    .filter((law) => law.runs.length > 0)
    .slice(0, MOST);
  if (laws.length === 0) return drawMessage(document, LABEL, 'No law predicted a held-out run.');
  const all = laws.flatMap((law) => law.runs);
  const domain = linearDomain(
    all.flatMap((r) => [r.L, r.predicted]),
    0.07,
    0.02,
  )!;
  const bands = laws.map(({ fitted_rms }) => (isPlottable(fitted_rms) ? Math.abs(fitted_rms) : 0));
  const errors = linearDomain(
    [0, ...all.flatMap((r) => [r.error, ...(r.errorEnds ?? [])]), ...bands, ...bands.map((v) => -v)],
    0.08,
    0.004,
  )!;
  const inner = (FIGURE_WIDTH - LEFT - RIGHT - (laws.length - 1) * GAP) / laws.length;
  const content = laws.flatMap((law, i): SvgNode[] => {
    const color = SERIES[i]!;
    const bars = law.runs.filter((r) => r.ends !== null);
    const isFirst = i === 0;
    const frame = {
      width: inner + (isFirst ? LEFT : GAP) + (i === laws.length - 1 ? RIGHT : 0),
      left: isFirst ? LEFT : GAP,
      x: isFirst ? 0 : LEFT + i * inner + (i - 1) * GAP,
    };
    const right = i === laws.length - 1 ? RIGHT : 0;
    const r = law.runs.length > 40 ? 2.4 : 3.6;
    const rms = isPlottable(law.rms) ? ` ${formatNumber(100 * law.rms, 2)}%` : '';
    const above = drawPanel(document, {
      at: [frame.x, 0],
      width: frame.width,
      height: TOP_HEIGHT,
      margin: { top: 44, right, bottom: 24, left: frame.left },
      x: { scale: 'linear', domain, format: 'plain', labels: false },
      y: {
        scale: 'linear',
        domain,
        format: 'plain',
        ...(isFirst ? { title: 'predicted loss' as RichText } : { labels: false }),
      },
      marks: [
        Plot.link([domain], { x1: '0', x2: '1', y1: '0', y2: '1', stroke: COLOR.muted, strokeWidth: 1.2 }),
        Plot.link(bars, {
          x1: 'L',
          x2: 'L',
          y1: (r: { low: number }) => Math.max(r.low, domain[0]),
          y2: (r: { high: number }) => Math.min(r.high, domain[1]),
          stroke: color,
          strokeWidth: 1.4,
        }),
        Plot.dot(law.runs, { x: 'L', y: 'predicted', r, fill: color, stroke: COLOR.background, strokeWidth: 0.6 }),
      ],
      overlays: [
        ({ left, top }) =>
          drawText(document, {
            x: left,
            y: top - 30,
            text: shorten(law.law, inner, FONT_SIZE.title),
            size: FONT_SIZE.title,
          }),
        ({ left, top }) =>
          drawText(document, {
            x: left,
            y: top - 13,
            text: `rms error${rms}`,
            size: FONT_SIZE.note,
            fill: COLOR.muted,
          }),
      ],
    });
    const band = bands[i]!;
    const below = drawPanel(document, {
      at: [frame.x, TOP_HEIGHT],
      width: frame.width,
      height: BOTTOM_HEIGHT,
      margin: { top: 8, right, bottom: 48, left: frame.left },
      x: { scale: 'linear', domain, format: 'plain', title: 'measured loss' },
      y: {
        scale: 'linear',
        domain: errors,
        format: 'percent',
        ...(isFirst ? { title: 'error, %' as RichText } : { labels: false }),
      },
      marks: [
        Plot.rectY([0], { y1: -band, y2: band, fill: COLOR.axis, fillOpacity: 0.2 }),
        Plot.ruleY([0], { stroke: COLOR.muted, strokeWidth: 1.2 }),
        Plot.link(bars, { x1: 'L', x2: 'L', y1: 'errorLow', y2: 'errorHigh', stroke: color, strokeWidth: 1.4 }),
        Plot.dot(law.runs, { x: 'L', y: 'error', r, fill: color, stroke: COLOR.background, strokeWidth: 0.6 }),
      ],
    });
    return [above, below];
  });
  const spoken = laws.map(({ law, rms }) => `${law} ${formatNumber(100 * rms, 2)} percent`);
  return drawSheet({ height: TOP_HEIGHT + BOTTOM_HEIGHT, label: `${LABEL}; rms error: ${spoken.join(', ')}`, content });
}

/** The run with its error `ln(predicted / L)` and the ends of both. */
function withError({ L, predicted, interval }: HeldOutLaw['runs'][number]) {
  const [low, high] = interval ?? [0, 0];
  const ends = isPositive(low) && isPositive(high) && low <= high ? ([low, high] as const) : null;
  const errorEnds = ends && ([Math.log(ends[0] / L), Math.log(ends[1] / L)] as const);
  return {
    L,
    predicted,
    error: Math.log(predicted / L),
    ends,
    errorEnds,
    low: ends?.[0] ?? predicted,
    high: ends?.[1] ?? predicted,
    errorLow: errorEnds?.[0] ?? 0,
    errorHigh: errorEnds?.[1] ?? 0,
  };
}

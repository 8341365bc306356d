/** @file Figure: the error of a prediction against how far beyond the fitted runs it reaches, several laws together.
 * Each law was fitted to the runs up to some compute and scored on the later ones, for one such cut or several. Dots are
 * held-out runs at their distance in decades of compute; the lines join root mean square errors of bins of equally many
 * runs. A line that climbs says how soon the law's form fails, which no interval of the law itself can say.
 */

import { formatNumber } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { type EndLabel, endLabels } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, textWidth } from '../rich-text.ts';
import { COLOR, SERIES } from '../theme.ts';
import { isPlottable, linearDomain, logDomain } from '../ticks.ts';

interface Miss {
  /** Decades of compute beyond the largest fitted run. */
  decades: number;
  /** log predicted less log measured. */
  error: number;
}

export interface ErrorByDistanceInput {
  laws: readonly { law: string; runs: readonly Miss[] }[];
}

const LABEL = 'Hold-out error against the distance beyond the fitted runs';
const HEIGHT = 330;
/** Bins along the distance at most, and runs in each at least. */
const BINS = 6;
const IN_BIN = 4;
/** An error of log loss below this is rounding. */
const ROUNDING = 1e-12;
/** Decades within which runs are at one distance. */
const SAME_DISTANCE = 0.02;
/** Errors this many times smaller than the smallest mean are drawn there: a log axis has no zero. */
const BELOW = 10;

/** The figure as SVG; errors are of log loss. */
export function errorByDistance(input: ErrorByDistanceInput): string {
  const document = createDocument();
  const all = input.laws.slice(0, SERIES.length).flatMap(({ law, runs }, i) => {
    const usable = runs.filter((r) => isPlottable(r.decades) && isPlottable(r.error) && Math.abs(r.error) > ROUNDING);
    return usable.length > 0 ? [{ law, runs: usable, color: SERIES[i]! }] : [];
  });
  const binnedLaws = all.map((law) => ({ ...law, bins: binned(law.runs) }));
  const least = Math.min(...binnedLaws.flatMap((law) => law.bins.map((bin) => bin.error))) / BELOW;
  const laws = binnedLaws.map((law) => ({
    ...law,
    dots: law.runs.map(({ decades, error }) => ({
      decades,
      error: Math.max(Math.abs(error), least),
      color: law.color,
    })),
  }));
  const dots = laws.flatMap((law) => law.dots);
  const xDomain = linearDomain([0, ...dots.map((d) => d.decades)], 0.04, 0.05);
  const percent = (error: number): number => 100 * error;
  const yDomain = logDomain(
    dots.map((d) => percent(d.error)),
    0.05,
    4,
  );
  if (xDomain === null || yDomain === null) return drawMessage(document, LABEL, 'No run was held out.');
  const inPercent = (d: { error: number }): number => percent(d.error);
  const isMany = dots.length > 150;
  const labels: EndLabel[] = laws.map(({ law, bins, color }) => {
    const far = bins.at(-1)!;
    return { x: far.decades, y: percent(far.error), text: `${law}, ${formatNumber(percent(far.error), 2)}%`, color };
  });
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 16, right: Math.ceil(Math.max(...labels.map((l) => textWidth(l.text)))) + 26, bottom: 48 },
    x: {
      scale: 'linear',
      domain: xDomain,
      format: 'plain',
      title: ['decades of ', it('C'), ' beyond the largest fitted run'],
    },
    y: { scale: 'log', domain: yDomain, format: 'plain', title: ['size of the error of ', it('L'), ', %'] },
    marks: [
      Plot.dot(dots, {
        x: 'decades',
        y: inPercent,
        r: isMany ? 1.6 : 2.4,
        fill: (d: { color: string }) => d.color,
        fillOpacity: isMany ? 0.25 : 0.4,
      }),
      ...laws.map(({ bins, color }) =>
        Plot.line(bins, { x: 'decades', y: inPercent, stroke: color, strokeWidth: 2.2 }),
      ),
      ...laws.map(({ bins, color }) =>
        Plot.dot(bins, { x: 'decades', y: inPercent, r: 4.2, fill: color, stroke: COLOR.background, strokeWidth: 1 }),
      ),
    ],
    overlays: [(frame) => endLabels(frame, labels)],
  });
  const spoken = labels.map((l) => String(l.text));
  return drawSheet({ height: HEIGHT, label: `${LABEL}; at the furthest: ${spoken.join('; ')}`, content: [panel] });
}

/** Mean distance and root mean square error of bins of about equally many runs; runs at one distance share a bin. */
function binned(runs: readonly Miss[]): { decades: number; error: number }[] {
  const sorted = [...runs].sort((p, q) => p.decades - q.decades);
  const size = Math.max(IN_BIN, Math.ceil(sorted.length / BINS));
  const bins: Miss[][] = [];
  for (const run of sorted) {
    const last = bins.at(-1);
    const isNear = last !== undefined && run.decades - last.at(-1)!.decades < SAME_DISTANCE;
    if (last !== undefined && (last.length < size || isNear)) last.push(run);
    else bins.push([run]);
  }
  const mean = (own: readonly Miss[], of: (run: Miss) => number): number =>
    own.reduce((s, r) => s + of(r), 0) / own.length;
  return bins.map((own) => ({
    decades: mean(own, (r) => r.decades),
    error: Math.sqrt(mean(own, (r) => r.error ** 2)),
  }));
}

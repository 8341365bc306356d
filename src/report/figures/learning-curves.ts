/** @file Figure: validation loss against training tokens, one line a run, coloured and labelled by model size.
 * The first picture of any scaling study (Kaplan et al. 2020, figure 2; Hoffmann et al. 2022, figure 2). Runs of one
 * size share a colour; the longest of them carries the size's label: at its end where the ends lie apart (the runs of
 * an isoFLOP grid), else in a column at the right. A language of known entropy adds its floor.
 */

import { formatCount, formatFixed } from '../../lib/format.ts';
import { groupBy } from '../../lib/group-by.ts';
import { createDocument, type SvgNode } from '../document.ts';
import { choosePlaces, drawPlaced, type EndLabel, endLabels } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet, type Frame, group } from '../panel.ts';
import { Plot } from '../plot.ts';
import { drawText, it, join, type RichText, textWidth } from '../rich-text.ts';
import { COLOR, FIGURE_WIDTH, FONT_SIZE, sequentialByRank } from '../theme.ts';
import { extent, isPositive, linearDomain, logDomain } from '../ticks.ts';

interface LearningCurve {
  /** Parameters by the counting that `sizeTitle` names. */
  N: number;
  /** Evaluations in any order; a loss that is not a number is a gap. */
  points: readonly { tokens: number; loss: number | null }[];
}

export interface LearningCurvesInput {
  curves: readonly LearningCurve[];
  /** Default: log where the losses span a factor of 3 or more, else linear. */
  lossScale?: 'linear' | 'log';
  /** Exact entropy in nats a token, drawn as a line. */
  floor?: { value: number; label?: string };
  /** What the sizes count. Default "parameters". */
  sizeTitle?: RichText;
}

interface Row {
  run: number;
  N: number;
  tokens: number;
  loss: number;
}

const LABEL = 'Learning curves: validation loss against training tokens';
const HEIGHT = 400;

/** The figure as SVG; loss in nats a token. Evaluations without a positive finite loss are left out. */
export function learningCurves(input: LearningCurvesInput): string {
  const document = createDocument();
  const { sizeTitle = ['parameters ', it('N')] } = input;
  const floor = input.floor !== undefined && isPositive(input.floor.value) ? input.floor : null;
  const rows = input.curves.flatMap(toRows);
  const xDomain = logDomain(
    rows.map((r) => r.tokens),
    0.03,
  );
  const losses = [...rows.map((r) => r.loss), ...(floor === null ? [] : [floor.value])];
  const lossScale = input.lossScale ?? (Math.max(...losses) >= 3 * Math.min(...losses) ? 'log' : 'linear');
  const yDomain = lossScale === 'log' ? logDomain(losses, 0.05, 1.001) : linearDomain(losses, 0.05);
  if (rows.length === 0 || xDomain === null || yDomain === null) {
    return drawMessage(document, LABEL, 'No run has an evaluation yet.');
  }

  const ends = [...groupBy(rows, (r) => r.run).values()].map((run) => run.at(-1)!);
  const colors = sequentialByRank(ends.map((e) => e.N));
  const color = (row: Row): string => colors.get(row.N)!;
  const longest = [...groupBy(ends, (e) => e.N).values()]
    .map((same) => same.reduce((a, b) => (b.tokens > a.tokens ? b : a)))
    .sort((a, b) => a.N - b.N);
  const isInPlace = liesApart(
    longest.map((e) => e.tokens),
    xDomain,
  );
  const labels = longest.map((e) => ({ x: e.tokens, y: e.loss, text: formatCount(e.N), color: color(e) }));
  const labelWidth = Math.max(textWidth(sizeTitle, FONT_SIZE.note), ...labels.map((l) => textWidth(l.text)));
  const panel = drawPanel(document, {
    height: HEIGHT,
    margin: { top: 16, right: isInPlace ? 28 : Math.ceil(labelWidth) + 26, bottom: 48 },
    x: { scale: 'log', domain: xDomain, format: 'power', title: ['training tokens ', it('D')] },
    y: { scale: lossScale, domain: yDomain, format: 'plain', title: ['validation loss ', it('L'), ' (nats / token)'] },
    marks: [
      ...(floor ? [Plot.ruleY([floor.value], { stroke: COLOR.ink, strokeDasharray: '5,4', strokeWidth: 1 })] : []),
      Plot.line(rows, {
        x: 'tokens',
        y: 'loss',
        z: 'run',
        stroke: color,
        strokeWidth: ends.length > 40 ? 1 : 1.5,
        strokeOpacity: 0.9,
      }),
      Plot.dot(ends, { x: 'tokens', y: 'loss', r: 2.8, fill: color, stroke: COLOR.background, strokeWidth: 0.8 }),
    ],
    overlays: [
      (frame) => (isInPlace ? labelsInPlace(frame, labels, rows, sizeTitle) : endLabels(frame, labels, sizeTitle)),
      (frame) => (floor ? floorLabel(frame, floor.value, floor.label ?? 'exact entropy') : null),
    ],
  });
  const [least, most] = extent(ends.map((e) => e.N))!;
  const sizes = least === most ? `size ${formatCount(least)}` : `sizes ${formatCount(least)} to ${formatCount(most)}`;
  return drawSheet({ height: HEIGHT, label: `${LABEL}, ${ends.length} runs, ${sizes}`, content: [panel] });
}

function toRows({ N, points }: LearningCurve, run: number): Row[] {
  return points
    .flatMap(({ tokens, loss }) =>
      isPositive(loss) && isPositive(tokens) && isPositive(N) ? [{ run, N, tokens, loss }] : [],
    )
    .sort((a, b) => a.tokens - b.tokens);
}

/** Whether labels can stand under the ends: these are 11 of about 540 pixels apart, or spread over 100 of them. */
function liesApart(tokens: readonly number[], domain: readonly [number, number]): boolean {
  const perPixel = (Math.log(domain[1]) - Math.log(domain[0])) / (FIGURE_WIDTH - 100);
  const sorted = tokens.map((t) => Math.log(t) / perPixel).sort((a, b) => a - b);
  return sorted.at(-1)! - sorted[0]! > 100 || sorted.every((v, i) => i === 0 || v - sorted[i - 1]! >= 11);
}

/** Each label under the end of its line, lower with a leader where its neighbour is in the way; left out where there
 * is no room. `ends` by size; the largest and smallest go first, so that the ends of the colour order are named. */
function labelsInPlace(frame: Frame, ends: EndLabel[], rows: readonly Row[], title: RichText): SvgNode {
  const { document } = frame;
  const labels = ends.map((_, i) => ends[i % 2 === 0 ? ends.length - 1 - i / 2 : (i - 1) / 2]!);
  const lines = [...groupBy(rows, (r) => r.run).values()].map((run) =>
    run.map((r) => [frame.x(r.tokens), frame.y(r.loss)] as const),
  );
  const placed = labels.map((label) => {
    const [x, y] = [frame.x(label.x), frame.y(label.y)];
    const below = [13, 28, 43].map((dy) => ({ x, y: y + dy, anchor: 'middle' as const }));
    const places = [...below, { x: x + 7, y, anchor: 'start' as const }, { x, y: y - 12, anchor: 'middle' as const }];
    return { text: label.text, color: label.color, mark: [x, y] as const, places };
  });
  const bounds = { ...frame, right: frame.right + 26 };
  const chosen = choosePlaces(bounds, placed, { dots: lines.map((line) => line.at(-1)!), lines });
  const places = chosen.map((place, i) => place ?? (i < 2 ? placed[i]!.places[3]! : null));
  const note = { x: frame.right, y: frame.top + 8, anchor: 'end' as const, size: FONT_SIZE.note, fill: COLOR.muted };
  return group(document, {}, [
    drawPlaced(frame, placed, places),
    drawText(document, { ...note, text: join('labels: ', title), halo: true }),
  ]);
}

function floorLabel(frame: Frame, value: number, label: string): SvgNode {
  const text = `${label} ${formatFixed(value, 3)}`;
  return drawText(frame.document, { x: frame.left + 8, y: frame.y(value) - 9, text, size: FONT_SIZE.note, halo: true });
}

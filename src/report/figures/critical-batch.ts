/** @file Figure: steps against tokens to a loss at several batch sizes, and the critical batch over the loss.
 * After McCandlish et al. 2018, arXiv 1812.06162, and figure 10 of Kaplan et al. 2020. Left, each loss is a hyperbola
 * `(S/S_min - 1)(E/E_min - 1) = 1`: more tokens a batch save steps and cost tokens, and its corner lies at the critical
 * batch, the dashed diagonal. Right, `B_crit = B* / L^(1/alpha_B)` of all losses together, beside that of each loss alone;
 * what lies outside the shaded batches is extrapolated. Of several sizes, the one that is known best stands left.
 */

import { formatCount, formatInterval, formatNumber } from '../../lib/format.ts';
import { groupBy } from '../../lib/group-by.ts';
import { createDocument, type SvgDocument, type SvgNode } from '../document.ts';
import { drawKey } from '../key.ts';
import { choosePlaces, drawPlaced, type PlacedLabel } from '../labels.ts';
import { drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, sub } from '../rich-text.ts';
import { CATEGORY, COLOR, FIGURE_WIDTH, FONT_SIZE, sequentialByRank } from '../theme.ts';
import { isPositive, logDomain } from '../ticks.ts';

interface LossHyperbola {
  N: number;
  L: number;
  /** Steps to this loss at each batch, tokens. */
  batches: readonly { B: number; S: number }[];
  /** By this loss alone; null where the batches show one branch only. */
  B_crit: number | null;
}

export interface CriticalBatchInput {
  hyperbolas: readonly LossHyperbola[];
  /** `B_crit(L) = B_star / L^(1/alpha_B)`, tokens. */
  B_star: number;
  alpha_B: number;
  /** Of alpha_B. */
  interval: readonly [number, number] | null;
}

const LABEL = 'Critical batch: steps against tokens at fixed losses, and the critical batch over the loss';
const HEIGHT = 380;
const LEFT_WIDTH = 352;
/** Hyperbolas drawn at most: more cannot be told apart. */
const MOST = 7;

interface Shown extends LossHyperbola {
  critical: number;
  S_min: number;
}

/** The figure as SVG; B and E in tokens, loss in nats a token. */
export function criticalBatch(input: CriticalBatchInput): string {
  const document = createDocument();
  const all = input.hyperbolas.flatMap(({ N, L, batches, B_crit }): Shown[] => {
    const own = batches.filter(({ B, S }) => isPositive(B) && isPositive(S));
    const critical = input.B_star / L ** (1 / input.alpha_B);
    if (own.length === 0 || !isPositive(L) || !isPositive(critical)) return [];
    // The joint law's S_min is the mean in logs of S / (1 + B_crit/B).
    const mean = own.reduce((sum, { B, S }) => sum + Math.log(S / (1 + critical / B)), 0) / own.length;
    const S_min = Math.exp(mean);
    return isPositive(S_min) ? [{ N, L, batches: own, B_crit, critical, S_min }] : [];
  });
  if (all.length === 0) return drawMessage(document, LABEL, 'No loss was reached at several batch sizes.');
  const sorted = [...all].sort((p, q) => p.L - q.L);
  const bySize = [...groupBy(sorted, (h) => h.N).values()];
  const own = bySize.reduce((p, q) => (batchesIn(q) > batchesIn(p) ? q : p));
  const step = Math.max(1, (own.length - 1) / (MOST - 1));
  const picked = own.length <= MOST ? own : Array.from({ length: MOST }, (_, i) => own[Math.round(i * step)]!);
  const content = [drawTrade(document, picked), drawCritical(document, input, sorted)];
  const label = `${LABEL}, ${all.length} losses; alpha_B ${formatInterval(input.alpha_B, input.interval, 3)}`;
  return drawSheet({ height: HEIGHT, label, content });
}

/** How much is known of the losses of a size. */
const batchesIn = (own: readonly Shown[]): number => own.reduce((sum, h) => sum + h.batches.length, 0);

/** Steps over tokens, a hyperbola a loss. */
function drawTrade(document: SvgDocument, shown: readonly Shown[]): SvgNode {
  // Small losses dark: they take the most.
  const colors = sequentialByRank(shown.map((h) => -h.L));
  const color = (h: { L: number }): string => colors.get(-h.L)!;
  const lines = shown.map((h) => {
    const batches = h.batches.map((p) => p.B);
    const [low, high] = [Math.min(...batches) / 1.5, Math.max(...batches) * 1.5];
    const line = Array.from({ length: 61 }, (_, i) => {
      const B = low * (high / low) ** (i / 60);
      const S = h.S_min * (1 + h.critical / B);
      return { E: B * S, S };
    });
    return { ...h, line };
  });
  const dots = shown.flatMap((h) => h.batches.map(({ B, S }) => ({ L: h.L, E: B * S, S })));
  const corners = shown.map((h) => ({ E: 2 * h.S_min * h.critical, S: 2 * h.S_min })).sort((p, q) => p.S - q.S);
  const places = [...lines.flatMap((l) => l.line), ...dots].filter((p) => isPositive(p.E) && isPositive(p.S));
  const x = logDomain(
    places.map((p) => p.E),
    0.04,
  )!;
  const y = logDomain(
    places.map((p) => p.S),
    0.07,
  )!;
  const inside = corners.filter((c) => c.E >= x[0] && c.E <= x[1] && c.S >= y[0] && c.S <= y[1]);
  return drawPanel(document, {
    width: LEFT_WIDTH,
    height: HEIGHT,
    margin: { top: 40, right: 12, bottom: 48 },
    x: { scale: 'log', domain: x, format: 'power', title: ['tokens ', it('E'), ' = ', it('B'), ' ', it('S')] },
    y: { scale: 'log', domain: y, format: 'power', title: ['steps ', it('S')] },
    marks: [
      Plot.line(inside, { x: 'E', y: 'S', stroke: COLOR.ink, strokeWidth: 1.2, strokeDasharray: '5,4' }),
      ...lines.map((l) => Plot.line(l.line, { x: 'E', y: 'S', stroke: color(l), strokeWidth: 1.7 })),
      Plot.dot(dots, { x: 'E', y: 'S', r: 3.2, fill: color, stroke: COLOR.background, strokeWidth: 0.7 }),
    ],
    overlays: [
      (frame) => {
        const labels = [...lines].reverse().map((l, i): PlacedLabel => {
          const start = l.line[0]!;
          const end = l.line.at(-1)!;
          const [p, q] = [start, end].map((s) => [frame.x(s.E), frame.y(s.S)] as const) as [Pixel, Pixel];
          const text = formatNumber(l.L, 3);
          return {
            text: i === 0 ? join([it('L')], ` = ${text}`) : text,
            color: color(l),
            size: FONT_SIZE.note,
            places: [
              { x: p[0], y: p[1] - 10, anchor: 'middle' },
              { x: p[0] + 4, y: p[1] - 10, anchor: 'start' },
              { x: p[0] - 5, y: p[1] - 4, anchor: 'end' },
              { x: q[0], y: q[1] + 11, anchor: 'end' },
            ],
          };
        });
        const obstacles = lines.map((l) => l.line.map((s) => [frame.x(s.E), frame.y(s.S)] as const));
        const dotPixels = dots.map((d) => [frame.x(d.E), frame.y(d.S)] as const);
        return drawPlaced(frame, labels, choosePlaces(frame, labels, { lines: obstacles, dots: dotPixels }));
      },
      (frame) =>
        drawKey(frame, [
          { mark: 'dot', text: 'a batch' },
          { mark: 'line', text: 'law of all losses' },
          ...(inside.length > 1 ? [{ mark: 'dashed' as const, text: 'at the critical batch', color: COLOR.ink }] : []),
        ]),
    ],
  });
}

type Pixel = readonly [number, number];

/** B_crit over the loss. */
function drawCritical(document: SvgDocument, input: CriticalBatchInput, all: readonly Shown[]): SvgNode {
  const [least, most] = [all[0]!.L, all.at(-1)!.L];
  const x = logDomain([least, most], 0.1, 1.05)!;
  const line = x.map((L) => ({ L, B: input.B_star / L ** (1 / input.alpha_B) })).filter((p) => isPositive(p.B));
  const alone = all.flatMap(({ L, B_crit }) => (isPositive(B_crit) ? [{ L, B: B_crit }] : []));
  const tried = all.flatMap((h) => h.batches.map((p) => p.B));
  const [smallest, largest] = [Math.min(...tried), Math.max(...tried)];
  const near = alone.filter(({ B }) => B > smallest / 100 && B < largest * 100);
  const y = logDomain([smallest, largest, ...line.map((p) => p.B), ...near.map((p) => p.B)], 0.06)!;
  const words = formatInterval(input.alpha_B, input.interval, 3).replaceAll('-', '−');
  return drawPanel(document, {
    at: [LEFT_WIDTH, 0],
    width: FIGURE_WIDTH - LEFT_WIDTH,
    height: HEIGHT,
    margin: { top: 40, right: 14, bottom: 48 },
    x: { scale: 'log', domain: x, format: 'plain', title: ['loss ', it('L'), ' (nats / token)'] },
    y: { scale: 'log', domain: y, format: 'power', title: ['critical batch ', it('B'), sub('crit'), ' (tokens)'] },
    marks: [
      Plot.rectY([0], { y1: smallest, y2: largest, fill: COLOR.axis, fillOpacity: 0.14 }),
      Plot.line(line, { x: 'L', y: 'B', stroke: CATEGORY.ours, strokeWidth: 2.2 }),
      Plot.dot(near, { x: 'L', y: 'B', r: 3.6, fill: COLOR.background, stroke: CATEGORY.ours, strokeWidth: 1.6 }),
    ],
    overlays: [
      (frame) => {
        const label: PlacedLabel = {
          text: join([it('α'), sub('B')], ` = ${words}`),
          color: CATEGORY.ours,
          places: [
            { x: frame.right - 6, y: frame.top + 12, anchor: 'end' },
            { x: frame.right - 6, y: frame.bottom - 12, anchor: 'end' },
            { x: frame.left + 6, y: frame.bottom - 12, anchor: 'start' },
          ],
        };
        const note: PlacedLabel = {
          text: `batches tried, ${formatCount(smallest)} to ${formatCount(largest)}`,
          color: COLOR.muted,
          size: FONT_SIZE.note,
          places: [
            { x: frame.left + 6, y: frame.y(smallest) - 9, anchor: 'start' },
            { x: frame.left + 6, y: frame.y(largest) + 10, anchor: 'start' },
          ],
        };
        const lines = [line.map((p) => [frame.x(p.L), frame.y(p.B)] as const)];
        const dots = near.map((p) => [frame.x(p.L), frame.y(p.B)] as const);
        return drawPlaced(frame, [label, note], choosePlaces(frame, [label, note], { lines, dots }));
      },
      (frame) =>
        drawKey(frame, [
          { mark: 'line', text: 'all losses', color: CATEGORY.ours },
          ...(near.length > 0 ? [{ mark: 'ring' as const, text: 'a loss alone', color: CATEGORY.ours }] : []),
        ]),
    ],
  });
}

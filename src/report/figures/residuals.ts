/** @file Figure: what the fitted law leaves over, against model size, data and predicted loss.
 * Residuals are `ln L - ln L_fit`, in percent, the quantity that the fit minimises (Hoffmann et al. 2022, appendix D.3).
 * A law that fits scatters about zero within the spread between seeds and shows no bend, no slope and no order of colours;
 * a bend against D is how a change of regime shows itself. One panel a variable, one axis of residuals for all. Against N,
 * a dash at the mean of each size shows the offsets that runs of a size share; outliers are ringed and named.
 */

import { formatNumber } from '../../lib/format.ts';
import { createDocument, type SvgNode } from '../document.ts';
import { drawKey, type KeyItem } from '../key.ts';
import { choosePlaces, drawPlaced, type Place, type PlacedLabel } from '../labels.ts';
import { type Axis, drawMessage, drawPanel, drawSheet, type Frame, path } from '../panel.ts';
import { Plot } from '../plot.ts';
import { it, join, type RichText, scientific, shorten } from '../rich-text.ts';
import { CATEGORY, COLOR, FIGURE_WIDTH, FONT_SIZE, sequentialByRank } from '../theme.ts';
import { isPlottable, isPositive, linearDomain, logDomain } from '../ticks.ts';

interface Residual {
  N: number;
  D: number;
  /** L_fit, nats a token. */
  predicted: number;
  /** `ln L - ln L_fit` */
  residual: number;
  /** The isoFLOP budget of the run, or null. */
  C: number | null;
  /** The run's name, where it is an outlier. */
  outlier?: string | null;
}

export interface ResidualsInput {
  points: readonly Residual[];
  /** Standard deviation of ln L between seeds, drawn as a band about zero. */
  seedSpread?: number;
  sizeTitle?: RichText;
}

const LABEL = 'Residuals of the fitted law against parameters, tokens and predicted loss';
const HEIGHT = 300;
const LEFT = 62;
const GAP = 24;
/** Sizes within this factor are one: a table repeats a size to few digits. */
const SAME_SIZE = 1.001;
/** Outliers named at most, and the width of a name. */
const MOST_NAMED = 4;
const LONGEST_NAME = 120;

/** The figure as SVG. */
export function residuals({ points, seedSpread, sizeTitle = ['parameters ', it('N')] }: ResidualsInput): string {
  const document = createDocument();
  const shown = points.filter(
    (p) => [p.N, p.D, p.predicted].every(isPositive) && isPlottable(p.residual) && (p.C === null || isPositive(p.C)),
  );
  const spread = seedSpread !== undefined && isPositive(seedSpread) ? seedSpread : null;
  const largest = Math.max(...shown.map((p) => Math.abs(p.residual)), 1.2 * (spread ?? 0), 1e-6);
  if (shown.length === 0) return drawMessage(document, LABEL, 'No fit to take residuals from.');

  const colors = sequentialByRank(shown.flatMap((p) => (p.C === null ? [] : [p.C])));
  const color = (p: Residual): string => (p.C === null ? COLOR.muted : colors.get(p.C)!);
  const y: Axis = { scale: 'linear', domain: linearDomain([-largest, largest], 0.08)!, format: 'percent' };
  const inner = (FIGURE_WIDTH - LEFT - 2 * GAP - 14) / 3;
  const means = sizeMeans(shown);
  const outliers = shown.filter((p) => p.outlier);
  const r = shown.length > 120 ? 2.2 : 3;
  const rms = Math.sqrt(shown.reduce((s, p) => s + p.residual ** 2, 0) / shown.length);
  const variables: { key: 'N' | 'D' | 'predicted'; title: RichText }[] = [
    { key: 'N', title: sizeTitle },
    { key: 'D', title: ['tokens ', it('D')] },
    { key: 'predicted', title: ['predicted ', it('L'), ' (nats / token)'] },
  ];
  const content = variables.map(({ key, title }, i) => {
    const values = shown.map((p) => p[key]);
    const isLog = key !== 'predicted';
    return drawPanel(document, {
      at: [i === 0 ? 0 : LEFT + i * (inner + GAP), 0],
      width: inner + (i === 0 ? LEFT : 0) + 14,
      height: HEIGHT,
      margin: { top: 40, right: 14, bottom: 48, left: i === 0 ? LEFT : 0 },
      x: isLog
        ? { scale: 'log', domain: logDomain(values, 0.08)!, format: 'power', title }
        : { scale: 'linear', domain: linearDomain(values, 0.08)!, format: 'plain', title },
      y: i === 0 ? { ...y, title: ['residual ln(', it('L'), ' / fit), %'] } : { ...y, labels: false },
      marks: [
        ...(spread === null ? [] : [Plot.rectY([0], { y1: -spread, y2: spread, fill: COLOR.axis, fillOpacity: 0.2 })]),
        Plot.ruleY([0], { stroke: COLOR.muted, strokeWidth: 1.2 }),
        Plot.dot(shown, { x: key, y: 'residual', r, fill: color, stroke: COLOR.background, strokeWidth: 0.7 }),
        Plot.dot(outliers, { x: key, y: 'residual', r: r + 3, stroke: CATEGORY.kaplan, strokeWidth: 1.6 }),
      ],
      overlays:
        i > 0
          ? []
          : [
              (frame) => (means.length > 0 ? dashes(frame, means) : null),
              (frame) => (outliers.length > 0 ? names(frame, shown, outliers) : null),
              (frame) => {
                const items: KeyItem[] = [{ mark: 'line', text: `zero (rms ${formatNumber(100 * rms, 2)}%)` }];
                if (spread !== null)
                  items.push({ mark: 'band', text: `±sd of seeds ${formatNumber(100 * spread, 2)}%` });
                if (means.length > 0) items.push({ mark: 'thick', text: 'mean of a size', color: COLOR.ink });
                if (outliers.length > 0) items.push({ mark: 'ring', text: 'outlier', color: CATEGORY.kaplan });
                return drawKey(frame, [...items, ...budgetKey(colors, 6 - items.length)]);
              },
            ],
    });
  });
  return drawSheet({
    height: HEIGHT,
    label: `${LABEL}, ${shown.length} runs, rms ${formatNumber(100 * rms, 2)} percent`,
    content,
  });
}

/** The mean residual of each size with two runs or more. */
function sizeMeans(points: readonly Residual[]): { N: number; mean: number }[] {
  const sizes: Residual[][] = [];
  for (const point of [...points].sort((p, q) => p.N - q.N)) {
    const last = sizes.at(-1);
    if (last && point.N <= last[0]!.N * SAME_SIZE) last.push(point);
    else sizes.push([point]);
  }
  return sizes
    .filter((own) => own.length > 1)
    .map((own) => ({ N: own[0]!.N, mean: own.reduce((sum, p) => sum + p.residual, 0) / own.length }));
}

/** A short dash at each mean. */
function dashes(frame: Frame, means: readonly { N: number; mean: number }[]): SvgNode {
  const half = means.length > 30 ? 3.5 : 6;
  const d = means.map(({ N, mean }) => `M${frame.x(N) - half},${frame.y(mean)}h${2 * half}`).join('');
  return path(frame.document, d, { stroke: COLOR.ink, 'stroke-width': 2.2, fill: 'none' });
}

/** The names of the furthest outliers beside their marks, where there is room. */
function names(frame: Frame, points: readonly Residual[], outliers: readonly Residual[]): SvgNode {
  const furthest = [...outliers].sort((p, q) => Math.abs(q.residual) - Math.abs(p.residual)).slice(0, MOST_NAMED);
  const labels = furthest.map((p): PlacedLabel => {
    const [x, y] = [frame.x(p.N), frame.y(p.residual)];
    const beside = [0, -13, 13].flatMap((dy): Place[] => [
      { x: x + 10, y: y + dy, anchor: 'start' },
      { x: x - 10, y: y + dy, anchor: 'end' },
    ]);
    const above = [-15, 15, -28, 28].map((dy): Place => ({ x, y: y + dy, anchor: 'middle' }));
    const text = shorten(p.outlier!, LONGEST_NAME, FONT_SIZE.note);
    return { text, color: CATEGORY.kaplan, size: FONT_SIZE.note, places: [...beside, ...above] };
  });
  const dots = points.map((p) => [frame.x(p.N), frame.y(p.residual)] as const);
  return drawPlaced(frame, labels, choosePlaces(frame, labels, { dots }));
}

/** Budgets by colour, at most so many of them: the order of the colours gives the rest. */
function budgetKey(colors: ReadonlyMap<number, string>, most: number): KeyItem[] {
  const all = [...colors].sort(([p], [q]) => p - q);
  const count = Math.min(5, most);
  const step = Math.max(1, (all.length - 1) / (count - 1));
  const picked = all.length <= count ? all : Array.from({ length: count }, (_, i) => all[Math.round(i * step)]!);
  return picked.map(([C, color], i) => ({
    mark: 'dot',
    color,
    text: i === 0 ? join([it('C'), ' = '], scientific(C, 2)) : scientific(C, 2),
  }));
}

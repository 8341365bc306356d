/** @file Figure: what the fitted law leaves over, against model size, data and predicted loss.
 * Residuals are `ln L - ln L_fit`, in percent, the quantity that the fit minimises (Hoffmann et al. 2022, appendix D.3).
 * A law that fits scatters about zero within the spread between seeds and shows no bend, no slope and no order of colours;
 * a bend against D is how a change of regime shows itself. One panel a variable, one axis of residuals for all.
 */
import * as Plot from '@observablehq/plot';
import { formatNumber } from '../../lib/format.ts';
import { createDocument } from '../document.ts';
import { drawKey, type KeyItem } from '../key.ts';
import { type Axis, drawMessage, drawPanel, drawSheet } from '../panel.ts';
import { it, join, type RichText, scientific } from '../rich-text.ts';
import { COLOR, FIGURE_WIDTH, sequentialByRank } from '../theme.ts';
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
        Plot.dot(shown, { x: key, y: 'residual', r: 3, fill: color, stroke: COLOR.background, strokeWidth: 0.7 }),
      ],
      overlays:
        i > 0
          ? []
          : [
              (frame) => {
                const items: KeyItem[] = [{ mark: 'line', text: `zero (rms ${formatNumber(100 * rms, 2)}%)` }];
                if (spread !== null)
                  items.push({ mark: 'band', text: `±sd of seeds ${formatNumber(100 * spread, 2)}%` });
                return drawKey(frame, [...items, ...budgetKey(colors)]);
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

/** Budgets by colour, at most five of them: the order of the colours gives the rest. */
function budgetKey(colors: ReadonlyMap<number, string>): KeyItem[] {
  const all = [...colors];
  const step = Math.max(1, (all.length - 1) / 4);
  const picked = all.length <= 5 ? all : [0, 1, 2, 3, 4].map((i) => all[Math.round(i * step)]!);
  return picked.map(([C, color], i) => ({
    mark: 'dot',
    color,
    text: i === 0 ? join([it('C'), ' = '], scientific(C, 2)) : scientific(C, 2),
  }));
}

/** @file `fit --figure FILE`: what was fitted among its runs, drawn by the report's figures and written as SVG or PNG.
 * A law of runs is shown along what it is about: over epochs where tokens repeat, over compute at equal D/N, over steps or
 * tokens at equal size. Each other procedure has the figure that it has in a report.
 */
import path from 'node:path';
import {
  type CurveColumn,
  type EnvelopeFit,
  type FitPoint,
  type IsoflopFit,
  type LawFit,
  predictCurve,
  predictLoss,
  type RowAlong,
  type TrainingCurve,
} from '../fit/fit.ts';
import { formatCount, formatNumber } from '../lib/format.ts';
import { writeFileAtomic } from '../log/log.ts';
import {
  type CurveColumn as CurvePanel,
  criticalBatchFigure,
  curveFits,
  envelope,
  isoflopValleys,
  it,
  type LawLinesInput,
  lawLinesFigure,
  renderPng,
  sub,
} from '../report/report.ts';
import { bandOf, type Counting, envelopeShapes, valleyShapes } from '../study/study.ts';
import type { BatchResult } from './fit-batch.ts';
import { type CurveResult, rowsNote } from './fit-curve.ts';
import { ofColumn } from './fit-text.ts';

/** Writes the figure as its name ends, whole or not at all. Throws `storage`. */
export async function writeFigure(file: string, svg: string): Promise<void> {
  writeFileAtomic(file, path.extname(file).toLowerCase() === '.png' ? await renderPng(svg) : svg);
}

/** A law of runs among the points that were fitted, as SVG. `isAtCritical`: the points are what the runs would have been
 * far from the critical batch. */
export function lawFigure(fit: LawFit, points: readonly FitPoint[], isAtCritical: boolean): string {
  const draw = { data_constrained: overEpochs, over_training: overCompute, kaplan_ns: overSteps }[fit.law];
  return lawLinesFigure((draw ?? overTokens)(fit, points, isAtCritical));
}

const LOSS = ['loss ', it('L'), ' (nats / token)'];
const SIZES = { valueTitle: [it('N')], valueWords: 'sizes N' };

function overTokens(fit: LawFit, points: readonly FitPoint[], isAtCritical: boolean): LawLinesInput {
  const runs = points.map(({ N, D, L }) => ({ x: D, y: L, value: N }));
  return {
    label: `The law ${fit.law}: loss against training tokens, a line a size`,
    panels: [{ heading: '', runs, at: (D, N) => predictLoss(fit, { N, D }) }],
    xTitle: isAtCritical ? ['tokens at a tiny batch ', it('E'), sub('min')] : ['training tokens ', it('D')],
    yTitle: LOSS,
    ...SIZES,
  };
}

function overSteps(fit: LawFit, points: readonly FitPoint[], isAtCritical: boolean): LawLinesInput {
  const runs = points.map(({ N, S, L }) => ({ x: S!, y: L, value: N }));
  return {
    label: `The law ${fit.law}: loss against steps, a line a size`,
    panels: [{ heading: '', runs, at: (S, N) => predictLoss(fit, { N, S }) }],
    xTitle: isAtCritical ? ['steps at a huge batch ', it('S'), sub('min')] : ['training steps ', it('S')],
    yTitle: LOSS,
    ...SIZES,
  };
}

/** Relative distance within which amounts of unique tokens are one: tables round the epochs that they follow from. */
const SAME_AMOUNT = 0.02;

/** Muennighoff's law; dashed, what it says of as many tokens that are all fresh. */
function overEpochs(fit: LawFit, points: readonly FitPoint[]): LawLinesInput {
  const runs = points.map(({ N, D, L, U = D }) => ({ N, D, L, U: Math.min(U, D) })).sort((p, q) => p.U - q.U);
  const amounts: (typeof runs)[] = [];
  for (const run of runs) {
    const own = amounts.at(-1);
    if (own && run.U <= own[0]!.U * (1 + SAME_AMOUNT)) own.push(run);
    else amounts.push([run]);
  }
  const panels = amounts.map((own) => {
    const U = own.reduce((sum, run) => sum + run.U, 0) / own.length;
    return {
      heading: [it('U'), ` = ${formatCount(U)} unique tokens`],
      runs: own.map((run) => ({ x: run.D / run.U, y: run.L, value: run.N })),
      at: (epochs: number, N: number) => predictLoss(fit, { N, D: epochs * U, U }),
      otherwise: (epochs: number, N: number) => predictLoss(fit, { N, D: epochs * U }),
    };
  });
  return {
    label: `The law ${fit.law}: loss against epochs, a panel for unique tokens, a line a size`,
    panels,
    panelWords: 'amounts of unique tokens U',
    xTitle: ['epochs ', it('D'), ' / ', it('U')],
    xFormat: 'plain',
    xLeast: 1,
    yTitle: LOSS,
    otherwiseLabel: 'if every token were fresh',
    ...SIZES,
  };
}

/** Relative distance within which ratios of tokens to parameters are one: sizes and steps are whole numbers. */
const SAME_RATIO = 0.05;
/** The lines of ratios on both sides of the best one fall together. */
const MOST_RATIOS = 5;

/** Gadre's law above its floor, where it is straight at equal M; above nothing where a run lies below that floor. */
function overCompute(fit: LawFit, points: readonly FitPoint[]): LawLinesInput {
  const { E = 0 } = fit.params;
  const floor = points.every(({ L }) => L > E) ? E : 0;
  const at = (C: number, M: number): number => {
    const N = Math.sqrt(C / (6 * M));
    return predictLoss(fit, { N, D: M * N }) - floor;
  };
  return {
    label: `The law ${fit.law}: ${floor > 0 ? 'reducible loss' : 'loss'} against compute, a line for each ratio M = D/N`,
    panels: [{ heading: '', runs: points.map(({ N, D, L }) => ({ x: 6 * N * D, y: L - floor, value: D / N })), at }],
    xTitle: ['training compute ', it('C'), ' = 6', it('N'), it('D'), ' (FLOPs)'],
    yTitle: floor > 0 ? ['loss above the floor ', it('L'), ' − ', it('E'), ' (nats / token)'] : LOSS,
    valueTitle: [it('M'), ' = ', it('D'), '/', it('N')],
    valueWords: 'ratios M',
    tolerance: SAME_RATIO,
    mostLines: MOST_RATIOS,
  };
}

const AXES: Record<CurveColumn, string> = {
  N: 'parameters',
  D: 'training tokens',
  C: 'training FLOPs',
  S: 'training steps',
  U: 'unique tokens',
  B: 'tokens a batch',
};

/** A law in one variable among its rows, as SVG; one with a break beside the law without. */
export function curveFigure(result: CurveResult, rows: readonly RowAlong[]): string {
  const { x: symbol, law, params, intervals, break_test } = result;
  const isBroken = law === 'broken_power_law';
  const constants = Object.entries(params).map(([name, value]) => ({
    name,
    value,
    interval: intervals?.[name] ?? null,
  }));
  const isSlope = (name: string): boolean => /^(alpha|c\d)/.test(name);
  const d1 = params['d1'];
  const without = { law: 'saturating', params: break_test?.without.params ?? {} };
  const column: CurvePanel = {
    symbol,
    title: AXES[symbol],
    heading: rowsNote(result, rows),
    constants: [...constants.filter(({ name }) => isSlope(name)), ...constants.filter(({ name }) => !isSlope(name))],
    points: rows.map(({ x, point }) => ({ x, L: point.L })),
    lines: [
      { ...(isBroken ? { label: 'with a break' } : {}), at: (x) => predictCurve(result, x), band: bandOf(result) },
      ...(isBroken && break_test ? [{ label: 'without', at: (x: number) => predictCurve(without, x) }] : []),
    ],
    ...(isBroken && d1 !== undefined ? { mark: breakMark(result, d1) } : {}),
  };
  return curveFits({ columns: [column] });
}

/** The break with its interval and what the test says of it. */
function breakMark({ x: symbol, intervals, break_test }: CurveResult, d1: number): NonNullable<CurvePanel['mark']> {
  const interval = intervals?.['d1'] ?? null;
  const ends = interval ? ` [${interval.map((end) => ofColumn(symbol, end)).join(', ')}]` : '';
  const verdict = break_test
    ? `, ${break_test.is_justified ? '' : 'not '}justified (p = ${formatNumber(break_test.p, 2)})`
    : '';
  return { x: d1, interval, label: ['break ', it('d'), sub('1'), ` = ${ofColumn(symbol, d1)}${ends}${verdict}`] };
}

/** The critical batch, as SVG. */
export function batchFigure({ hyperbolas, B_star, alpha_B, intervals }: BatchResult): string {
  return criticalBatchFigure({ hyperbolas, B_star, alpha_B, interval: intervals?.alpha_B ?? null });
}

/** Approach 1, as SVG. */
export function envelopeFigure(curves: readonly TrainingCurve[], fit: EnvelopeFit, counting: Counting): string {
  return envelope({ ...envelopeShapes(curves, fit), ...sizeTitle(counting) });
}

/** Approach 2 of the points that were fitted, as SVG. */
export function valleysFigure(points: readonly FitPoint[], fit: IsoflopFit, counting: Counting): string {
  return isoflopValleys({ valleys: valleyShapes(fit, points), ...sizeTitle(counting) });
}

/** The axis title of N: the figure's own for all parameters. */
const sizeTitle = ({ params }: Counting) => (params === 'total' ? {} : { sizeTitle: `${params} parameters` });

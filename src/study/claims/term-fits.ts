/** @file What each approach of a claim's term makes of the runs: its numbers, their replicates and errors.
 * Approaches 1, 2 and 3, the straight line in logs, the critical batch. With a critical batch of another group, C and S of
 * the runs become C_min and S_min first (Kaplan et al. 2020, arXiv 2001.08361, section 5); its own error is not in the
 * interval.
 */
import { sampleStandardDeviation } from 'simple-statistics';
import type { ClaimTerm } from '../../config/config.ts';
import {
  atCriticalBatch,
  type CriticalBatch,
  type CurvePoint,
  type Diagnostic,
  type FitPoint,
  fitCriticalBatch,
  fitEnvelope,
  fitLaw,
  fitStraightLine,
  fitValleys,
  judgeRates,
  type LawParams,
  recutIsoflops,
  rowsAlong,
  type StraightLineFit,
} from '../../fit/fit.ts';
import { LabError } from '../../lib/errors.ts';
import type { RunRecord } from '../../log/record.ts';
import { isoflopCut } from '../analyse.ts';
import { bestRates } from '../rates.ts';
import { batchCurvesOf, curvePointsOf, curvesOf } from '../record-curves.ts';
import { factsOf } from '../record-facts.ts';
import { type Counting, pointsOf } from '../record-points.ts';

export interface Resampling {
  /** Replicates; 0 for none. */
  bootstrap: number;
  seed: number;
}

/** What an approach gives of a fit. */
export interface Fitted {
  values: LawParams;
  draws: Record<string, number[]> | undefined;
  standard_errors: Record<string, number> | null;
  num_sizes: number;
  diagnostics: Diagnostic[];
}

/** How a specification changes the fit. */
export interface Variant {
  term: Partial<ClaimTerm>;
  /** Budgets left out at either end; for a line, values of its variable. */
  num_left_out: { smallest: number; largest: number };
  window: number | undefined;
  delta: number;
}

/** Huber's corner where no specification changes it (Hoffmann et al. 2022). */
export const DELTA = 1e-3;

/** Budgets that are cut from learning curves. */
const CURVE_BUDGETS = 7;

/** `others`: the runs that give the critical batch, where the term names some. */
type Fitter = (
  records: RunRecord[],
  term: ClaimTerm,
  how: Variant & Resampling & { others: readonly RunRecord[] },
) => Fitted;

export const FIT: Record<ClaimTerm['approach'], Fitter> = {
  1: (records, term, how) => {
    const fit = fitEnvelope(curvesOf(records, countingOf(term)), { ...resampled(how) });
    return { ...fit, values: fit.exponents, draws: fit.draws, num_sizes: fit.num_sizes };
  },
  2: (records, term, how) => {
    const batch = term.critical_batch === undefined ? null : criticalBatchOf(how.others, term);
    const cut = valleyCut(withoutBudgets(records, how), term, batch);
    const fit = fitValleys(cut.points, {
      min_tokens: term.min_tokens ?? 0,
      ...resampled(how),
      budgets: cut.budgets,
      ...(how.window === undefined ? {} : { window: how.window }),
    });
    return { ...fit, values: fit.exponents ?? {}, draws: fit.draws, num_sizes: numSizes(cut.points) };
  },
  3: (records, term, how) => {
    const fit = fitLaw(lawPoints(withoutBudgets(records, how), term, how.others), {
      law: term.law,
      loss: term.loss,
      ...(term.loss === 'huber' ? { delta: how.delta } : {}),
      min_tokens: term.min_tokens ?? 0,
      ...resampled(how),
    });
    const given = { ...fit, values: { ...fit.params, ...fit.exponents }, draws: fit.draws };
    if (term.law !== 'kaplan_ns') return given;
    return withDerived(given, 'stop_above', ({ alpha_N, alpha_S }) => alpha_N! / alpha_S!);
  },
  line: (records, term, how) => {
    const { fit, standard_errors } = lineOf(records, term, how);
    return { ...fit, standard_errors, values: { ...fit.params }, draws: undefined, num_sizes: fit.num_distinct };
  },
  critical_batch: (records, term, how) => {
    const { bootstrap, seed } = how;
    const fit = fitCriticalBatch(batchCurvesOf(bestRates(records), countingOf(term)), {
      ...{ bootstrap, seed, keep_draws: true, align_draws: true },
    });
    const { B_star, alpha_B, draws, standard_errors, num_curves: num_sizes } = fit;
    const diagnostics = [...fit.diagnostics, ...judgeRates(factsOf(records, countingOf(term)))];
    const given = { values: { B_star, alpha_B }, draws, standard_errors, diagnostics, num_sizes };
    return withDerived(given, 'growth', ({ alpha_B }) => 1 / alpha_B!);
  },
};

/** The points of a term's valleys with their budgets: runs where they were planned under its counting, else cut anew. */
export function valleyCut(
  records: RunRecord[],
  term: Pick<ClaimTerm, 'params' | 'flops' | 'min_tokens' | 'rows'>,
  batch: CriticalBatch | null = null,
): { points: FitPoint[]; budgets: readonly number[] } {
  const counting = countingOf(term);
  const selection = { min_tokens: term.min_tokens ?? 0 };
  if (term.rows !== 'curves') return isoflopCut(records, pointsOf(records, counting), counting, selection);
  const points = curvePointsOf(records, counting);
  const cut = batch ? atCriticalBatch(points, batch) : points;
  return recutIsoflops(cut, { ...selection, num_budgets: CURVE_BUDGETS });
}

/** What a law over all runs is fitted to. */
function lawPoints(records: RunRecord[], term: ClaimTerm, others: readonly RunRecord[]): FitPoint[] {
  const counting = countingOf(term);
  const points =
    term.rows === 'curves' ? curvePointsOf(records, counting, { is_warm: true }) : pointsOf(records, counting);
  const cut = term.critical_batch === undefined ? points : atCriticalBatch(points, criticalBatchOf(others, term));
  if (term.floor === undefined) return cut;
  const floor = exactEntropy(records, term.group);
  return cut.map((point) => ({ ...point, L: point.L - floor }));
}

/** A line with what it goes through. */
export interface TermLine {
  points: CurvePoint[];
  floor: number;
  fit: StraightLineFit;
  /** Those of the fit; null along the evaluations of curves, whose neighbours share their noise. */
  standard_errors: StraightLineFit['standard_errors'] | null;
}

/** The line of a term; `others` are the runs that give its critical batch.
 * @throws LabError('usage') for a floor that is not known; LabError('too_little_data') as `fitStraightLine`. */
export function lineOf(
  records: readonly RunRecord[],
  term: ClaimTerm,
  how: Pick<Parameters<Fitter>[2], 'num_left_out' | 'others'>,
): TermLine {
  const floor = term.floor === undefined ? 0 : exactEntropy(records, term.group);
  const points = linePoints(records, term, how);
  const fit = fitStraightLine(points, { floor });
  const is_shared = term.rows === 'curves' && term.along === 'C';
  return { points, floor, fit, standard_errors: is_shared ? null : fit.standard_errors };
}

/** The runs of a line by its variable, without the values at the ends that a specification leaves out. */
function linePoints(
  records: readonly RunRecord[],
  term: ClaimTerm,
  { num_left_out: { smallest, largest }, others }: Pick<Parameters<Fitter>[2], 'num_left_out' | 'others'>,
): CurvePoint[] {
  const rows = rowsAlong(candidates(records, term, others), term.along!);
  const values = [...new Set(rows.map(({ x }) => x))].sort((x, y) => x - y);
  const kept = new Set(values.slice(smallest, values.length - largest));
  return rows.filter(({ x }) => kept.has(x)).map(({ x, point: { L } }) => ({ x, L }));
}

/** What a line's rows are chosen from: last losses, runs stopped where they were best, or along C every evaluation. */
function candidates(records: readonly RunRecord[], term: ClaimTerm, others: readonly RunRecord[]): FitPoint[] {
  const counting = countingOf(term);
  const points = pointsOf(records, counting);
  if (term.rows !== 'curves') return points;
  if (term.along === 'C') {
    const evaluations = curvePointsOf(records, counting, { is_warm: true });
    return term.critical_batch === undefined
      ? evaluations
      : atCriticalBatch(evaluations, criticalBatchOf(others, term));
  }
  const lowest = new Map(
    records.map(({ run_id, eval_curve }) => [
      run_id,
      Math.min(...eval_curve.map(({ val_loss }) => val_loss ?? Infinity)),
    ]),
  );
  return points.map((point) => ({ ...point, L: Math.min(point.L, lowest.get(point.id!)!) }));
}

/** B_crit(L) by the runs of several batches, each at its best rate. */
const criticalBatchOf = (records: readonly RunRecord[], term: ClaimTerm): CriticalBatch =>
  fitCriticalBatch(batchCurvesOf(bestRates(records), countingOf(term)));

function exactEntropy(records: readonly RunRecord[], group: string): number {
  const entropy = records[0]?.entropy_nats;
  if (typeof entropy === 'number') return entropy;
  throw new LabError('usage', `invalid floor: exact: the corpus of ${group} has no exactly known entropy`);
}

/** A number that follows from the others, with its replicates and their spread. */
function withDerived(fit: Fitted, name: string, of: (values: LawParams) => number): Fitted {
  const { values, draws, standard_errors } = fit;
  const derived = { ...values, [name]: of(values) };
  if (!draws || !standard_errors) return { ...fit, values: derived };
  const names = Object.keys(draws);
  const own = (draws[names[0]!] ?? []).map((_, r) =>
    of(Object.fromEntries(names.map((key) => [key, draws[key]![r]!] as const))),
  );
  const sound = own.filter(Number.isFinite);
  const error = sound.length > 1 ? { [name]: sampleStandardDeviation(sound) } : {};
  return {
    ...fit,
    values: derived,
    draws: { ...draws, [name]: own },
    standard_errors: { ...standard_errors, ...error },
  };
}

const countingOf = ({ params, flops }: Counting): Counting => ({ params, flops });

const resampled = ({ bootstrap, seed }: Resampling) =>
  ({ bootstrap, seed, cluster: 'sizes', keep_draws: true, align_draws: true }) as const;

const numSizes = (points: readonly FitPoint[]): number => new Set(points.map(({ N }) => N)).size;

/** The records without those of the smallest or largest budgets. */
function withoutBudgets(records: readonly RunRecord[], { num_left_out: { smallest, largest } }: Variant): RunRecord[] {
  const budgets = [...new Set(records.map(({ budget_flops }) => budget_flops ?? 0))].sort((x, y) => x - y);
  const kept = new Set(budgets.slice(smallest, budgets.length - largest));
  return records.filter(({ budget_flops }) => kept.has(budget_flops ?? 0));
}

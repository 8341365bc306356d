/** @file Hold-out: a law fitted to some runs and scored on others, which no objective or interval can stand in for.
 * The runs held out are the largest size, those that meet a condition such as `C>1e12`, or each next window of compute
 * in turn (expanding window). The score is the error of log loss there, `log L_hat - log L`: its root mean square and
 * its mean, whose sign says whether the line bends. Their interval resamples the fitted runs as any bootstrap here
 * does, and the held-out runs besides.
 */
import { LabError } from '../lib/errors.ts';
import { randomInt, rngStream } from '../lib/rng.ts';
import { lossOf } from './answers/optimum.ts';
import { drawnFits } from './answers/prediction.ts';
import { reachOf } from './answers/reach.ts';
import { type FitOptions, fitLaw, type LawFit } from './approach3.ts';
import { parseCondition } from './condition.ts';
import type { CurveFit } from './curve.ts';
import { tooLittle } from './diagnostic.ts';
import { lawByName } from './laws/registry.ts';
import { type FitPoint, selectPoints, sizeOf } from './point.ts';
import { type Interval, percentileInterval } from './resample/bootstrap.ts';

export interface HoldoutOptions extends FitOptions {
  /** `largest` size (default), `expanding` window, or a condition on the runs held out such as `C>1e12`. */
  holdout?: string;
  /** Windows of the expanding window: the first two are fitted at least. Default 5. */
  num_windows?: number;
}

export interface HeldOutRun {
  id: string;
  /** What the fit reads of it: N, D and C, or a curve's one variable under its name. */
  values: Record<string, number>;
  L: number;
  predicted: number;
  /** Of the predicted loss, by the law's constants alone; null without a bootstrap. */
  interval: Interval | null;
  /** log predicted less log L. */
  error: number;
}

export interface Holdout<Fit extends LawFit | CurveFit = LawFit> {
  law: string;
  /** Which runs were held out, in words. */
  held_out: string;
  num_fitted: number;
  num_held_out: number;
  /** Errors of log loss: root mean square, mean (above zero: predicted too high) and largest size. */
  rms: number;
  mean: number;
  max_abs: number;
  /** Of rms and mean; null without a bootstrap. */
  intervals: { rms: Interval; mean: Interval } | null;
  /** Root mean square error on the runs that were fitted, for comparison. */
  fitted_rms: number;
  /** Decades by which the held-out runs lie beyond the fitted ones, at most. */
  decades_beyond: Record<string, number>;
  runs: HeldOutRun[];
  fit: Fit;
}

/** Every window and all their errors together. */
export interface HoldoutReport<Fit extends LawFit | CurveFit = LawFit> {
  law: string;
  windows: Holdout<Fit>[];
  num_held_out: number;
  rms: number;
  mean: number;
  max_abs: number;
  intervals: Holdout['intervals'];
}

/** Fits `options.law` without the held-out runs and scores it on them.
 * @throws LabError('usage') for a condition that cannot be read or holds for no run or all; LabError('too_little_data')
 * where what is left cannot be fitted.
 */
export function holdOut(points: readonly FitPoint[], options: HoldoutOptions = {}): HoldoutReport {
  const { kept } = selectPoints(points, options);
  // The points were selected already.
  const { drop_highest: _, min_tokens: __, ...rest } = options;
  return holdOutBy(kept, options, (fitted) => {
    const { draws, ...fit } = fitLaw(fitted, { ...rest, keep_draws: true });
    const law = lawByName(fit.law);
    const drawn = drawnFits(draws ? { ...fit, draws } : fit).map((own) => lossOf(law, own));
    return { fit, rms: fit.residuals.rms, range: fit.range, loss: lossOf(law, fit), drawn };
  });
}

/** A law fitted to some runs, as the score reads it. */
export interface Fitted<Fit> {
  fit: Fit;
  /** Root mean square error of log loss. */
  rms: number;
  range: Parameters<typeof reachOf>[0];
  /** Its loss at a run, and that of every replicate. */
  loss(run: FitPoint): number;
  drawn: readonly ((run: FitPoint) => number)[];
}

/** How runs are told apart: by size and compute, or along the one variable of a curve. */
export interface Axes {
  values(run: FitPoint): Record<string, number>;
  /** What the largest are largest in, and what windows expand by. */
  size: string;
  compute: string;
  /** Reads a condition on a run. */
  condition(text: string): (run: FitPoint) => boolean;
}

const RUN_AXES: Axes = {
  values: ({ N, D, C }) => ({ N, D, C }),
  size: 'size',
  compute: 'compute',
  condition: parseCondition<'N' | 'D' | 'C'>,
};

/** The score of whatever `fit` makes of the runs that are not held out.
 * @throws LabError as `holdOut`. */
export function holdOutBy<Fit extends LawFit | CurveFit>(
  kept: readonly FitPoint[],
  options: Pick<HoldoutOptions, 'holdout' | 'num_windows' | 'level' | 'seed'>,
  fit: (fitted: readonly FitPoint[]) => Fitted<Fit>,
  axes: Axes = RUN_AXES,
): HoldoutReport<Fit> {
  const { holdout = 'largest', num_windows = 5 } = options;
  if (kept.length === 0) throw tooLittle('too_few_points', 'no usable points to hold out from');
  const windows = holdout === 'expanding' ? expanding(kept, num_windows, axes) : [oneWindow(kept, holdout, axes)];
  const parts = windows.map((window) => scored(kept, window, { ...options, axes }, fit));
  const done = parts.filter((part) => part !== null);
  if (done.length === 0) throw tooLittle('too_few_points', `no window of ${holdout} leaves enough runs to fit`);
  const errors = done.flatMap(({ runs }) => runs.map(({ error }) => error));
  const replicates = Math.min(...done.map(({ draws }) => draws.length));
  const pooled = Array.from({ length: replicates }, (_, i) => done.flatMap(({ draws }) => draws[i]!));
  return {
    law: done[0]!.law,
    windows: done.map(({ draws: _, ...part }) => part),
    num_held_out: errors.length,
    ...summary(errors),
    intervals: intervalsOf(pooled, options.level ?? 0.9),
  };
}

interface Window {
  name: string;
  is_held: readonly boolean[];
  /** Later runs that this window neither fits nor scores. */
  is_later?: readonly boolean[];
}

function oneWindow(points: readonly FitPoint[], holdout: string, { size: name, condition }: Axes): Window {
  if (holdout === 'largest') {
    const sizes = sizeOf(points.map((p) => p.N));
    const largest = Math.max(...sizes);
    return { name: `the largest ${name}`, is_held: sizes.map((size) => size === largest) };
  }
  const is_held = points.map(condition(holdout));
  const count = is_held.filter(Boolean).length;
  if (count === 0 || count === points.length)
    throw new LabError(
      'usage',
      `invalid --holdout: ${holdout} holds for ${count === 0 ? 'none' : 'all'} of the ${points.length} runs`,
    );
  return { name: holdout, is_held };
}

/** Runs in order of compute, in windows of equal number; window i is held out, those before it are fitted. */
function expanding(
  points: readonly FitPoint[],
  num_windows: number,
  { compute }: Axes,
): (Window & { is_later: boolean[] })[] {
  if (!Number.isInteger(num_windows) || num_windows < 3)
    throw new LabError('usage', `invalid number of windows: ${num_windows} is not a whole number, 3 or more`);
  const order = points.map((_, i) => i).sort((i, j) => points[i]!.C - points[j]!.C);
  const windowOf = new Array<number>(points.length).fill(0);
  order.forEach((i, rank) => {
    windowOf[i] = Math.floor((rank * num_windows) / points.length);
  });
  return Array.from({ length: num_windows - 2 }, (_, w) => ({
    name: `window ${w + 3} of ${num_windows} by ${compute}`,
    is_held: windowOf.map((own) => own === w + 2),
    is_later: windowOf.map((own) => own > w + 2),
  }));
}

/** A window with the held-out errors of every replicate. */
type Scored<Fit extends LawFit | CurveFit> = Holdout<Fit> & { draws: number[][] };

/** Fits and scores one window; null where an expanding window does not leave enough to fit yet. */
function scored<Fit extends LawFit | CurveFit>(
  points: readonly FitPoint[],
  window: Window,
  options: Pick<HoldoutOptions, 'level' | 'seed'> & { axes: Axes },
  fitRuns: (fitted: readonly FitPoint[]) => Fitted<Fit>,
): Scored<Fit> | null {
  const { name, is_held, is_later } = window;
  const fitted = points.filter((_, i) => !is_held[i] && !is_later?.[i]);
  const held = points.filter((_, i) => is_held[i]);
  if (held.length === 0) return null;
  let own: Fitted<Fit>;
  try {
    own = fitRuns(fitted);
  } catch (error) {
    if (is_later && error instanceof LabError && error.exit === 'too_little_data') return null;
    throw error;
  }
  const { fit, rms, range, loss, drawn } = own;
  const drawnLosses = drawn.map((of) => held.map(of));
  const level = options.level ?? 0.9;
  const runs = held.map((p, i) => {
    const predicted = loss(p);
    const { L, id } = p;
    const losses = drawnLosses.map((own) => own[i]!);
    const interval = losses.length < 2 ? null : percentileInterval(losses, level);
    const values = options.axes.values(p);
    return { id: id ?? `held-out ${i + 1}`, values, L, predicted, interval, error: Math.log(predicted / L) };
  });
  const replicates = resampledErrors(held, drawnLosses, options.seed ?? 0);
  const decades = runs.map(({ values }) => reachOf(range, values).decades);
  const columns = Object.keys(decades[0]!);
  return {
    law: fit.law,
    held_out: name,
    num_fitted: fitted.length,
    num_held_out: held.length,
    ...summary(runs.map(({ error }) => error)),
    intervals: intervalsOf(replicates, level),
    fitted_rms: rms,
    decades_beyond: Object.fromEntries(
      columns.map((column) => [column, Math.max(...decades.map((own) => own[column]!))]),
    ),
    runs,
    fit,
    draws: replicates,
  };
}

/** The errors of every replicate's losses on as many held-out runs, drawn with replacement. */
function resampledErrors(
  held: readonly FitPoint[],
  drawnLosses: readonly (readonly number[])[],
  seed: number,
): number[][] {
  const rng = rngStream(seed, 'holdout');
  return drawnLosses.map((losses) => {
    const errors = held.map((p, i) => Math.log(losses[i]! / p.L));
    return errors.map(() => errors[randomInt(rng, errors.length)]!);
  });
}

function summary(errors: readonly number[]): { rms: number; mean: number; max_abs: number } {
  return {
    rms: Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length),
    mean: errors.reduce((sum, e) => sum + e, 0) / errors.length,
    max_abs: Math.max(...errors.map(Math.abs)),
  };
}

function intervalsOf(replicates: readonly number[][], level: number): Holdout['intervals'] {
  if (replicates.length < 2) return null;
  const summaries = replicates.map(summary);
  const of = (column: 'rms' | 'mean'): Interval =>
    percentileInterval(
      summaries.map((own) => own[column]),
      level,
    );
  return { rms: of('rms'), mean: of('mean') };
}

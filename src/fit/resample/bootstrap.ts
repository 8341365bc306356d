/** @file Bootstrap resamples as integer weights, and the intervals drawn from the refits.
 * What is resampled says which noise the interval holds: whole model sizes (offsets shared by all runs of a size,
 * such as a mis-tuned rate; the default), single runs, or seeds within cells of one N and D (run-to-run noise
 * only). Percentile intervals (Efron & Tibshirani 1993, chapter 13), or
 * BCa (`bca.ts`), for which the refit is also made with each unit left out.
 */
import { LabError } from '../../lib/errors.ts';
import { sizeOf } from '../point.ts';
import { bcaShares, type Jackknifed } from './bca.ts';
import { MIN_DISTINCT, type Refit, type RefitSpec } from './refit.ts';
import { type Cluster, makeResamples, type ResampleOptions, type Resamples, type Unit } from './resamples.ts';
import { refitAll } from './shared-refits.ts';

/** How the ends are read off the draws. */
export type IntervalKind = 'percentile' | 'bca';

export interface BootstrapOptions {
  /** Replicates; 0 for none. Default 0. */
  bootstrap?: number;
  /** What is resampled. Default sizes. */
  cluster?: Cluster;
  /** Seeds the resampling. Default 0. */
  seed?: number;
  /** Coverage of the intervals. Default .9. */
  level?: number;
  /** Ends of the intervals. Default percentile; bca costs one refit more a unit. */
  interval?: IntervalKind;
  /** Keep every replicate's values in the result, for bands and paired differences. Default false. */
  keep_draws?: boolean;
  /** A failed replicate stays in the draws as NaN, so that those of two fits can be paired. Default false. */
  align_draws?: boolean;
  /** Threads that share the refits of a law: the result is the same for any number. Default: as many as pay. */
  threads?: number;
}

export interface BootstrapReport {
  replicates: number;
  /** Replicates without a converged refit; the intervals leave them out. */
  failed: number;
  /** Those of them that drew too few sizes to fit anything: the fewness of the sizes, not a fault of the refits. */
  undetermined: number;
  cluster: Cluster;
  num_clusters: number;
  level: number;
  interval: IntervalKind;
  seed: number;
}

/** Lower and upper end. */
export type Interval = [number, number];

export interface BootstrapResult {
  report: BootstrapReport;
  intervals: Record<string, Interval>;
  /** Standard deviation over the replicates. */
  standard_errors: Record<string, number>;
  /** One array a quantity, one entry a replicate (that did not fail, unless they are aligned), in their order. */
  draws: Record<string, number[]>;
}

/** Checks the options before any work is done. @throws LabError('usage') naming the one that is wrong. */
export function checkBootstrap(options: BootstrapOptions): void {
  const { bootstrap: replicates = 0, level = 0.9, cluster = 'sizes', interval = 'percentile', threads = 1 } = options;
  if (!Number.isInteger(replicates) || replicates < 0)
    throw new LabError('usage', `invalid bootstrap: ${replicates} is not a whole number of replicates, 0 or more`);
  if (!(level > 0 && level < 1)) throw new LabError('usage', `invalid level: ${level} is not between 0 and 1`);
  if (!['sizes', 'runs', 'seeds'].includes(cluster))
    throw new LabError('usage', `invalid cluster: ${String(cluster)} is not one of sizes, runs, seeds`);
  if (!['percentile', 'bca'].includes(interval))
    throw new LabError('usage', `invalid interval: ${String(interval)} is not one of percentile, bca`);
  if (!Number.isInteger(threads) || threads < 1)
    throw new LabError('usage', `invalid threads: ${threads} is not a whole number of threads, 1 or more`);
}

/** Refits every resample and summarises the quantities that `refit` returns; null marks a failed replicate.
 * `spec`, where given, is what `refit` was made of, so that other threads can help; `min_sizes` how many distinct sizes
 * a resample must have to be fitted at all (default 3).
 * Null where no replicates are asked for.
 * @throws LabError('usage') for bad options; LabError('too_little_data') where there is nothing to resample.
 */
export function bootstrap(
  points: readonly Unit[],
  options: BootstrapOptions,
  refit: Refit,
  { spec, min_sizes = MIN_DISTINCT }: { spec?: RefitSpec; min_sizes?: number } = {},
): BootstrapResult | null {
  const { bootstrap: replicates = 0, cluster = 'sizes', seed = 0, level = 0.9, interval = 'percentile' } = options;
  checkBootstrap(options);
  if (replicates === 0) return null;
  const resampling: ResampleOptions = { replicates, cluster, seed, with_left_out: interval === 'bca' };
  const resamples = makeResamples(points, resampling);
  const fitted = refitAll(resamples, refit, spec && { spec, resampling, threads: options.threads });
  const draws: Record<string, number[]> = {};
  const failed: number[] = [];
  fitted.slice(0, replicates).forEach((values, k) => {
    if (!values || !Object.values(values).every(Number.isFinite)) failed.push(k);
    else
      for (const [name, value] of Object.entries(values)) {
        draws[name] ??= [];
        draws[name].push(value);
      }
  });
  const intervals: Record<string, Interval> = {};
  const standard_errors: Record<string, number> = {};
  const whole = fitted[replicates];
  for (const [name, values] of Object.entries(draws)) {
    const estimate = whole?.[name];
    intervals[name] =
      estimate !== undefined
        ? quantiles(values, bcaShares(values, estimate, jackknifed(resamples, fitted, name), level))
        : percentileInterval(values, level);
    standard_errors[name] = standardDeviation(values);
  }
  const { num_clusters } = resamples;
  const sizes = failed.length > 0 ? sizeOf(points.map((p) => p.N)) : [];
  const undetermined = failed.filter((k) => {
    const multiplicity = resamples.multiplicity(k);
    return new Set(sizes.filter((_, i) => multiplicity[i]! > 0)).size < min_sizes;
  }).length;
  return {
    report: { replicates, failed: failed.length, undetermined, cluster, num_clusters, level, interval, seed },
    intervals,
    standard_errors,
    draws: options.align_draws ? alignedDraws(fitted.slice(0, replicates), Object.keys(draws)) : draws,
  };
}

/** Whether more than `share` of the replicates that could be fitted were not, by more than the 1.645 standard errors of
 * such a count: then the intervals tell of the rest only. */
export function failedTooOften({ replicates, failed, undetermined }: BootstrapReport, share: number): boolean {
  const expected = share * (replicates - undetermined);
  return failed - undetermined > expected + 1.645 * Math.sqrt(expected * (1 - share));
}

/** The values of every replicate, NaN where it failed. */
function alignedDraws(
  fitted: readonly (Record<string, number> | null)[],
  names: readonly string[],
): Record<string, number[]> {
  const is_sound = fitted.map((values) => values !== null && Object.values(values).every(Number.isFinite));
  return Object.fromEntries(
    names.map((name) => [name, fitted.map((values, r) => (is_sound[r] ? (values![name] ?? Number.NaN) : Number.NaN))]),
  );
}

/** The values of one quantity with each unit left out; units without which nothing can be fitted say nothing. */
function jackknifed(
  { replicates, left_out }: Resamples,
  fitted: readonly (Record<string, number> | null)[],
  name: string,
): Jackknifed[] {
  return left_out.flatMap(({ stratum, stratum_size }, i) => {
    const value = fitted[replicates + 1 + i]?.[name];
    return value !== undefined && Number.isFinite(value) ? [{ value, stratum, stratum_size }] : [];
  });
}

/** The percentile interval of bootstrap values at `level`. */
export function percentileInterval(values: readonly number[], level: number): Interval {
  const tail = (1 - level) / 2;
  return quantiles(values, [tail, 1 - tail]);
}

function quantiles(values: readonly number[], [low, high]: readonly [number, number]): Interval {
  const sorted = [...values].sort((x, y) => x - y);
  return [quantile(sorted, low), quantile(sorted, high)];
}

/** Quantile p of ascending values, linear between order statistics. */
function quantile(sorted: readonly number[], p: number): number {
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

function standardDeviation(values: readonly number[]): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
}

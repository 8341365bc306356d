/** @file Bootstrap resamples as integer weights, and the intervals drawn from the refits.
 * What is resampled says which noise the interval holds: whole model sizes (offsets shared by all runs of a size,
 * such as a mis-tuned rate; the default), single runs, or seeds within cells of one N and D (run-to-run noise
 * only). A fixed number of random draws a replicate, all from one stream, so equal seeds give equal resamples
 * and two countings of the same runs can be paired. Percentile intervals (Efron & Tibshirani 1993, chapter 13), or
 * BCa (`bca.ts`), for which the refit is also made with each unit left out.
 */
import { LabError } from '../lib/errors.ts';
import { randomInt, rngStream } from '../lib/rng.ts';
import { bcaShares, type Jackknifed } from './bca.ts';
import { sizeOf } from './point.ts';

export type Cluster = 'sizes' | 'runs' | 'seeds';

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
}

export interface BootstrapReport {
  replicates: number;
  /** Replicates without a converged refit; the intervals leave them out. */
  failed: number;
  cluster: Cluster;
  num_clusters: number;
  level: number;
  interval: IntervalKind;
  seed: number;
}

/** What resampling reads of a point: its size and its horizon. */
interface Unit {
  N: number;
  D: number;
}

/** Lower and upper end. */
export type Interval = [number, number];

export interface BootstrapResult {
  report: BootstrapReport;
  intervals: Record<string, Interval>;
  /** Standard deviation over the replicates. */
  standard_errors: Record<string, number>;
  /** One array a quantity, one entry a replicate that did not fail, in the order of the resamples. */
  draws: Record<string, number[]>;
}

/** Checks the options before any work is done. @throws LabError('usage') naming the one that is wrong. */
export function checkBootstrap(options: BootstrapOptions): void {
  const { bootstrap: replicates = 0, level = 0.9, cluster = 'sizes', interval = 'percentile' } = options;
  if (!Number.isInteger(replicates) || replicates < 0)
    throw new LabError('usage', `invalid bootstrap: ${replicates} is not a whole number of replicates, 0 or more`);
  if (!(level > 0 && level < 1)) throw new LabError('usage', `invalid level: ${level} is not between 0 and 1`);
  if (!['sizes', 'runs', 'seeds'].includes(cluster))
    throw new LabError('usage', `invalid cluster: ${String(cluster)} is not one of sizes, runs, seeds`);
  if (!['percentile', 'bca'].includes(interval))
    throw new LabError('usage', `invalid interval: ${String(interval)} is not one of percentile, bca`);
}

/** Refits every resample and summarises the quantities that `refit` returns; null marks a failed replicate.
 * Null where no replicates are asked for.
 * @throws LabError('usage') for bad options; LabError('too_little_data') where there is nothing to resample.
 */
export function bootstrap(
  points: readonly Unit[],
  options: BootstrapOptions,
  refit: (multiplicity: Float64Array) => Record<string, number> | null,
): BootstrapResult | null {
  const { bootstrap: replicates = 0, cluster = 'sizes', seed = 0, level = 0.9, interval = 'percentile' } = options;
  checkBootstrap(options);
  if (replicates === 0) return null;
  const blocks = resamplingBlocks(points, cluster);
  const rng = rngStream(seed, 'bootstrap');
  const draws: Record<string, number[]> = {};
  let failed = 0;
  for (let replicate = 0; replicate < replicates; replicate++) {
    const multiplicity = new Float64Array(points.length);
    for (const units of blocks)
      for (let draw = 0; draw < units.length; draw++)
        for (const i of units[randomInt(rng, units.length)]!) multiplicity[i]! += 1;
    const values = refit(multiplicity);
    if (!values || !Object.values(values).every(Number.isFinite)) failed++;
    else
      for (const [name, value] of Object.entries(values)) {
        draws[name] ??= [];
        draws[name].push(value);
      }
  }
  const intervals: Record<string, Interval> = {};
  const standard_errors: Record<string, number> = {};
  const whole = interval === 'bca' ? leftOut(points.length, blocks, refit) : null;
  for (const [name, values] of Object.entries(draws)) {
    const estimate = whole?.estimate[name];
    intervals[name] =
      whole && estimate !== undefined
        ? quantiles(values, bcaShares(values, estimate, whole.jackknife(name), level))
        : percentileInterval(values, level);
    standard_errors[name] = standardDeviation(values);
  }
  const num_clusters = blocks.length === 1 ? blocks[0]!.length : blocks.length;
  return {
    report: { replicates, failed, cluster, num_clusters, level, interval, seed },
    intervals,
    standard_errors,
    draws,
  };
}

/** Blocks of units; within a block, units are drawn with replacement; a unit is a list of point indices.
 * Sizes come by increasing N, so that two countings of the same runs draw alike. */
function resamplingBlocks(points: readonly Unit[], cluster: Cluster): number[][][] {
  const indices = points.map((_, i) => i);
  const gather = (labels: readonly (number | string)[]): number[][] => {
    const units = new Map<number | string, number[]>();
    for (const i of indices) units.set(labels[i]!, [...(units.get(labels[i]!) ?? []), i]);
    return [...units.values()];
  };
  const sizes = sizeOf(points.map((p) => p.N));
  if (cluster === 'sizes') return [gather(sizes).sort((x, y) => sizes[x[0]!]! - sizes[y[0]!]!)];
  if (cluster === 'runs') return [indices.map((i) => [i])];
  const horizons = sizeOf(points.map((p) => p.D));
  const cells = gather(indices.map((i) => `${sizes[i]}/${horizons[i]}`));
  if (cells.every((cell) => cell.length === 1))
    throw new LabError(
      'too_little_data',
      'cannot resample seeds: no two runs share N and D; repeat some runs with other seeds, or resample sizes or runs',
    );
  return cells.map((cell) => cell.map((i) => [i]));
}

/** The estimate from all points, and the values with each unit left out; null where the points themselves fail.
 * Units that stand alone in their block, or without which nothing can be fitted, say nothing. */
function leftOut(
  num_points: number,
  blocks: readonly number[][][],
  refit: (multiplicity: Float64Array) => Record<string, number> | null,
): { estimate: Record<string, number>; jackknife: (name: string) => Jackknifed[] } | null {
  const estimate = refit(new Float64Array(num_points).fill(1));
  if (!estimate) return null;
  const found = blocks.flatMap((units, stratum) =>
    units.length < 2
      ? []
      : units.flatMap((unit) => {
          const multiplicity = new Float64Array(num_points).fill(1);
          for (const i of unit) multiplicity[i] = 0;
          const values = refit(multiplicity);
          return values ? [{ values, stratum, stratum_size: units.length }] : [];
        }),
  );
  const jackknife = (name: string): Jackknifed[] =>
    found.flatMap(({ values, ...place }) => {
      const value = values[name];
      return value !== undefined && Number.isFinite(value) ? [{ value, ...place }] : [];
    });
  return { estimate, jackknife };
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

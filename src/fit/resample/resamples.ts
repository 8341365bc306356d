/** @file The resamples of a bootstrap as integer weights, each to be had by its number.
 * A fixed number of random draws a replicate, all from one stream, so equal seeds give equal resamples, whichever thread
 * asks, and two countings of the same runs can be paired. After the replicates come, for BCa intervals, all points as
 * they are and the points with each unit left out.
 */
import { LabError } from '../../lib/errors.ts';
import { randomInt, rngStream } from '../../lib/rng.ts';
import { sizeOf } from '../point.ts';

/** What is resampled: whole model sizes, single runs, or seeds within cells of one N and D. */
export type Cluster = 'sizes' | 'runs' | 'seeds';

/** What resampling reads of a point: its size and its horizon. */
export interface Unit {
  N: number;
  D: number;
}

export interface ResampleOptions {
  replicates: number;
  cluster: Cluster;
  seed: number;
  /** Whether the left-out resamples come too. */
  with_left_out: boolean;
}

export interface Resamples {
  /** Replicates, and all resamples. */
  replicates: number;
  count: number;
  num_clusters: number;
  /** Where each unit that is left out belongs: resample `replicates + 1 + i` is without the i-th. */
  left_out: readonly { stratum: number; stratum_size: number }[];
  /** How often each point comes in resample k; valid until the next call. Cheapest in ascending order. */
  multiplicity(k: number): Float64Array;
}

/** The resamples of these points.
 * @throws LabError('too_little_data') where there is nothing to resample.
 */
export function makeResamples(points: readonly Unit[], options: ResampleOptions): Resamples {
  const { replicates, cluster, seed, with_left_out } = options;
  const blocks = resamplingBlocks(points, cluster);
  // Units that stand alone in their block say nothing by being left out.
  const units = with_left_out
    ? blocks.flatMap((own, stratum) =>
        own.length < 2 ? [] : own.map((unit) => ({ unit, stratum, stratum_size: own.length })),
      )
    : [];
  const multiplicity = new Float64Array(points.length);
  let rng = rngStream(seed, 'bootstrap');
  let drawn = 0;
  const draw = (): void => {
    multiplicity.fill(0);
    for (const own of blocks)
      for (let i = 0; i < own.length; i++) {
        const unit = own[randomInt(rng, own.length)]!;
        for (let j = 0; j < unit.length; j++) multiplicity[unit[j]!]! += 1;
      }
    drawn++;
  };
  return {
    replicates,
    count: replicates + (with_left_out ? 1 + units.length : 0),
    num_clusters: blocks.length === 1 ? blocks[0]!.length : blocks.length,
    left_out: units,
    multiplicity(k) {
      if (k >= replicates) {
        multiplicity.fill(1);
        for (const point of units[k - replicates - 1]?.unit ?? []) multiplicity[point] = 0;
        return multiplicity;
      }
      if (drawn > k) {
        rng = rngStream(seed, 'bootstrap');
        drawn = 0;
      }
      while (drawn <= k) draw();
      return multiplicity;
    },
  };
}

/** Blocks of units; within a block, units are drawn with replacement; a unit is a list of point indices.
 * Sizes come by increasing N, so that two countings of the same runs draw alike. */
function resamplingBlocks(points: readonly Unit[], cluster: Cluster): number[][][] {
  const indices = points.map((_, i) => i);
  const gather = (labels: readonly (number | string)[]): number[][] => {
    const units = new Map<number | string, number[]>();
    for (const i of indices) {
      const unit = units.get(labels[i]!);
      if (unit) unit.push(i);
      else units.set(labels[i]!, [i]);
    }
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

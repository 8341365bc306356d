/** @file What a fit reads: points, their checks, and their grouping into model sizes.
 * A point is one trained run as plain numbers. `selectPoints` leaves out what no law can use and says why,
 * so that every fit can report what it did not look at. `sizeOf` labels the runs that share one parameter
 * count: the clusters of the bootstrap and the rows of a ladder.
 */
import { LabError } from '../lib/errors.ts';

/** One trained run as the laws see it. */
export interface FitPoint {
  /** Parameters, by the counting the caller chose. */
  N: number;
  /** Training tokens. */
  D: number;
  /** Training FLOPs, by the counting the caller chose. */
  C: number;
  /** Final loss, nats a token. */
  L: number;
  /** Training steps (for `kaplan_ns`: S_min, the steps at a batch far above the critical one). */
  S?: number;
  /** Unique training tokens; D/U epochs. */
  U?: number;
  /** Batch size, tokens. */
  B?: number;
  /** Relative weight in the objective; 1 where absent. */
  weight?: number;
  /** Points of one group share a law. */
  group?: string;
  /** Name for messages: run id or file line. */
  id?: string;
}

/** A point that a fit left out. */
export interface DroppedPoint {
  id: string;
  reason: 'not_positive' | 'zero_weight' | 'among_highest_losses' | 'below_min_tokens';
  N: number | null;
  D: number | null;
  L: number | null;
}

/** Which points a fit looks at. */
export interface SelectOptions {
  /** Leave out the k points with the highest loss (Besiroglu et al. 2024 leave out 5). Default 0. */
  drop_highest?: number;
  /** Leave out points with fewer training tokens: before a phase change another law holds. Default 0. */
  min_tokens?: number;
}

/** Relative distance within which two parameter counts are one size: digitised tables repeat a size to six digits. */
const SIZE_TOLERANCE = 1e-3;

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

/** Splits `points` into those a law can use and those left out, each with its reason.
 * A usable point has finite positive N, D, C, L and weight. Among equal losses the earlier point is dropped first.
 * `positions` say where the kept ones stand in `points`.
 * @throws LabError('usage') when an option is not a count.
 */
export function selectPoints(
  points: readonly FitPoint[],
  options: SelectOptions = {},
): { kept: FitPoint[]; positions: number[]; dropped: DroppedPoint[] } {
  const { drop_highest = 0, min_tokens = 0 } = options;
  if (!Number.isInteger(drop_highest) || drop_highest < 0)
    throw new LabError('usage', `invalid drop_highest: ${drop_highest} is not a whole number of points, 0 or more`);
  if (!(min_tokens >= 0)) throw new LabError('usage', `invalid min_tokens: ${min_tokens} is not 0 or more tokens`);
  const dropped: DroppedPoint[] = [];
  const drop = (p: FitPoint, index: number, reason: DroppedPoint['reason']): void => {
    dropped.push({ id: p.id ?? `point ${index + 1}`, reason, N: finite(p.N), D: finite(p.D), L: finite(p.L) });
  };
  const usable: { p: FitPoint; index: number }[] = [];
  points.forEach((p, index) => {
    const positive = isPositive(p.N) && isPositive(p.D) && isPositive(p.C) && isPositive(p.L);
    const weight = p.weight ?? 1;
    if (!positive || !(weight >= 0) || !Number.isFinite(weight)) drop(p, index, 'not_positive');
    else if (weight === 0) drop(p, index, 'zero_weight');
    else if (p.D < min_tokens) drop(p, index, 'below_min_tokens');
    else usable.push({ p, index });
  });
  const ordered = drop_highest > 0 ? [...usable].sort((x, y) => y.p.L - x.p.L) : [];
  const highest = new Set(ordered.slice(0, drop_highest));
  for (const entry of highest) drop(entry.p, entry.index, 'among_highest_losses');
  const kept = usable.filter((entry) => !highest.has(entry));
  return { kept: kept.map(({ p }) => p), positions: kept.map(({ index }) => index), dropped };
}

const isPositive = (x: number): boolean => Number.isFinite(x) && x > 0;

/** Labels values alike that lie within `tolerance` (relative) above the smallest of them: 0 for the smallest, then 1, 2 ... */
export function sizeOf(values: readonly number[], tolerance: number = SIZE_TOLERANCE): number[] {
  const starts = firstOfEach(values, tolerance);
  return values.map((value) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= value) low = middle;
      else high = middle;
    }
    return low;
  });
}

/** How many distinct values there are, within the same tolerance. */
export function numDistinct(values: readonly number[]): number {
  return firstOfEach(values, SIZE_TOLERANCE).length;
}

/** The smallest value of each label, ascending. */
function firstOfEach(values: readonly number[], tolerance: number): number[] {
  const starts: number[] = [];
  let first = Number.NEGATIVE_INFINITY;
  // Against the first of the label, not the neighbour: a chain of many values would be one label.
  for (const value of Float64Array.from(values).sort()) {
    if (value <= first * (1 + tolerance)) continue;
    starts.push(value);
    first = value;
  }
  return starts;
}

/** Smallest and largest value; infinite ends of none. */
export function extent(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return [low, high];
}

/** The items of each label, in one pass: label k's at place k. */
export function byLabel<T>(items: readonly T[], labels: readonly number[]): T[][] {
  const groups: T[][] = [];
  items.forEach((item, i) => {
    const own = groups[labels[i]!];
    if (own) own.push(item);
    else groups[labels[i]!] = [item];
  });
  return groups;
}

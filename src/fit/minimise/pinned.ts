/** @file A law with one of its quantities held at a value: the other coordinates stay free.
 * A quantity is a constant of the law, or an exponent that follows from several of them (a, b). One coordinate is
 * taken out and solved for, `g(theta) = value`, and the gradient follows by the implicit function theorem,
 * `d theta_k / d theta_j = -g_j / g_k`. So any quantity of any law can be profiled without a word in the law.
 * A constant held at zero takes the coordinate of its term to minus infinity.
 */
import { BLOCK, type BlockLosses, type Law } from '../laws/law.ts';

/** Step of the central differences of log g: error about 1e-10. */
const STEP = 1e-5;
const MAX_ROUNDS = 60;

/** The value of `name` at coordinates theta; null where the law has no such constant or exponent. */
export function quantityOf(law: Law<string>, centre: Float64Array, name: string, theta: Float64Array): number | null {
  const params = law.toParams(theta, centre);
  const value = params[name] ?? (law.exponents?.(params) as Record<string, number> | undefined)?.[name];
  return value ?? null;
}

/** The law less one coordinate, and the way between its coordinates and those of the whole law. */
export interface Pinned {
  law: Law<string>;
  /** Coordinates of the whole law; not finite where the value cannot be had with the others as they are. */
  expand(reduced: Float64Array): Float64Array;
  reduce(theta: Float64Array): Float64Array;
}

/** `law` with `name` held at `value`; the coordinate taken out is the size of the term it
 * belongs to, else the one that moves it most at `at`.
 * Null where no coordinate moves it, or the value is zero and the constant is no term's size. */
export function pinned(
  law: Law<string>,
  centre: Float64Array,
  { name, value, at }: { name: string; value: number; at: Float64Array },
): Pinned | null {
  const log = (theta: Float64Array): number => Math.log(quantityOf(law, centre, name, theta) ?? Number.NaN);
  const absent = value === 0 ? law.optional_terms.find((k) => isZeroWithout(law, centre, name, at, k)) : undefined;
  if (value === 0 && absent === undefined) return null;
  const k = absent ?? mover(law, log, at);
  if (k === null) return null;
  const others = [...at.keys()].filter((j) => j !== k);
  const target = Math.log(value);
  let last: { reduced: Float64Array; theta: Float64Array; slopes: Float64Array } | null = null;
  const solve = (reduced: Float64Array) => {
    if (last && reduced.every((x, i) => x === last!.reduced[i])) return last;
    const theta = Float64Array.from(at);
    others.forEach((j, i) => {
      theta[j] = reduced[i]!;
    });
    theta[k] = absent === undefined ? solved(log, theta, k, target) : Number.NEGATIVE_INFINITY;
    const own = absent === undefined ? slope(log, theta, k) : 1;
    const slopes = Float64Array.from(others, (j) => (absent === undefined ? -slope(log, theta, j) / own : 0));
    last = { reduced: Float64Array.from(reduced), theta, slopes };
    return last;
  };
  const whole = new Float64Array(at.length);
  const logLoss: Law['logLoss'] = (reduced, u, gradient) => {
    const { theta, slopes } = solve(reduced);
    const loss = law.logLoss(theta, u, whole);
    for (let i = 0; i < others.length; i++) gradient[i] = whole[others[i]!]! + slopes[i]! * (whole[k]! || 0);
    return loss;
  };
  const block = law.block?.of === law.logLoss ? { block: pinnedBlock(law.block, logLoss, solve, others, k) } : {};
  return {
    law: {
      ...law,
      ...block,
      coordinates: others.map((j) => law.coordinates[j]!),
      optional_terms: law.optional_terms.filter((j) => j !== k).map((j) => (j > k ? j - 1 : j)),
      logLoss,
      toParams: (reduced, c) => law.toParams(solve(reduced).theta, c),
      fromParams: (params, c) => {
        const theta = law.fromParams(params, c);
        return Float64Array.from(others, (j) => theta[j]!);
      },
    },
    expand: (reduced) => solve(reduced).theta,
    reduce: (theta) => Float64Array.from(others, (j) => theta[j]!),
  };
}

/** The law's blocks of points through the coordinate taken out. */
function pinnedBlock(
  { losses }: BlockLosses,
  of: BlockLosses['of'],
  solve: (reduced: Float64Array) => { theta: Float64Array; slopes: Float64Array },
  others: readonly number[],
  k: number,
): BlockLosses {
  const whole = new Float64Array(BLOCK * (others.length + 1));
  return {
    of,
    losses(reduced, columns, from, to, values, jacobian) {
      const { theta, slopes } = solve(reduced);
      losses(theta, columns, from, to, values, whole);
      others.forEach((j, i) => {
        const slope = slopes[i]!;
        for (let at = 0; at < to - from; at++)
          jacobian[i * BLOCK + at] = whole[j * BLOCK + at]! + (slope === 0 ? 0 : slope * (whole[k * BLOCK + at]! || 0));
      });
    },
  };
}

function isZeroWithout(law: Law<string>, centre: Float64Array, name: string, at: Float64Array, k: number): boolean {
  const theta = Float64Array.from(at);
  theta[k] = Number.NEGATIVE_INFINITY;
  return quantityOf(law, centre, name, theta) === 0;
}

/** The present coordinate that moves log g most, a term's size before an exponent; null where none does. */
function mover(law: Law<string>, log: (theta: Float64Array) => number, at: Float64Array): number | null {
  const term = law.optional_terms.find((k) => Number.isFinite(at[k]!) && Math.abs(slope(log, at, k)) > 1e-3);
  if (term !== undefined) return term;
  let best: number | null = null;
  let most = 1e-9;
  for (const k of at.keys()) {
    const size = Number.isFinite(at[k]!) ? Math.abs(slope(log, at, k)) : 0;
    if (size > most) [best, most] = [k, size];
  }
  return best;
}

function slope(log: (theta: Float64Array) => number, at: Float64Array, k: number): number {
  const theta = Float64Array.from(at);
  theta[k] = at[k]! + STEP;
  const above = log(theta);
  theta[k] = at[k]! - STEP;
  return (above - log(theta)) / (2 * STEP);
}

/** Coordinate k at which log g meets the target, by Newton with halved steps; NaN where it is not found. */
function solved(log: (theta: Float64Array) => number, start: Float64Array, k: number, target: number): number {
  const theta = Float64Array.from(start);
  let off = log(theta) - target;
  for (let round = 0; round < MAX_ROUNDS && Math.abs(off) > 1e-14 * Math.max(1, Math.abs(target)); round++) {
    const from = theta[k]!;
    const step = off / slope(log, theta, k);
    let share = 1;
    let trial = Number.NaN;
    for (; share > 1e-4; share /= 2) {
      theta[k] = from - share * step;
      trial = log(theta) - target;
      if (Math.abs(trial) < Math.abs(off)) break;
    }
    if (!(Math.abs(trial) < Math.abs(off))) {
      theta[k] = from;
      break;
    }
    off = trial;
  }
  return Math.abs(off) <= 1e-10 * Math.max(1, Math.abs(target)) ? theta[k]! : Number.NaN;
}

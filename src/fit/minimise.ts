/** @file The best optimum of a law's objective over many starts, each taken to rounding error.
 * One descent is L-BFGS, then damped Newton, on the coordinates whose terms are present. A term that vanishes is
 * set to zero exactly, and a term at zero is let go again where the objective falls by it (the sign conditions of
 * Karush, Kuhn and Tucker), so an optimum with E = 0 is a proven one. A small delta is reached through larger ones.
 * Starts are variable projection's solutions and the paper's grid: all of it, or the part that a screening by
 * objective leaves.
 */

import { lbfgs } from './lbfgs.ts';
import type { RobustLoss } from './loss.ts';
import { newton } from './newton.ts';
import { evaluate, hessian, type Problem } from './objective.ts';
import { variableProjection } from './separable.ts';

export interface Minimum {
  theta: Float64Array;
  objective: number;
  /** Largest component of the gradient by the coordinates. */
  gradient_norm: number;
  /** Largest component as a share of what cancels in it: dimensionless. */
  relative_gradient: number;
  converged: boolean;
  iterations: number;
}

export interface StartsReport {
  /** Starting points that the law proposes, and those of variable projection. */
  grid: number;
  projected: number;
  /** Starting points from which a descent was run, after screening. */
  run: number;
  /** Of those: how many ended within 1e-5 of the best objective, how many converged, distinct optima met. */
  reached_best: number;
  converged: number;
  distinct: number;
  /** The best other optimum's objective over the best, less one; null where there was none. */
  next_best: number | null;
}

/** How many descents: 'screened' (16), or 'all' of the grid. */
export type Starts = 'screened' | 'all';

/** Share of the cancelling terms below which the gradient counts as zero, and the share aimed at. */
const CONVERGED = 1e-7;
const AIM = 1e-10;
/** Residuals of this size are rounding: an exact fit has no gradient to speak of. */
const ROUNDING = 1e-13;
/** A coordinate's gradient is measured against at least this share of the largest yardstick. */
const NEGLIGIBLE = 1e-4;
/** A term that is a smaller share of the loss at every point is taken as zero. */
const VANISHED = 1e-4;
/** A root mean square residual that counts as none: two optima below it are the same exact fit. */
const EXACT = 1e-11;
/** Where L-BFGS hands over to Newton. */
const ROUGH = 1e-4;
/** Objectives that agree to this share are one optimum. */
const SAME = 1e-5;
/** Coordinates that agree to this much belong to one optimum, given that their objectives agree. */
const NEAR = 0.02;
/** A corner smaller than this is approached by tenths from `FIRST_DELTA`. */
const SMALL_DELTA = 1e-4;
const FIRST_DELTA = 1e-3;
/** Starts of the grid that screening keeps. */
const SCREENED = 16;

/** Descends from `start` under `loss`; ends early, and returns `known`, where it comes upon that optimum. */
export function descend(problem: Problem, loss: RobustLoss, start: Float64Array, known?: Minimum): Minimum {
  let theta = start;
  if (loss.delta < SMALL_DELTA)
    for (let delta = FIRST_DELTA; delta > 3 * loss.delta; delta /= 10)
      theta = descendOn(problem, { ...loss, delta }, theta).theta;
  let best = descendOn(problem, loss, theta, known);
  for (const k of problem.law.optional_terms) {
    const lower = released(problem, loss, best, k);
    if (lower && lower.objective < best.objective) best = lower;
  }
  return best;
}

/** Whether L-BFGS ended beside a known optimum, not below it: nearly its objective, at nearly its place. */
function same(problem: Problem, value: number, theta: Float64Array, known: Minimum): boolean {
  const beside = theta.every((x, k) => x === known.theta[k] || Math.abs(x - known.theta[k]!) <= NEAR);
  return beside && value >= known.objective && agrees(problem, value, known.objective);
}

/** Whether an objective is the best one to within `SAME`, or both are rounding. */
function agrees(problem: Problem, value: number, best: number): boolean {
  const total = problem.weight.reduce((sum, w) => sum + w, 0);
  return value <= best * (1 + SAME) + 0.5 * total * EXACT ** 2;
}

/** The optimum with the absent term k let go; null where it is present, or the objective rises with it. */
function released(problem: Problem, loss: RobustLoss, at: Minimum, k: number): Minimum | null {
  if (Number.isFinite(at.theta[k]!)) return null;
  const theta = Float64Array.from(at.theta);
  const typical = typicalLogLoss(problem);
  const gradient = new Float64Array(theta.length);
  const cancellation = new Float64Array(theta.length);
  theta[k] = typical - 12;
  evaluate(problem, loss, theta, gradient, cancellation);
  if (gradient[k]! >= -CONVERGED * cancellation[k]!) return null;
  theta[k] = typical - 5;
  return descendOn(problem, loss, theta, undefined, (reached) => reached);
}

/** Mean log loss of the points. */
function typicalLogLoss({ log_loss }: Problem): number {
  return log_loss.reduce((sum, x) => sum + x, 0) / log_loss.length;
}

/** Sets to zero the optional terms that are next to nothing at every point; `released` then asks whether it cost. */
function withoutVanished(problem: Problem, theta: Float64Array): Float64Array {
  const row = new Float64Array(theta.length);
  const share = new Float64Array(theta.length);
  for (const u of problem.u) {
    problem.law.logLoss(theta, u, row);
    for (const k of problem.law.optional_terms) share[k] = Math.max(share[k]!, Math.abs(row[k]!));
  }
  return theta.map((x, k) => (problem.law.optional_terms.includes(k) && share[k]! < VANISHED ? -Infinity : x));
}

/** One descent on the present terms: L-BFGS, then Newton on the terms that `present` leaves. */
function descendOn(
  problem: Problem,
  loss: RobustLoss,
  start: Float64Array,
  known?: Minimum,
  present: (theta: Float64Array) => Float64Array = (theta) => withoutVanished(problem, theta),
): Minimum {
  const first = onPresent(problem, loss, start);
  const rough = lbfgs(first.f, first.x, { done: first.below(ROUGH) });
  const reached = present(first.place(rough.x));
  if (known && same(problem, rough.value, reached, known)) return known;
  const second = onPresent(problem, loss, reached);
  const fine = newton(second.f, second.x, { hessian: second.hessian, done: second.below(AIM) });
  const gradient = new Float64Array(fine.x.length);
  const objective = second.f(fine.x, gradient);
  const relative = second.relative(objective, gradient);
  return {
    theta: Float64Array.from(second.place(fine.x)),
    objective,
    gradient_norm: gradient.reduce((worst, g) => Math.max(worst, Math.abs(g)), 0),
    relative_gradient: relative,
    converged: relative <= CONVERGED,
    iterations: rough.iterations + fine.iterations,
  };
}

/** The objective as a function of the coordinates whose terms are present, and its tests of convergence. */
function onPresent(problem: Problem, loss: RobustLoss, start: Float64Array) {
  const theta = Float64Array.from(start);
  const free = [...theta.keys()].filter((k) => Number.isFinite(theta[k]!));
  const rounding = 0.5 * ROUNDING ** 2 * problem.weight.reduce((sum, w) => sum + w, 0);
  const gradient = new Float64Array(theta.length);
  const cancellation = new Float64Array(theta.length);
  const place = (x: Float64Array): Float64Array => {
    for (let i = 0; i < free.length; i++) theta[free[i]!] = x[i]!;
    return theta;
  };
  let last: Float64Array | null = null;
  const f = (x: Float64Array, g: Float64Array): number => {
    const value = evaluate(problem, loss, place(x), gradient, cancellation);
    last = x;
    for (let i = 0; i < free.length; i++) g[i] = gradient[free[i]!]!;
    return value;
  };
  /** Largest component of g as a share of what cancels in it, at the point evaluated last. */
  const relative = (value: number, g: Float64Array): number => {
    if (value <= rounding) return 0;
    const floor = NEGLIGIBLE * Math.max(...cancellation);
    let worst = 0;
    for (let i = 0; i < free.length; i++)
      worst = Math.max(worst, Math.abs(g[i]!) / Math.max(cancellation[free[i]!]!, floor));
    return worst;
  };
  const below = (tolerance: number) => (x: Float64Array, value: number, g: Float64Array) => {
    if (x !== last) f(x, g);
    return relative(value, g) <= tolerance;
  };
  return {
    x: Float64Array.from(free, (k) => theta[k]!),
    f,
    place,
    relative,
    below,
    hessian: (x: Float64Array) => hessian(problem, loss, Float64Array.from(place(x)), free),
  };
}

/** The lowest optimum met and how the starts agreed. */
export function minimise(
  problem: Problem,
  loss: RobustLoss,
  starts: Starts = 'screened',
): { best: Minimum; starts: StartsReport } {
  const { law } = problem;
  const grid = [...law.starts(problem.centre, typicalLogLoss(problem))];
  const projected = law.separable ? variableProjection(problem, law.separable).map((p) => p.theta) : [];
  const chosen = starts === 'all' ? grid : screened(problem, loss, grid);
  const met: Minimum[] = [];
  let lowest: Minimum | undefined;
  for (const theta of [...projected, ...chosen]) {
    const minimum = descend(problem, loss, theta, lowest);
    if (minimum.converged && !(minimum.objective >= (lowest?.objective ?? Infinity))) lowest = minimum;
    if (Number.isFinite(minimum.objective) && !minimum.theta.some(Number.isNaN)) met.push(minimum);
  }
  met.sort((x, y) => x.objective - y.objective);
  const best = met[0];
  if (!best) throw new Error(`no start of the law ${law.name} has a finite objective`);
  const distinct: number[] = [];
  for (const { objective, converged } of met)
    if (converged && !(distinct.length > 0 && agrees(problem, objective, distinct.at(-1)!))) distinct.push(objective);
  const next = distinct.find((objective) => !agrees(problem, objective, best.objective));
  return {
    best,
    starts: {
      grid: grid.length,
      projected: projected.length,
      run: met.length,
      reached_best: met.filter((m) => agrees(problem, m.objective, best.objective)).length,
      converged: met.filter((m) => m.converged).length,
      distinct: distinct.length,
      next_best: next === undefined || best.objective === 0 ? null : next / best.objective - 1,
    },
  };
}

/** Half of them the starts of lowest objective, half spread evenly over all the others by objective. */
function screened(problem: Problem, loss: RobustLoss, grid: Float64Array[]): Float64Array[] {
  if (grid.length <= SCREENED) return grid;
  const gradient = new Float64Array(problem.law.coordinates.length);
  const ordered = grid
    .map((theta) => ({ theta, value: evaluate(problem, loss, theta, gradient) }))
    .filter(({ value }) => Number.isFinite(value))
    .sort((x, y) => x.value - y.value)
    .map(({ theta }) => theta);
  const half = SCREENED / 2;
  const others = ordered.slice(half);
  const spread = Array.from({ length: half }, (_, i) => others[Math.floor((i * others.length) / half)]);
  return [...ordered.slice(0, half), ...spread.filter((theta) => theta !== undefined)];
}

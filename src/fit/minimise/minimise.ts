/** @file The best optimum of a law's objective over many starts, each taken to rounding error.
 * One descent is L-BFGS, then damped Newton, on the coordinates whose terms are present. A term that vanishes is
 * set to zero exactly, and a term at zero is let go again where the objective falls by it (the sign conditions of
 * Karush, Kuhn and Tucker), so an optimum with E = 0 is a proven one. A small delta is reached through larger ones.
 * Starts are variable projection's solutions and the paper's grid, all or what a screening by objective leaves; or
 * constants known nearly, with a coarse projection in case they are not. Starts alike but for terms next to nothing are
 * one, and a descent ends at an optimum found before: what makes all 4,500 of Hoffmann's cheap.
 */
import type { LawParams } from '../laws/law.ts';
import { lbfgs } from './lbfgs.ts';
import type { RobustLoss } from './loss.ts';
import { newton } from './newton.ts';
import { evaluate, hessian, largestShares } from './objective.ts';
import { type Problem, sampled } from './problem.ts';
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

/** How many descents: 'screened' (16), 'all' of the grid, or from constants 'near' the best ones. */
export type Starts = 'screened' | 'all' | { near: LawParams };

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
/** Starts of the grid that screening keeps, and the points that it looks at; a grid of a few is taken whole. */
const SCREENED = 16;
const FEW_STARTS = 70;
const SCREENING_POINTS = 64;
/** Points by which a grid taken whole, and with more points than `MANY` every start, comes into the neighbourhood of an
 * optimum before all points are asked; and the corner at which few points have a smooth way there from afar. */
const FEW_POINTS = 32;
const FEW_DELTA = 0.1;
const MANY = 512;
const PART_OF_MANY = 192;
/** Points of the coarse projection beside a start known nearly, and those from which on it is taken: fewer mislead it. */
const FEW_PROJECTED = 128;
/** A descent that comes so near an optimum, in objective and in coordinates, is taken to end there. */
const JOINED = 1e-2;
const BESIDE = 0.1;
/** Newton's steps from a start that is nearly there, before L-BFGS is asked. */
const FEW_STEPS = 25;

/** Optima found so far, which a descent may come upon. */
interface Found {
  optima: { minimum: Minimum; moves: Float64Array }[];
  /** Whether coming near an optimum is enough, or only arriving. */
  is_near_enough: boolean;
  /** What letting a term go led to, by the optimum, its exponents and the term. */
  released: Map<string, Minimum | null>;
}

const nothingFound = (): Found => ({ optima: [], is_near_enough: false, released: new Map() });

/** Remembers an optimum that is new. */
function learn(problem: Problem, found: Found, minimum: Minimum): void {
  if (minimum.converged && !metAt(problem, minimum.objective * (1 + SAME), minimum.theta, found))
    remember(problem, found, minimum);
}

function remember(problem: Problem, found: Found, minimum: Minimum): void {
  found.optima.push({ minimum, moves: largestShares(problem, minimum.theta) });
}

/** Descends from `start` under `loss`; ends early, and returns `known`, where it comes upon that optimum. */
export function descend(problem: Problem, loss: RobustLoss, start: Float64Array, known?: Minimum): Minimum {
  const found = nothingFound();
  if (known) remember(problem, found, known);
  return descendAmong(problem, loss, start, found);
}

/** The optimum of a problem much like one whose optimum is `start`: by Newton's steps alone, or by a descent where a
 * term comes or goes, the corner is small, or the steps do not converge. */
export function descendFromNear(
  problem: Problem,
  loss: RobustLoss,
  start: Float64Array,
  found: Found = nothingFound(),
): Minimum {
  if (loss.delta >= SMALL_DELTA && start.every(Number.isFinite)) {
    const best = polished(problem, loss, start, FEW_STEPS);
    if (best.converged && withoutVanished(problem, best.theta).every(Number.isFinite)) return best;
  }
  return descendAmong(problem, loss, start, found);
}

function descendAmong(problem: Problem, loss: RobustLoss, start: Float64Array, found: Found): Minimum {
  let theta = start;
  if (loss.delta < SMALL_DELTA)
    for (let delta = FIRST_DELTA; delta > 3 * loss.delta; delta /= 10)
      theta = descendOn(problem, { ...loss, delta }, theta, nothingFound()).theta;
  let best = descendOn(problem, loss, theta, found);
  for (const k of problem.law.optional_terms) {
    if (Number.isFinite(best.theta[k]!)) continue;
    const key = `${k}/${best.objective}/${best.theta.join()}`;
    const lower = found.released.has(key) ? found.released.get(key) : released(problem, loss, best, k);
    found.released.set(key, lower ?? null);
    if (lower && lower.objective < best.objective) best = lower;
  }
  return best;
}

/** The known optimum that a descent has come upon; null where there is none. It lies beside in all coordinates that
 * move anything there, and is lower by a little; coordinates that move nothing stay as they are. */
function metAt(problem: Problem, value: number, theta: Float64Array, found: Found): Minimum | null {
  for (const { minimum, moves } of found.optima) {
    if (!(value >= minimum.objective)) continue;
    const is_there = agrees(problem, value, minimum.objective);
    if (!is_there && !(found.is_near_enough && value <= minimum.objective * (1 + JOINED))) continue;
    const near = is_there ? NEAR : BESIDE;
    let is_beside = true;
    let is_same = true;
    for (let k = 0; k < theta.length && is_beside; k++) {
      const off = theta[k] === minimum.theta[k] ? 0 : Math.abs(theta[k]! - minimum.theta[k]!);
      if (moves[k] === 0 && Number.isFinite(theta[k]!)) is_same &&= off === 0;
      else is_beside = off <= near;
    }
    if (!is_beside) continue;
    return is_same
      ? minimum
      : { ...minimum, theta: minimum.theta.map((x, k) => (moves[k] === 0 && Number.isFinite(x) ? theta[k]! : x)) };
  }
  return null;
}

/** Whether an objective is the best one to within `SAME`, or both are rounding. */
function agrees(problem: Problem, value: number, best: number): boolean {
  return value <= best * (1 + SAME) || value <= best * (1 + SAME) + 0.5 * totalWeight(problem) * EXACT ** 2;
}

function totalWeight({ weight }: Problem): number {
  let total = 0;
  for (let i = 0; i < weight.length; i++) total += weight[i]!;
  return total;
}

/** The optimum with the absent term k let go; null where it is present, or the objective rises with it. */
function released(problem: Problem, loss: RobustLoss, at: Minimum, k: number): Minimum | null {
  const theta = Float64Array.from(at.theta);
  const typical = typicalLogLoss(problem);
  const gradient = new Float64Array(theta.length);
  const cancellation = new Float64Array(theta.length);
  theta[k] = typical - 12;
  evaluate(problem, loss, theta, gradient, cancellation);
  if (gradient[k]! >= -CONVERGED * cancellation[k]!) return null;
  theta[k] = typical - 5;
  return descendOn(problem, loss, theta, nothingFound(), (reached) => reached);
}

/** Mean log loss of the points. */
function typicalLogLoss({ log_loss }: Problem): number {
  return log_loss.reduce((sum, x) => sum + x, 0) / log_loss.length;
}

/** Sets to zero the optional terms that are next to nothing at every point; `released` then asks whether it cost. */
function withoutVanished(problem: Problem, theta: Float64Array): Float64Array {
  const { optional_terms } = problem.law;
  if (optional_terms.length === 0) return theta;
  const share = largestShares(problem, theta);
  return theta.map((x, k) => (optional_terms.includes(k) && share[k]! < VANISHED ? -Infinity : x));
}

/** One descent on the present terms: L-BFGS, then Newton on the terms that `present` leaves. */
function descendOn(
  problem: Problem,
  loss: RobustLoss,
  start: Float64Array,
  found: Found,
  present: (theta: Float64Array) => Float64Array = (theta) => withoutVanished(problem, theta),
): Minimum {
  const { f, x, place, below } = onPresent(problem, loss, start);
  const isRough = below(ROUGH);
  let met: Minimum | null = null;
  const rough = lbfgs(f, x, {
    done(at, value, gradient) {
      if (found.is_near_enough) met = metAt(problem, value, place(at), found);
      return met !== null || isRough(at, value, gradient);
    },
  });
  const reached = Float64Array.from(present(place(rough.x)));
  met ??= metAt(problem, rough.value, reached, found);
  if (met) return met;
  const fine = polished(problem, loss, reached);
  return { ...fine, iterations: rough.iterations + fine.iterations };
}

/** Newton's steps on the present terms. */
function polished(problem: Problem, loss: RobustLoss, start: Float64Array, max_iterations?: number): Minimum {
  const { f, x, hessian, place, relative, below } = onPresent(problem, loss, start);
  const fine = newton(f, x, { hessian, done: below(AIM), ...(max_iterations ? { max_iterations } : {}) });
  const gradient = new Float64Array(fine.x.length);
  const objective = f(fine.x, gradient);
  const relative_gradient = relative(objective, gradient);
  return {
    theta: Float64Array.from(place(fine.x)),
    objective,
    gradient_norm: gradient.reduce((worst, g) => Math.max(worst, Math.abs(g)), 0),
    relative_gradient,
    converged: relative_gradient <= CONVERGED,
    iterations: fine.iterations,
  };
}

/** The objective as a function of the coordinates whose terms are present, and its tests of convergence. */
function onPresent(problem: Problem, loss: RobustLoss, start: Float64Array) {
  const theta = Float64Array.from(start);
  const free = [...theta.keys()].filter((k) => Number.isFinite(theta[k]!));
  const rounding = 0.5 * ROUNDING ** 2 * totalWeight(problem);
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
    let floor = 0;
    for (let k = 0; k < cancellation.length; k++) floor = Math.max(floor, NEGLIGIBLE * cancellation[k]!);
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
    hessian: (x: Float64Array) => hessian(problem, loss, place(x), free),
  };
}

/** The lowest optimum met and how the starts agreed. */
export function minimise(
  problem: Problem,
  loss: RobustLoss,
  starts: Starts = 'screened',
): { best: Minimum; starts: StartsReport } {
  const { law } = problem;
  const isMany = problem.log_loss.length > MANY;
  const { near, projected, grid, taken } = startsOf(problem, loss, starts);
  const met: { minimum: Minimum; count: number }[] = [];
  const found = nothingFound();
  const among = (theta: Float64Array): Minimum => descendAmong(problem, loss, theta, found);
  const nearby = byPartOfThePoints(problem, loss, found);
  for (const [at, { theta, count }] of [...projected.map((theta) => ({ theta, count: 1 })), ...taken].entries()) {
    found.is_near_enough = at >= projected.length + (starts === 'all' ? 0 : FEW_STARTS);
    const descent = isMany || found.is_near_enough ? nearby : among;
    const minimum = theta === near ? descendFromNear(problem, loss, theta, found) : descent(theta);
    if (!Number.isFinite(minimum.objective) || minimum.theta.some(Number.isNaN)) continue;
    met.push({ minimum, count });
    learn(problem, found, minimum);
  }
  met.sort((x, y) => x.minimum.objective - y.minimum.objective);
  const best = met[0]?.minimum;
  if (!best) throw new Error(`no start of the law ${law.name} has a finite objective`);
  const distinct: number[] = [];
  for (const { minimum } of met)
    if (minimum.converged && !(distinct.length > 0 && agrees(problem, minimum.objective, distinct.at(-1)!)))
      distinct.push(minimum.objective);
  const next = distinct.find((objective) => !agrees(problem, objective, best.objective));
  const counted = (which: (minimum: Minimum) => boolean): number =>
    met.reduce((sum, { minimum, count }) => sum + (which(minimum) ? count : 0), 0);
  return {
    best,
    starts: {
      grid,
      projected: projected.length - (near ? 1 : 0),
      run: counted(() => true),
      reached_best: counted((minimum) => agrees(problem, minimum.objective, best.objective)),
      converged: counted((minimum) => minimum.converged),
      distinct: distinct.length,
      next_best: next === undefined || best.objective === 0 ? null : next / best.objective - 1,
    },
  };
}

/** The starts: constants known nearly, variable projection's, those of a grid; few points have the grid in any case. */
function startsOf(problem: Problem, loss: RobustLoss, starts: Starts) {
  const { law, centre } = problem;
  if (typeof starts === 'object' && law.separable && problem.log_loss.length >= FEW_PROJECTED) {
    const near = law.fromParams(starts.near, centre);
    const coarse = variableProjection(sampled(problem, FEW_PROJECTED), law.separable, { stride: 3, refine: 0 });
    return { near, projected: [near, ...coarse.map((p) => p.theta)], grid: 0, taken: [] };
  }
  const grid = [...law.starts(centre, typicalLogLoss(problem))];
  const projected = law.separable ? variableProjection(sampled(problem, MANY), law.separable).map((p) => p.theta) : [];
  const taken = starts === 'all' ? distinctStarts(problem, grid) : screened(problem, loss, grid);
  return { near: null, projected, grid: grid.length, taken };
}

/** Descents that come near an optimum by a part of the points, where most steps are, and go on from there with all of
 * them: once for all that come to the same place. */
function byPartOfThePoints(problem: Problem, loss: RobustLoss, found: Found): (start: Float64Array) => Minimum {
  const isMany = problem.log_loss.length > MANY;
  const part = sampled(problem, isMany ? PART_OF_MANY : FEW_POINTS);
  if (part === problem) return (start) => descendAmong(problem, loss, start, found);
  const wide = { ...loss, delta: Math.max(loss.delta, isMany ? FIRST_DELTA : FEW_DELTA) };
  const inPart = { ...nothingFound(), is_near_enough: true };
  const ends = new Map<string, Minimum>();
  return (start) => {
    const near = descendAmong(part, wide, start, inPart);
    learn(part, inPart, near);
    const key = near.theta.join();
    const end = ends.get(key) ?? descendFromNear(problem, loss, near.theta, found);
    ends.set(key, end);
    return end;
  };
}

/** A starting point, and how many of the grid's it stands for. */
interface Start {
  theta: Float64Array;
  count: number;
}

/** The grid, with the terms that are next to nothing at every point of a part at zero, and what is then the same taken
 * once. */
function distinctStarts(problem: Problem, grid: readonly Float64Array[]): Start[] {
  const part = sampled(problem, FEW_POINTS);
  const distinct = new Map<string, Start>();
  for (const start of grid) {
    const theta = withoutVanished(part, start);
    const key = theta.join();
    const known = distinct.get(key);
    if (known) known.count++;
    else distinct.set(key, { theta, count: 1 });
  }
  return [...distinct.values()];
}

/** Half of them the starts of lowest objective, half spread evenly over all the others by objective: as a part of the
 * points has it. */
function screened(problem: Problem, loss: RobustLoss, grid: readonly Float64Array[]): Start[] {
  const once = (theta: Float64Array): Start => ({ theta, count: 1 });
  if (grid.length <= FEW_STARTS) return grid.map(once);
  const sample = sampled(problem, SCREENING_POINTS);
  const gradient = new Float64Array(problem.law.coordinates.length);
  const ordered = grid
    .map((theta) => ({ theta, value: evaluate(sample, loss, theta, gradient) }))
    .filter(({ value }) => Number.isFinite(value))
    .sort((x, y) => x.value - y.value)
    .map(({ theta }) => theta);
  const half = SCREENED / 2;
  const others = ordered.slice(half);
  const spread = Array.from({ length: half }, (_, i) => others[Math.floor((i * others.length) / half)]);
  return [...ordered.slice(0, half), ...spread.filter((theta) => theta !== undefined)].map(once);
}

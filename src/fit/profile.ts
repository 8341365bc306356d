/** @file Profile curves: the objective minimised over all other constants while one is held, along a grid.
 * Shows what an interval hides: a flat valley, a second optimum, a floor that the data do not need. The interval is
 * that of the likelihood-ratio test; for a robust loss its drop is scaled as Schrader & Hettmansperger 1980
 * (Biometrika 67) do, `S = 2 (F(v) - F_min) mean(psi') / mean(psi^2)`, which for squared error is the usual F test
 * with the residual variance estimated. It takes points as independent: offsets shared by a whole model size make it
 * too short, which is the size bootstrap's business.
 */

import { LabError } from '../lib/errors.ts';
import type { FitOptions } from './approach3.ts';
import { upperTail } from './checks/lack-of-fit.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { constrain } from './laws/constrain.ts';
import type { Law, LawParams } from './laws/law.ts';
import { rawLoss } from './laws/raw-loss.ts';
import { lawByName } from './laws/registry.ts';
import { increasingRoot } from './math/normal.ts';
import { influence } from './minimise/linear.ts';
import { type RobustLoss, robustLoss } from './minimise/loss.ts';
import { descend, type Minimum, minimise } from './minimise/minimise.ts';
import { pinned, quantityOf } from './minimise/pinned.ts';
import { makeProblem, type Problem, requireInputs } from './minimise/problem.ts';
import { extent, type FitPoint, selectPoints } from './point.ts';

export interface ProfileOptions extends FitOptions {
  /** Constant of the law, or exponent a or b. */
  param: string;
  /** Values along the curve. Default 41. */
  num_values?: number;
}

export interface Profile {
  law: string;
  param: string;
  /** Where the objective is lowest. */
  value: number;
  objective: number;
  /** Ends of the interval; 0 below or null above where the curve never rises to the threshold. */
  interval: [number, number | null];
  /** Sides on which the curve stays below the threshold. */
  open: { low: boolean; high: boolean };
  level: number;
  /** What the statistic must exceed at the interval's ends. */
  threshold: number;
  /** The curve by increasing value; `params` are the other constants' best there. */
  curve: { value: number; objective: number; statistic: number; params: LawParams }[];
  diagnostics: Diagnostic[];
}

/** Largest factor by which a constant is moved from its best value in search of an end. */
const MAX_FACTOR = 1e6;
/** Two ends of one curve are told apart to this share of the constant. */
const PRECISION = 1e-4;

/** The profile of one constant, or of a or b, with its likelihood-ratio interval.
 * @throws LabError('usage') for a name the law does not have; LabError('too_little_data') where no freedom is left.
 */
export function profileParam(points: readonly FitPoint[], options: ProfileOptions): Profile {
  const logLaw = constrain(lawByName(options.law ?? 'chinchilla'), options);
  const law = options.scale === 'raw' ? rawLoss(logLaw) : logLaw;
  const loss = robustLoss(options.loss, options.delta);
  const { kept } = selectPoints(points, options);
  requireInputs(law, kept);
  requireFreedom(law, kept.length);
  const problem = makeProblem(law, kept);
  const { best } = minimise(problem, loss, options.starts);
  return profileAt({ law, problem, loss, best }, options);
}

/** @throws LabError('too_little_data') where the points leave no freedom beside the law's constants. */
export function requireFreedom(law: Law<string>, num_points: number): void {
  const num_free = law.coordinates.length;
  if (num_points <= num_free)
    throw tooLittle(
      'too_few_points',
      `${num_points} points leave no freedom beside the ${num_free} constants of ${law.name}`,
    );
}

/** The profile about the optimum `best` of a problem; `law` as it stands, before it is told the problem's centre.
 * @throws LabError('usage') for a name the law does not have, or that is held. */
export function profileAt(
  { law, problem, loss, best }: { law: Law<string>; problem: Problem; loss: RobustLoss; best: Minimum },
  options: Pick<ProfileOptions, 'param' | 'num_values' | 'level' | 'fix'>,
): Profile {
  const { param, num_values = 41, level = 0.9 } = options;
  const num_free = law.coordinates.length;
  const value = quantityOf(law, problem.centre, param, best.theta);
  if (value === null) {
    const known = [...law.params, ...(law.exponents ? ['a', 'b'] : [])];
    throw new LabError('usage', `the law ${law.name} has no ${param}; choose one of ${known.join(', ')}`);
  }
  if (options.fix?.[param] !== undefined)
    throw new LabError('usage', `invalid profile: ${param} is held at ${value}; leave it free`);
  const walk = walker(problem, loss, best, param);
  const threshold = quantileF(level, problem.log_loss.length - num_free);
  const from = value > 0 ? { value, theta: best.theta } : barelyPresent(problem, param, best.theta);
  const { low, high, open } = ends(walk, from, threshold);
  const curve = along(walk, from, { low: low ?? from.value / 20, high: high ?? from.value * 20, count: num_values });
  const zero = low === null ? walk(0, best.theta) : null;
  if (zero) curve.unshift(zero);
  const deeper = Math.min(...curve.map((c) => c.objective));
  return {
    law: law.name,
    param,
    value,
    objective: best.objective,
    interval: [low ?? 0, high],
    open,
    level,
    threshold,
    curve: curve.map(({ theta, ...rest }) => ({ ...rest, params: law.toParams(theta, problem.centre) })),
    diagnostics: judgeProfile({ param, value, open, level, share: deeper / best.objective - 1 }),
  };
}

function judgeProfile(of: { param: string; value: number; open: Profile['open']; level: number; share: number }) {
  const found: Diagnostic[] = [];
  const { param, value, open, level, share } = of;
  if (param === 'E' && open.low) found.push(floorUnidentified(value, level));
  else if (open.low || open.high) {
    const side = open.low && open.high ? 'on both sides' : open.low ? 'towards zero' : 'upwards';
    found.push(
      warn('flat_direction', `the profile of ${param} is open ${side}: the points do not bound it at ${100 * level}%`, {
        param,
        value,
      }),
    );
  }
  if (share < -1e-4)
    found.push(
      warn('local_optimum', `the profile of ${param} found a lower optimum, by ${(-100 * share).toPrecision(2)}%`, {
        param,
        share,
      }),
    );
  return found;
}

function floorUnidentified(E: number, level: number): Diagnostic {
  return warn(
    'floor_unidentified',
    `the floor E = ${E.toPrecision(3)} is not needed: a law without one fits as well (its profile is open at 0 at ` +
      `${Math.round(100 * level)}%)`,
    { E, level },
  );
}

/** Whether a law without a floor fits the points as well, by the likelihood-ratio test at `level`: one descent.
 * Nothing for laws without E, or where E is zero already. */
export function judgeFloor(
  problem: Problem,
  loss: RobustLoss,
  best: Pick<Minimum, 'theta' | 'objective'>,
  level = 0.9,
): Diagnostic[] {
  const E = quantityOf(problem.law, problem.centre, 'E', best.theta);
  const freedom = problem.u.length - problem.law.coordinates.length;
  const is_held = problem.law.constraints?.fix?.['E'] !== undefined;
  if (E === null || E === 0 || is_held || freedom < 1) return [];
  const none = walker(problem, loss, best, 'E')(0, best.theta);
  return none && none.statistic < quantileF(level, freedom) ? [floorUnidentified(E, level)] : [];
}

interface Held {
  value: number;
  objective: number;
  statistic: number;
  theta: Float64Array;
}

/** The best of the others at a held value, from a start on the whole law; null where the value cannot be had. */
type Walk = (value: number, start: Float64Array) => Held | null;

/** A constant's value and the coordinates where it has it. */
interface Place {
  value: number;
  theta: Float64Array;
}

function walker(problem: Problem, loss: RobustLoss, best: Pick<Minimum, 'theta' | 'objective'>, name: string): Walk {
  const { law, centre } = problem;
  const scale = dispersion(problem, loss, best.theta);
  return (value, start) => {
    const held = pinned(law, centre, { name, value, at: start });
    if (!held) return null;
    const reduced: Problem = { ...problem, law: held.law };
    let found: Minimum | null = null;
    for (const from of start === best.theta ? [start] : [start, best.theta]) {
      const minimum = descend(reduced, loss, held.reduce(from));
      if (Number.isFinite(minimum.objective) && !(minimum.objective >= (found?.objective ?? Infinity))) found = minimum;
    }
    if (!found) return null;
    const drop = Math.max(0, found.objective - best.objective);
    const statistic = scale > 0 ? (2 * drop) / scale : drop > 1e-20 ? Infinity : 0;
    return { value, objective: found.objective, statistic, theta: Float64Array.from(held.expand(found.theta)) };
  };
}

/** Where a constant fitted at zero is next to nothing: a walk in logs cannot start from zero itself. */
function barelyPresent({ law, centre, log_loss }: Problem, name: string, theta: Float64Array): Place {
  const small = extent(log_loss)[0] - 8;
  for (const k of law.optional_terms) {
    const place = Float64Array.from(theta, (x, j) => (j === k && x === Number.NEGATIVE_INFINITY ? small : x));
    const value = quantityOf(law, centre, name, place) ?? 0;
    if (value > 0) return { value, theta: place };
  }
  const value = quantityOf(law, centre, name, theta)?.toPrecision(3);
  throw tooLittle('bound_hit', `${name} = ${value} of ${law.name} is not above zero: it has no profile in logs`);
}

/** `sum w psi^2 / (n - p)` over `mean psi'`: the unit of twice the objective's drop; the residual variance for mse. */
function dispersion(problem: Problem, loss: RobustLoss, theta: Float64Array): number {
  const { squares, slope } = influence(problem, loss, theta);
  return slope > 0 ? squares / slope : 0;
}

/** Ends of the interval, stepping out from the best value until the statistic passes the threshold, then narrowing the
 * bracket by the Illinois rule on its root, which is near to linear in the step. An end is null where the statistic
 * never passes; a value that cannot be had ends the walk as if it had. */
function ends(walk: Walk, { value, theta }: Place, threshold: number) {
  const outwards = (sign: 1 | -1): number | null => {
    let start = theta;
    const excessAt = (t: number): number => {
      const held = walk(value * Math.exp(sign * t), start);
      const excess = held ? Math.sqrt(held.statistic) - Math.sqrt(threshold) : Number.POSITIVE_INFINITY;
      if (held && excess <= 0) start = held.theta;
      return excess;
    };
    let [inside, below] = [0, -Math.sqrt(threshold)];
    let [outside, above] = [0, 0];
    const furthest = Math.log(MAX_FACTOR);
    for (let t = 0.01; outside === 0 && inside < furthest; ) {
      const excess = excessAt(t);
      if (excess > 0) [outside, above] = [t, excess];
      else [inside, below] = [t, excess];
      // A tenth beyond where a straight root would meet the threshold.
      const straight = (1.1 * t) / (1 + excess / Math.sqrt(threshold));
      t = Math.min(Math.max(1.6 * t, Math.min(straight, 5 * t)), furthest);
    }
    if (outside === 0) return null;
    let last = 0;
    while (outside - inside > PRECISION) {
      const gap = outside - inside;
      const share = Number.isFinite(above) ? below / (below - above) : 0.5;
      // Half the precision or more from either end, so that the bracket closes on both.
      const t = inside + Math.min(Math.max(share * gap, PRECISION / 2), gap - PRECISION / 2);
      const excess = excessAt(t);
      const side = excess > 0 ? 1 : -1;
      if (side > 0) [outside, above] = [t, excess];
      else [inside, below] = [t, excess];
      // An end that stays a second time weighs half as much.
      if (side === last && side > 0) below /= 2;
      else if (side === last) above /= 2;
      last = side;
    }
    return value * Math.exp(sign * outside);
  };
  const low = outwards(-1);
  const high = outwards(1);
  return { low, high, open: { low: low === null, high: high === null } };
}

/** The curve over the interval and a third of its width on either side, each point from its neighbour's solution. */
function along(
  walk: Walk,
  { value, theta }: Place,
  { low, high, count }: { low: number; high: number; count: number },
): Held[] {
  const [left, right] = [Math.log(low), Math.log(high)];
  const margin = (right - left) / 3;
  const step = (right - left + 2 * margin) / (count - 1);
  const values = Array.from({ length: count }, (_, i) => Math.exp(left - margin + i * step));
  const sweep = (own: readonly number[]): Held[] => {
    let start = theta;
    const out = own.flatMap((v) => {
      const held = walk(v, start);
      if (held) start = held.theta;
      return held ? [held] : [];
    });
    // Back again: a valley met further out may be the lower one here too.
    for (let i = out.length - 2; i >= 0; i--) {
      const held = walk(out[i]!.value, out[i + 1]!.theta);
      if (held && held.objective < out[i]!.objective) out[i] = held;
    }
    return out;
  };
  const below = sweep(values.filter((v) => v < value).reverse()).reverse();
  const above = sweep(values.filter((v) => v >= value));
  return [...below, ...above];
}

/** What F with 1 and n degrees of freedom stays below with probability p. */
function quantileF(p: number, n: number): number {
  return increasingRoot((F) => 1 - p - upperTail(F, 1, n), 0, 1e5);
}

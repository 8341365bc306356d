/** @file The refit of a law to a resample, made of plain data, so that another thread makes the same one.
 * From the full data's optimum by Newton's steps; where the best cell of a coarse variable projection is not beside what
 * they find, by a descent from there too, the lower of the two: each replicate to convergence, none from its neighbour's solution, so that its values do not depend on
 * which others were fitted before, or where.
 */
import { constrain } from '../laws/constrain.ts';
import type { Constraints, Law } from '../laws/law.ts';
import { rawLoss } from '../laws/raw-loss.ts';
import { lawByName } from '../laws/registry.ts';
import { type LossName, robustLoss } from '../minimise/loss.ts';
import { descend, descendFromNear } from '../minimise/minimise.ts';
import { makeProblem, type Problem, reweighter } from '../minimise/problem.ts';
import { coarseProjection } from '../minimise/separable.ts';
import { type FitPoint, sizeOf } from '../point.ts';

/** Which law, by which loss. */
export interface LawOptions extends Constraints {
  /** Name of the law. Default chinchilla. */
  law?: string;
  /** Default huber. */
  loss?: LossName;
  /** Corner of the Huber loss, in log loss (in nats on the raw scale). Default 1e-3. */
  delta?: number;
  /** Residuals of log loss (default) or of the loss itself, in nats. */
  scale?: 'log' | 'raw';
}

/** All that a refit reads; the points are those that the fit kept. */
export interface RefitSpec {
  points: readonly FitPoint[];
  options: LawOptions;
  /** Coordinates of the full data's optimum. */
  theta: Float64Array;
}

/** The fitted quantities of a resample by name; null where it cannot determine them or no descent converged. */
export type Refit = (multiplicity: Float64Array) => Record<string, number> | null;

/** Distinct values of an input below which its exponent and the floor cannot be told apart. */
export const MIN_DISTINCT = 3;

/** These options alone, of a record that holds more. */
export function lawOptionsOf({ law, loss, delta, scale, fix, tie, bounds }: LawOptions): LawOptions {
  return {
    ...(law === undefined ? {} : { law }),
    ...(loss === undefined ? {} : { loss }),
    ...(delta === undefined ? {} : { delta }),
    ...(scale === undefined ? {} : { scale }),
    fix,
    tie,
    bounds,
  };
}

/** The law that the options name, under their constraints. @throws LabError('usage') where they make no sense. */
export function lawOf(options: LawOptions): Law {
  const law = constrain(lawByName(options.law ?? 'chinchilla'), options);
  return options.scale === 'raw' ? rawLoss(law) : law;
}

/** The refit of this law to resamples of these points: constants that are not held, and the exponents a and b. Who has
 * made the problem of the points already may give it. */
export function lawRefit({ points, options, theta }: RefitSpec, known?: Problem): Refit {
  const law = lawOf(options);
  const loss = robustLoss(options.loss, options.delta);
  const problem = known ?? makeProblem(law, points);
  const labels = law.inputs.map((input) => Int32Array.from(sizeOf(points.map((p) => p[input]!))));
  const { separable } = problem.law;
  const projection = separable && coarseProjection(problem, separable);
  const reweight = reweighter(problem);
  return (multiplicity) => {
    if (labels.some((own) => !hasDistinct(own, multiplicity))) return null;
    const resample = reweight(multiplicity);
    let best = descendFromNear(resample, loss, theta);
    const cell = projection?.(multiplicity);
    const found = law.toParams(best.theta, problem.centre);
    if (cell && !(isWhole(best.theta) && cell.isBeside(separable!.axes.map((name) => found[name]!)))) {
      const other = descend(resample, loss, cell.theta, best);
      if (other.objective < best.objective) best = other;
    }
    if (!best.converged) return null;
    const params = law.toParams(best.theta, problem.centre);
    const own = Object.entries(params).filter(([name]) => !law.held?.includes(name));
    return { ...Object.fromEntries(own), ...law.exponents?.(params) };
  };
}

const isWhole = (theta: Float64Array): boolean => theta.every(Number.isFinite);

/** Whether the points present have enough distinct labels. */
function hasDistinct(labels: Int32Array, multiplicity: Float64Array): boolean {
  const met = new Set<number>();
  for (let i = 0; i < labels.length && met.size < MIN_DISTINCT; i++) if (multiplicity[i]! > 0) met.add(labels[i]!);
  return met.size >= MIN_DISTINCT;
}

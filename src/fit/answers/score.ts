/** @file What given constants score on points: the objective that a fit would have at them.
 * For published constants beside our own optimum, and for points that a fit has not seen.
 */
import { lawByName } from '../laws/registry.ts';
import { type LossName, robustLoss } from '../minimise/loss.ts';
import { evaluate, residuals } from '../minimise/objective.ts';
import { makeProblem } from '../minimise/problem.ts';
import { type FitPoint, type SelectOptions, selectPoints } from '../point.ts';
import type { FittedLaw } from './optimum.ts';

export interface Score {
  /** Summed loss, as in `LawFit.objective`. */
  objective: number;
  /** Root mean square error of log loss. */
  rms: number;
  num_points: number;
}

/** Scores a law with its constants: `sum_i w_i rho(log L_hat - log L_i)` over the points that a fit would keep.
 * @throws LabError('usage') for bad options and points without a column that the law reads.
 */
export function scoreLaw(
  points: readonly FitPoint[],
  fit: Pick<FittedLaw, 'law' | 'params'>,
  options: SelectOptions & { loss?: LossName; delta?: number } = {},
): Score {
  const problem = makeProblem(lawByName(fit.law), selectPoints(points, options).kept);
  const theta = lawByName(fit.law).fromParams(fit.params, problem.centre);
  const r = residuals(problem, theta);
  return {
    objective: evaluate(problem, robustLoss(options.loss, options.delta), theta, new Float64Array(theta.length)),
    rms: Math.sqrt(r.reduce((sum, x) => sum + x * x, 0) / r.length),
    num_points: r.length,
  };
}

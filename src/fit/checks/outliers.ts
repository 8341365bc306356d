/** @file Points far off the law: which, by how much, and what the fit says without them.
 * Far is six robust standard deviations of log loss, from the median absolute residual: a normal scatter has none in
 * a billion there. Nothing is removed; a robust loss has already weighed such points down, and the fit without them
 * says how much they still decide.
 */
import { median } from 'simple-statistics';
import { type Diagnostic, warn } from '../diagnostic.ts';
import type { RobustLoss } from '../minimise/loss.ts';
import { descend, type Minimum } from '../minimise/minimise.ts';
import { residuals } from '../minimise/objective.ts';
import { type Problem, reweighted } from '../minimise/problem.ts';
import type { FitPoint } from '../point.ts';
import { MAD_TO_SD } from './lack-of-fit.ts';

/** Robust standard deviations beyond which a point is named, and how many are listed. */
const FAR = 6;
const MAX_LISTED = 20;
/** A limit of log loss below this is rounding: the fit is exact. */
const ROUNDING = 1e-9;

/** The points far off the optimum, and the exponents (else the constants) without them; nothing where there are none. */
export function judgeOutliers(
  problem: Problem,
  loss: RobustLoss,
  best: Pick<Minimum, 'theta'>,
  points: readonly FitPoint[],
): Diagnostic[] {
  const r = residuals(problem, best.theta);
  const limit = FAR * MAD_TO_SD * median(Array.from(r, Math.abs));
  const far = [...r.keys()].filter((i) => Math.abs(r[i]!) > limit).sort((i, j) => Math.abs(r[j]!) - Math.abs(r[i]!));
  if (far.length === 0 || limit <= ROUNDING) return [];
  const nameOf = (i: number): string => points[i]!.id ?? `point ${i + 1}`;
  // A residual is predicted less measured: a run above the law has a negative one.
  const share = (i: number): number =>
    problem.law.is_raw ? Math.abs(r[i]!) / problem.log_loss[i]! : Math.expm1(Math.abs(r[i]!));
  const off = (i: number): string => `${r[i]! < 0 ? '+' : '-'}${(100 * share(i)).toFixed(1)}%`;
  const listed = far.slice(0, 3).map((i) => `${nameOf(i)} ${off(i)}`);
  const effect = without(problem, loss, best, new Set(far));
  const changes = Object.entries(effect?.changes ?? {}).map(([name, [before, after]]) => {
    return `${name} is ${after.toPrecision(3)} in place of ${before.toPrecision(3)}`;
  });
  const message =
    `${far.length} ${far.length === 1 ? 'point lies' : 'points lie'} more than ${FAR} robust standard deviations off the ` +
    `law (${listed.join(', ')}${far.length > 3 ? ', ...' : ''}); ` +
    (changes.length > 0
      ? `without ${far.length === 1 ? 'it' : 'them'} ${changes.join(', ')}`
      : 'there is no fit without');
  return [
    warn('outliers', message, {
      count: far.length,
      limit,
      ids: far.slice(0, MAX_LISTED).map(nameOf),
      residuals: far.slice(0, MAX_LISTED).map((i) => r[i]!),
      ...effect?.values,
    }),
  ];
}

/** The fit to all other points: exponents before and after, or constants where the law has none. */
function without(problem: Problem, loss: RobustLoss, best: Pick<Minimum, 'theta'>, far: ReadonlySet<number>) {
  const { law, centre } = problem;
  const factor = problem.u.map((_, i) => (far.has(i) ? 0 : 1));
  if (problem.u.length - far.size <= law.coordinates.length) return null;
  const refit = descend(reweighted(problem, factor), loss, best.theta);
  if (!refit.converged) return null;
  const of = (theta: Float64Array): Record<string, number> => {
    const params = law.toParams(theta, centre);
    return law.exponents ? { ...law.exponents(params) } : params;
  };
  const [before, after] = [of(best.theta), of(refit.theta)];
  // b = 1 - a says nothing more.
  const names = law.exponents ? ['a'] : Object.keys(before);
  return {
    changes: Object.fromEntries(names.map((name) => [name, [before[name]!, after[name]!] as const])),
    values: Object.fromEntries(
      names.flatMap((name) => [
        [`${name}_with`, before[name]!],
        [`${name}_without`, after[name]!],
      ]),
    ),
  };
}

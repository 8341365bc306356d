/** @file Whether the points hold every constant in place: the condition number of the fit and the width of its flattest
 * direction, both at the optimum. A flat valley is no fault of the optimiser and shows in no residual: constants move
 * together along it at next to no cost. Profiles (`profile.ts`) walk it; this says that there is one.
 */
import { type Diagnostic, warn } from '../diagnostic.ts';
import { flattestDirection, linearise, standardError } from '../minimise/linear.ts';
import type { RobustLoss } from '../minimise/loss.ts';
import type { Problem } from '../minimise/problem.ts';

/** Condition number, columns at unit length, beyond which a least-squares solution is degraded: Belsley, Kuh & Welsch
 * 1980, Regression Diagnostics, chapter 3 (30 to 100 is strong). A grid of 2 decades either way has 30 to 60. */
const CONDITION = 100;
/** Two-sided 90% in standard errors: an exponent whose interval reaches zero, or a constant known within no factor e. */
const STANDARD_ERRORS = 1.645;
const FACTOR = 1;
/** Loadings of the flattest direction that are named. */
const LOADING = 0.3;
/** Scatter of log loss below this is rounding: nothing moves along the valley. */
const ROUNDING = 1e-9;

/** A flat direction at the optimum `theta`, with the constants that move along it; nothing for an exact fit. */
export function judgeFlat(problem: Problem, loss: RobustLoss, theta: Float64Array): Diagnostic[] {
  const at = linearise(problem, loss, theta);
  if (!at || at.sd < ROUNDING) return [];
  const { condition, direction } = flattestDirection(at);
  const { coordinates, params } = problem.law;
  // Constrained laws have fewer coordinates than constants; `log_A_centred` is A to people.
  const nameOf = (k: number): string =>
    params.length === coordinates.length ? params[k]! : coordinates[k]!.replace(/^log_/, '').replace(/_centred$/, '');
  const open = at.free.filter((k) => {
    const error = standardError(at, theta, (moved) => moved[k]!);
    const is_exponent = !coordinates[k]!.startsWith('log_');
    // The floor has a diagnostic of its own.
    if (nameOf(k) === 'E') return false;
    return !(STANDARD_ERRORS * error <= (is_exponent ? Math.abs(theta[k]!) : FACTOR * STANDARD_ERRORS));
  });
  if (condition <= CONDITION && open.length === 0) return [];
  const along = at.free.filter((_, j) => Math.abs(direction[j]!) >= LOADING);
  const moving = [...new Set([...open, ...(condition > CONDITION ? along : [])])].map((k) => nameOf(k));
  const number = Number.isFinite(condition) ? String(Number(condition.toPrecision(2))) : 'infinite';
  const message =
    `the points do not hold ${listed(moving)} in place (condition number ${number}): ` +
    `${moving.length > 1 ? 'they move together' : 'it moves'} at next to no cost; widen the ranges, or hold or tie one`;
  return [
    warn('flat_direction', message, {
      condition: Number.isFinite(condition) ? condition : null,
      limit: CONDITION,
      constants: moving,
      open: open.map((k) => nameOf(k)),
    }),
  ];
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

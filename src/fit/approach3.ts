/** @file Approach 3: a parametric law fitted to all points at once.
 * Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.3; corrections of Besiroglu et al. 2024, arXiv
 * 2404.10102 (sum, not mean; run to convergence). We differ: starts from variable projection besides the grid,
 * a Newton polish to rounding error, zero terms proven or let go, and intervals over whole model sizes.
 */

import { judgeFlat } from './checks/flat.ts';
import { judge } from './checks/judge.ts';
import { type LackOfFit, lackOfFit } from './checks/lack-of-fit.ts';
import { judgeOutliers } from './checks/outliers.ts';
import { type Diagnostic, tooLittle } from './diagnostic.ts';
import type { Constraints, Law, LawParams } from './laws/law.ts';
import { type LossName, robustLoss } from './minimise/loss.ts';
import { minimise, type Starts, type StartsReport } from './minimise/minimise.ts';
import { residuals } from './minimise/objective.ts';
import { makeProblem, requireInputs } from './minimise/problem.ts';
import { type DroppedPoint, extent, type FitPoint, numDistinct, type SelectOptions, selectPoints } from './point.ts';
import { judgeFloor } from './profile.ts';
import {
  type BootstrapOptions,
  type BootstrapReport,
  bootstrap,
  checkBootstrap,
  type Interval,
} from './resample/bootstrap.ts';
import { type LawOptions, lawOf, lawOptionsOf, lawRefit, MIN_DISTINCT } from './resample/refit.ts';

export interface FitOptions extends BootstrapOptions, SelectOptions, LawOptions {
  /** Descents from a screened part of the grid (default), from all of it, or from constants that are known nearly. */
  starts?: Starts;
  /** Whether the fit is judged. Default true; one that only checks another has no readers of its own diagnostics. */
  diagnose?: boolean;
}

/** A fitted law: plain data, fit for JSON. */
export interface LawFit {
  law: string;
  formula: string;
  reference: string;
  params: LawParams;
  /** What was held, tied or bounded; null where every constant was free. */
  constraints: Constraints | null;
  /** Constants that the points had to determine. */
  num_free: number;
  /** Summed loss at the optimum (for mse half the sum of squares). */
  objective: number;
  loss: { name: LossName; delta: number | null; scale?: 'raw' };
  /** `N_opt ~ C^a`, `D_opt ~ C^b`; null for a law that fixes neither. */
  exponents: { a: number; b: number } | null;
  /** Lower and upper end by constant that is not held, and by exponent; null without a bootstrap. */
  intervals: Record<string, Interval> | null;
  standard_errors: Record<string, number> | null;
  diagnostics: Diagnostic[];
  num_points: number;
  num_sizes: number;
  dropped: DroppedPoint[];
  /** Smallest and largest value of each column. */
  range: Record<'N' | 'D' | 'C' | 'L', [number, number]>;
  /** Geometric mean of C/(N D), and the largest relative departure from it: 6 and 0 where C = 6 N D. */
  flops_per_nd: { mean: number; spread: number };
  converged: boolean;
  /** Largest derivative of the objective by a coordinate, and the same as a share of what cancels in it. */
  gradient_norm: number;
  relative_gradient: number;
  iterations: number;
  starts: StartsReport;
  /** Errors of log loss: root mean square, median and largest size. */
  residuals: { rms: number; median_abs: number; max_abs: number };
  lack_of_fit: LackOfFit | null;
  bootstrap: BootstrapReport | null;
  /** Values of every replicate by name, where `keep_draws` asked for them. */
  draws?: Record<string, number[]>;
}

/** Fits `law` to the points: minimises `sum_i w_i rho(log L_hat(N_i, D_i) - log L_i)` over the constants that `fix`,
 * `tie` and `bounds` leave free.
 * Points with equal `N` (within .1%) are one size. Losses in nats a token.
 * @throws LabError('usage') for unknown laws, losses and bad options, and for points without a column that the law
 * reads; LabError('too_little_data') where the points cannot determine the constants.
 */
export function fitLaw(points: readonly FitPoint[], options: FitOptions = {}): LawFit {
  const law = lawOf(options);
  const loss = robustLoss(options.loss, options.delta);
  checkBootstrap(options);
  const { kept, dropped } = selectPoints(points, options);
  requireInputs(law, kept);
  requireEnough(law, kept, dropped.length);
  const problem = makeProblem(law, kept);
  const { best, starts } = minimise(problem, loss, options.starts);
  const params = law.toParams(best.theta, problem.centre);
  const isHeld = (name: string): boolean => law.held?.includes(name) ?? false;
  for (const [name, value] of Object.entries(params))
    if (!Number.isFinite(value) && !isHeld(name))
      throw tooLittle('bound_hit', `the points do not determine ${name} of ${law.name}: the optimum lies at infinity`);
  const spec = { points: kept, options: lawOptionsOf(options), theta: best.theta };
  const resampled = options.bootstrap ? bootstrap(kept, options, lawRefit(spec, problem), { spec }) : null;
  const sizes = Array.from(residuals(problem, best.theta), (r, i) =>
    Math.abs(law.is_raw ? Math.log1p(r / kept[i]!.L) : r),
  ).sort((x, y) => x - y);
  const fit: LawFit = {
    law: law.name,
    formula: law.formula,
    reference: law.reference,
    params,
    constraints: law.constraints ? constraintsOf(law.constraints) : null,
    num_free: law.coordinates.length,
    objective: best.objective,
    loss: {
      name: loss.name,
      delta: Number.isFinite(loss.delta) ? loss.delta : null,
      ...(law.is_raw ? { scale: 'raw' } : {}),
    },
    exponents: law.exponents?.(params) ?? null,
    intervals: resampled?.intervals ?? null,
    standard_errors: resampled?.standard_errors ?? null,
    diagnostics: [],
    num_points: kept.length,
    num_sizes: numDistinct(kept.map((p) => p.N)),
    dropped,
    range: { N: rangeOf(kept, 'N'), D: rangeOf(kept, 'D'), C: rangeOf(kept, 'C'), L: rangeOf(kept, 'L') },
    flops_per_nd: flopsPerND(kept),
    converged: best.converged,
    gradient_norm: best.gradient_norm,
    relative_gradient: best.relative_gradient,
    iterations: best.iterations,
    starts,
    residuals: {
      rms: Math.sqrt(sizes.reduce((sum, r) => sum + r * r, 0) / sizes.length),
      median_abs: sizes[Math.floor((sizes.length - 1) / 2)]!,
      max_abs: sizes.at(-1)!,
    },
    lack_of_fit: lackOfFit(problem, best.theta, kept),
    bootstrap: resampled?.report ?? null,
    ...(options.keep_draws && resampled ? { draws: resampled.draws } : {}),
  };
  if (options.diagnose === false) return fit;
  fit.diagnostics = [
    ...judge(fit, law, best.theta, kept),
    ...judgeFlat(problem, loss, best.theta),
    ...judgeFloor(problem, loss, best),
    ...judgeOutliers(problem, loss, best, kept),
  ];
  return fit;
}

/** The constraints alone, of options that hold more. */
function constraintsOf({ fix, tie, bounds }: Constraints): Constraints {
  return { ...(fix ? { fix } : {}), ...(tie ? { tie } : {}), ...(bounds ? { bounds } : {}) };
}

function requireEnough(law: Law, points: readonly FitPoint[], num_dropped: number): void {
  const num_free = law.coordinates.length;
  const least = num_free + 1;
  const left = num_dropped > 0 ? ` (${num_dropped} left out)` : '';
  if (points.length < least)
    throw tooLittle(
      'too_few_points',
      `${points.length} usable points${left} for the ${num_free} constants of ${law.name}; at least ${least} are needed`,
    );
  for (const input of law.inputs) {
    const distinct = numDistinct(points.map((p) => p[input]!));
    if (distinct < MIN_DISTINCT)
      throw tooLittle(
        input === 'N' ? 'too_few_sizes' : input === 'C' ? 'too_few_budgets' : 'too_few_horizons',
        `${distinct} distinct ${input}${left}; ${law.name} needs at least ${MIN_DISTINCT} to tell its exponent from a constant`,
      );
  }
}

function rangeOf(points: readonly FitPoint[], column: 'N' | 'D' | 'C' | 'L'): [number, number] {
  return extent(points.map((p) => p[column]));
}

function flopsPerND(points: readonly FitPoint[]): { mean: number; spread: number } {
  const logs = points.map((p) => Math.log(p.C / (p.N * p.D)));
  const mean = Math.exp(logs.reduce((sum, x) => sum + x, 0) / logs.length);
  return { mean, spread: logs.reduce((most, x) => Math.max(most, Math.abs(Math.exp(x) / mean - 1)), 0) };
}

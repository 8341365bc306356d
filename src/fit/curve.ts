/** @file Fits a law in one variable: L(N), L(D), or a loss along compute or tokens.
 * The minimiser is Levenberg-Marquardt from ml-levenberg-marquardt, on log coordinates with the analytic Jacobian;
 * its own finite differences (step .1) and default tolerance silently return a point far from the optimum. It says
 * nothing of convergence and keeps uphill steps, so its result is checked by the gradient, and finished by our own
 * descent where the check fails; `finished_by` says which. Squared error on log loss.
 */
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import { type BootstrapOptions, type BootstrapReport, bootstrap, type Interval } from './bootstrap.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { judgeInput, judgeOptimum } from './judge.ts';
import { constrain } from './laws/constrain.ts';
import type { Constraints, Law, LawParams } from './laws/law.ts';
import { curveByName } from './laws/registry.ts';
import { robustLoss } from './loss.ts';
import { descend, type Minimum } from './minimise.ts';
import { makeProblem, type Problem, residuals, reweighted } from './objective.ts';
import { numDistinct } from './point.ts';
import { variableProjection } from './separable.ts';

/** One point of a curve. */
export interface CurvePoint {
  x: number;
  /** Loss, nats a token. */
  L: number;
  /** Relative weight; 1 where absent. */
  weight?: number;
}

export interface CurveOptions extends Omit<BootstrapOptions, 'cluster'>, Constraints {
  /** Name of the law: one of any x, or a run's law that reads one column, here x. Default saturating. */
  law?: string;
  /** `points` (default), or `x`: all points of one x together. Points along one training curve are not independent:
   * neither gives an honest interval there. */
  cluster?: 'points' | 'x';
}

/** A fitted curve as plain data. */
export interface CurveFit {
  law: string;
  formula: string;
  params: LawParams;
  /** Half the sum of squared errors of log loss. */
  objective: number;
  intervals: Record<string, Interval> | null;
  standard_errors: Record<string, number> | null;
  diagnostics: Diagnostic[];
  num_points: number;
  num_dropped: number;
  range: { x: [number, number]; L: [number, number] };
  converged: boolean;
  relative_gradient: number;
  finished_by: 'levenberg_marquardt' | 'descent';
  /** Root mean square error of log loss. */
  rms: number;
  bootstrap: BootstrapReport | null;
  draws?: Record<string, number[]>;
}

const SQUARED = robustLoss('mse');
/** Iterations of one call and calls at most: the package runs all of them whatever happens. */
const ITERATIONS = 40;
const CALLS = 4;
/** Relative gradient at which its result stands as it is. */
const SETTLED = 1e-7;

/** Fits the curve to points with positive finite x and L.
 * @throws LabError('usage') for an unknown law or bad options; LabError('too_little_data') where the points cannot
 * determine the constants.
 */
export function fitCurve(points: readonly CurvePoint[], options: CurveOptions = {}): CurveFit {
  const law = constrain(curveByName(options.law ?? 'saturating'), options);
  const num_free = law.coordinates.length;
  const kept = points.filter(({ x, L, weight = 1 }) => [x, L, weight].every((v) => Number.isFinite(v) && v > 0));
  const least = num_free + 1;
  const distinct = numDistinct(kept.map((p) => p.x));
  if (distinct < least)
    throw tooLittle(
      'too_few_points',
      `${distinct} distinct x among ${kept.length} usable points; ${law.name} with ${num_free} constants needs ${least}`,
    );
  const column = law.inputs[0]!;
  const problem = makeProblem(
    law,
    kept.map(({ x, L, weight = 1 }) => ({ [column]: x, L, weight })),
  );
  const { best, finished_by } = solve(problem);
  const params = law.toParams(best.theta, problem.centre);
  const { cluster = 'points', ...rest } = options;
  const units = kept.map((p) => ({ N: p.x, D: p.x }));
  const resampled = bootstrap(units, { ...rest, cluster: cluster === 'x' ? 'sizes' : 'runs' }, (multiplicity) => {
    if (numDistinct(kept.filter((_, i) => multiplicity[i]! > 0).map((p) => p.x)) < num_free) return null;
    const refit = resolve(reweighted(problem, multiplicity), best);
    if (!refit.converged) return null;
    const own = Object.entries(law.toParams(refit.theta, problem.centre));
    return Object.fromEntries(own.filter(([name]) => !law.held?.includes(name)));
  });
  const range = { x: rangeOf(kept.map((p) => p.x)), L: rangeOf(kept.map((p) => p.L)) };
  const r = residuals(problem, best.theta);
  const diagnostics = [
    ...judgeInput(
      'x',
      kept.map((p) => p.x),
    ),
    ...judgeOptimum(law, best.theta, { ...best, params, lowest_loss: range.L[0] }),
  ];
  if (resampled && resampled.report.failed > 0.02 * resampled.report.replicates) {
    const { failed, replicates } = resampled.report;
    diagnostics.push(
      warn('replicate_failures', `${failed} of ${replicates} replicates have no converged refit`, {
        failed,
        replicates,
      }),
    );
  }
  return {
    law: law.name,
    formula: law.formula,
    params,
    objective: best.objective,
    intervals: resampled?.intervals ?? null,
    standard_errors: resampled?.standard_errors ?? null,
    diagnostics,
    num_points: kept.length,
    num_dropped: points.length - kept.length,
    range,
    converged: best.converged,
    relative_gradient: best.relative_gradient,
    finished_by,
    rms: Math.sqrt(r.reduce((sum, v) => sum + v * v, 0) / r.length),
    bootstrap: resampled?.report ?? null,
    ...(options.keep_draws && resampled ? { draws: resampled.draws } : {}),
  };
}

/** Loss that a fitted curve predicts at x. @throws LabError('usage') for an unknown law. */
export function predictCurve(fit: Pick<CurveFit, 'law' | 'params'>, x: number): number {
  const law = curveByName(fit.law);
  const theta = law.fromParams(fit.params, new Float64Array(1));
  return Math.exp(law.logLoss(theta, Float64Array.of(Math.log(x)), new Float64Array(theta.length)));
}

/** The lowest optimum from variable projection's solutions. */
function solve(problem: Problem): { best: Minimum; finished_by: CurveFit['finished_by'] } {
  const { law } = problem;
  const starts = law.separable ? variableProjection(problem, law.separable).map((p) => p.theta) : [];
  if (starts.length === 0) starts.push(...law.starts(problem.centre, 0));
  const ends = starts.map((start) => {
    const theta = byLevenbergMarquardt(law, problem, start);
    const best = descend(problem, SQUARED, theta);
    const untouched = best.iterations === 0 && best.relative_gradient <= SETTLED;
    return { best, finished_by: untouched ? ('levenberg_marquardt' as const) : ('descent' as const) };
  });
  return ends.reduce((low, end) => (end.best.objective < low.best.objective ? end : low));
}

/** The optimum of a resample: by descent from the full data's optimum and from a coarse projection. */
function resolve(resample: Problem, start: Minimum): Minimum {
  const { separable } = resample.law;
  const coarse = separable ? variableProjection(resample, separable, { stride: 3, refine: 0 }) : [];
  return coarse.reduce(
    (best, { theta }) => {
      const other = descend(resample, SQUARED, theta, best);
      return other.objective < best.objective ? other : best;
    },
    descend(resample, SQUARED, start.theta),
  );
}

/** Levenberg-Marquardt over the coordinates whose terms are present. */
function byLevenbergMarquardt(law: Law<string>, problem: Problem, start: Float64Array): Float64Array {
  const free = [...start.keys()].filter((k) => Number.isFinite(start[k]!));
  const theta = Float64Array.from(start);
  const gradient = new Float64Array(theta.length);
  const u = new Float64Array(1);
  const place = (values: readonly number[]): void => {
    for (let i = 0; i < free.length; i++) theta[free[i]!] = values[i]!;
  };
  const data = { x: problem.u.map((row) => row[0]!), y: problem.log_loss };
  let values = free.map((k) => start[k]!);
  let error = Number.POSITIVE_INFINITY;
  for (let call = 0; call < CALLS; call++) {
    const found = levenbergMarquardt(
      data,
      (at) => {
        place(at);
        return (x) => law.logLoss(theta, Float64Array.of(x), gradient);
      },
      {
        initialValues: values,
        // The package takes standard deviations.
        weights: problem.weight.map((w) => 1 / Math.sqrt(w)),
        // Smaller improvements than the tolerance are thrown away, so there is none.
        errorTolerance: 0,
        maxIterations: ITERATIONS,
        damping: 1e-3,
        jacobianFunction: (at) => {
          place(at);
          return (x) => {
            u[0] = x;
            law.logLoss(theta, u, gradient);
            return free.map((k) => gradient[k]!);
          };
        },
      },
    );
    values = found.parameterValues;
    const settled = !(found.parameterError < error * (1 - 1e-12));
    error = found.parameterError;
    if (settled) break;
  }
  place(values);
  return theta;
}

function rangeOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

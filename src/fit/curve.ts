/** @file Fits a law in one variable: L(N), L(D), or a loss along compute or tokens.
 * The minimiser is Levenberg-Marquardt from ml-levenberg-marquardt, on log coordinates with the analytic Jacobian;
 * its own finite differences (step .1) and default tolerance silently return a point far from the optimum. It says
 * nothing of convergence and keeps uphill steps, so its result is checked by the gradient, and finished by our own
 * descent where the check fails; `finished_by` says which. Squared error on log loss, or Huber's and absolute error from
 * its optimum.
 */
import { LabError } from '../lib/errors.ts';
import { lateModule } from '../lib/late-module.ts';
import { drawnFits } from './answers/prediction.ts';
import { judgeOptimum } from './checks/judge.ts';
import { judgeInput } from './checks/point-checks.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { withBreakBounds } from './laws/break-bounds.ts';
import { constrain } from './laws/constrain.ts';
import type { Constraints, Law, LawParams } from './laws/law.ts';
import { rawLoss } from './laws/raw-loss.ts';
import { curveByName } from './laws/registry.ts';
import { type LossName, type RobustLoss, robustLoss } from './minimise/loss.ts';
import { descend, type Minimum } from './minimise/minimise.ts';
import { residuals } from './minimise/objective.ts';
import { makeProblem, type Problem, reweighted } from './minimise/problem.ts';
import { variableProjection } from './minimise/separable.ts';
import { numDistinct } from './point.ts';
import {
  type BootstrapOptions,
  type BootstrapReport,
  bootstrap,
  failedTooOften,
  type Interval,
  percentileInterval,
} from './resample/bootstrap.ts';

const marquardt = lateModule<typeof import('ml-levenberg-marquardt')>('ml-levenberg-marquardt');

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
  /** Default mse. */
  loss?: LossName;
  /** Corner of the Huber loss, in log loss (in nats on the raw scale). Default 1e-3. */
  delta?: number;
  /** Residuals of log loss (default) or of the loss itself, in nats. */
  scale?: 'log' | 'raw';
  /** `points` (default), or `x`: all points of one x together. Points along one training curve are not independent:
   * neither gives an honest interval there. */
  cluster?: 'points' | 'x';
}

/** A fitted curve as plain data. */
export interface CurveFit {
  law: string;
  formula: string;
  reference: string;
  params: LawParams;
  /** What was held, tied or bounded; null where every constant was free. */
  constraints: Constraints | null;
  /** Summed loss at the optimum (for mse half the sum of squares). */
  objective: number;
  loss: { name: LossName; delta: number | null; scale?: 'raw' };
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
/** Share of replicates without a refit beyond which the intervals tell of the rest only: one tail of a 90% interval. */
const FAILED = 0.05;
/** Relative gradient at which its result stands as it is. */
const SETTLED = 1e-7;

/** Fits the curve to points with positive finite x and L.
 * @throws LabError('usage') for an unknown law or bad options; LabError('too_little_data') where the points cannot
 * determine the constants.
 */
export function fitCurve(points: readonly CurvePoint[], options: CurveOptions = {}): CurveFit {
  const { law, loss, kept, problem } = curveProblem(points, options);
  const num_free = law.coordinates.length;
  const least = num_free + 1;
  const distinct = numDistinct(kept.map((p) => p.x));
  if (distinct < least)
    throw tooLittle(
      'too_few_points',
      `${distinct} distinct x among ${kept.length} usable points; ${law.name} with ${num_free} constants needs ${least}`,
    );
  const { best, finished_by } = solveCurve(problem, loss);
  const params = law.toParams(best.theta, problem.centre);
  const { cluster = 'points', ...rest } = options;
  const units = kept.map((p) => ({ N: p.x, D: p.x }));
  const resampled = bootstrap(
    units,
    { ...rest, cluster: cluster === 'x' ? 'sizes' : 'runs' },
    (multiplicity) => {
      if (numDistinct(kept.filter((_, i) => multiplicity[i]! > 0).map((p) => p.x)) < num_free) return null;
      const refit = resolve(reweighted(problem, multiplicity), loss, best);
      if (!refit.converged) return null;
      const own = Object.entries(law.toParams(refit.theta, problem.centre));
      return Object.fromEntries(own.filter(([name]) => !law.held?.includes(name)));
    },
    { min_sizes: num_free },
  );
  const range = { x: rangeOf(kept.map((p) => p.x)), L: rangeOf(kept.map((p) => p.L)) };
  const r = residuals(problem, best.theta).map((x, i) => (law.is_raw ? Math.log1p(x / kept[i]!.L) : x));
  const diagnostics = [
    ...judgeInput(
      'x',
      kept.map((p) => p.x),
    ),
    ...judgeOptimum(law, best.theta, { ...best, params, lowest_loss: range.L[0] }),
  ];
  if (resampled && failedTooOften(resampled.report, FAILED)) {
    const { failed, undetermined, replicates } = resampled.report;
    diagnostics.push(
      warn(
        'replicate_failures',
        `${failed - undetermined} of ${replicates - undetermined} replicates have no converged refit`,
        { failed, undetermined, replicates },
      ),
    );
  }
  return {
    law: law.name,
    formula: law.formula,
    reference: law.reference,
    params,
    constraints: law.constraints ?? null,
    objective: best.objective,
    loss: {
      name: loss.name,
      delta: Number.isFinite(loss.delta) ? loss.delta : null,
      ...(law.is_raw ? { scale: 'raw' } : {}),
    },
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

/** The usable points and what is minimised over them. A break is bounded by `withBreakBounds`.
 * @throws LabError('usage') for an unknown law or bad options. */
export function curveProblem(points: readonly CurvePoint[], options: CurveOptions) {
  const kept = points.filter(({ x, L, weight = 1 }) => [x, L, weight].every((v) => Number.isFinite(v) && v > 0));
  const logLaw = constrain(curveByName(options.law ?? 'saturating'), withBreakBounds(kept, options));
  const law = options.scale === 'raw' ? rawLoss(logLaw) : logLaw;
  const loss = robustLoss(options.loss ?? 'mse', options.delta);
  const column = law.inputs[0]!;
  const rows = kept.map(({ x, L, weight = 1 }) => ({ [column]: x, L, weight }));
  return { law, loss, kept, problem: makeProblem(law, rows) };
}

/** Loss that a fitted curve predicts at x. @throws LabError('usage') for an unknown law or an x that is not positive. */
export function predictCurve(fit: Pick<CurveFit, 'law' | 'params'>, x: number): number {
  if (!(x > 0 && Number.isFinite(x))) throw new LabError('usage', `invalid x: ${x} is not positive`);
  const law = curveByName(fit.law);
  const theta = law.fromParams(fit.params, new Float64Array(1));
  return Math.exp(law.logLoss(theta, Float64Array.of(Math.log(x)), new Float64Array(theta.length)));
}

/** Ends of the curve's own loss at x, from the draws of its constants; null without draws. */
export function curveInterval(
  fit: Pick<CurveFit, 'law' | 'params' | 'bootstrap'> & Partial<Pick<CurveFit, 'draws'>>,
  x: number,
): Interval | null {
  const losses = drawnFits(fit).map((drawn) => predictCurve(drawn, x));
  return losses.length < 2 ? null : percentileInterval(losses, fit.bootstrap?.level ?? 0.9);
}

/** The x at which the curve comes down to the loss, by bisection over 60 decades; null where it never does. */
export function reachOnCurve(fit: Pick<CurveFit, 'law' | 'params'>, L: number): number | null {
  if (!(L > 0 && Number.isFinite(L)))
    throw new LabError('usage', `invalid loss: ${L} is not a positive number of nats`);
  let [low, high] = [-30, 30];
  if (predictCurve(fit, 10 ** high) > L || predictCurve(fit, 10 ** low) < L) return null;
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    if (predictCurve(fit, 10 ** middle) > L) low = middle;
    else high = middle;
  }
  return 10 ** high;
}

/** The lowest optimum from variable projection's solutions. */
export function solveCurve(
  problem: Problem,
  loss: RobustLoss,
): { best: Minimum; finished_by: CurveFit['finished_by'] } {
  const { law } = problem;
  const starts = law.separable ? variableProjection(problem, law.separable).map((p) => p.theta) : [];
  if (starts.length === 0) starts.push(...law.starts(problem.centre, 0));
  const ends = starts.map((start) => {
    const theta = byLevenbergMarquardt(law, problem, start);
    const squared = descend(problem, SQUARED, theta);
    const best = loss.name === 'mse' ? squared : descend(problem, loss, squared.theta);
    const untouched = best === squared && best.iterations === 0 && best.relative_gradient <= SETTLED;
    return { best, finished_by: untouched ? ('levenberg_marquardt' as const) : ('descent' as const) };
  });
  return ends.reduce((low, end) => (end.best.objective < low.best.objective ? end : low));
}

/** The optimum of a resample: by descent from the full data's optimum and from a coarse projection. */
function resolve(resample: Problem, loss: RobustLoss, start: Minimum): Minimum {
  const { separable } = resample.law;
  const coarse = separable ? variableProjection(resample, separable, { stride: 3, refine: 0 }) : [];
  return coarse.reduce(
    (best, { theta }) => {
      const other = descend(resample, loss, theta, best);
      return other.objective < best.objective ? other : best;
    },
    descend(resample, loss, start.theta),
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
    const found = marquardt.levenbergMarquardt(
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

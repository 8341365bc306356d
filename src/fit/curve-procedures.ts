/** @file What is done with a fitted curve beside fitting it: profiles of its constants, hold-out, several laws beside
 * each other, one law under several losses. The procedures are those of laws of runs (`profile.ts`, `holdout.ts`,
 * `compare.ts`, `loss-scan.ts`) on the one variable x; laws of one column of a run take that column for x.
 */
import { drawnFits } from './answers/prediction.ts';
import { type LossScanRow, scanBy } from './checks/loss-scan.ts';
import { type Comparison, compareBy } from './compare.ts';
import { parseCondition } from './condition.ts';
import {
  type CurveFit,
  type CurveOptions,
  type CurvePoint,
  curveProblem,
  fitCurve,
  predictCurve,
  solveCurve,
} from './curve.ts';
import { type Axes, type HoldoutReport, holdOutBy } from './holdout.ts';
import { constrain } from './laws/constrain.ts';
import { curveByName } from './laws/registry.ts';
import type { FitPoint } from './point.ts';
import { type Profile, profileAt, requireFreedom } from './profile.ts';

/** A point with the name of its run. */
export interface NamedPoint extends CurvePoint {
  id?: string;
}

export interface CurveHoldoutOptions extends CurveOptions {
  /** `largest` x (default), `expanding` window, or a condition on x such as `x>1e12`. */
  holdout?: string;
  /** What x is called in that condition. Default x. */
  column?: string;
}

/** The profile of a constant of the curve, with its likelihood-ratio interval.
 * @throws LabError('usage') for a name the law does not have; LabError('too_little_data') where no freedom is left. */
export function profileCurve(
  points: readonly CurvePoint[],
  options: CurveOptions & { param: string; num_values?: number },
): Profile {
  const { law, loss, kept, problem } = curveProblem(points, options);
  requireFreedom(law, kept.length);
  const { best } = solveCurve(problem, loss);
  return profileAt({ law, problem, loss, best }, options);
}

/** Fits the curve without the held-out points and scores it on them; a window by compute is one by x.
 * @throws LabError as `holdOut`. */
export function holdOutCurve(
  points: readonly NamedPoint[],
  options: CurveHoldoutOptions = {},
): HoldoutReport<CurveFit> {
  const { holdout: _, column = 'x', ...curve } = options;
  const runs = points.map(({ x, L, ...rest }): FitPoint => ({ N: x, D: x, C: x, L, ...rest }));
  const axes: Axes = {
    values: ({ N }) => ({ [column]: N }),
    size: column,
    compute: column,
    condition: (text) => {
      const holds = parseCondition(text, [column]);
      return ({ N }) => holds({ [column]: N });
    },
  };
  const fit = (fitted: readonly FitPoint[]) => {
    const own = fitted.map(({ N, L, weight }) => ({ x: N, L, ...(weight === undefined ? {} : { weight }) }));
    const { draws, ...found } = fitCurve(own, { ...curve, keep_draws: true });
    return {
      fit: found,
      rms: found.rms,
      range: { [column]: found.range.x },
      loss: ({ N }: FitPoint) => predictCurve(found, N),
      drawn: drawnFits({ ...plain(found), ...(draws ? { draws } : {}) }).map(
        (drawn) =>
          ({ N }: FitPoint) =>
            predictCurve(drawn, N),
      ),
    };
  };
  return holdOutBy(runs, options, fit, axes);
}

/** What the draws are of. */
const plain = ({ law, params, bootstrap }: Omit<CurveFit, 'draws'>) => ({ law, params, bootstrap });

/** Several laws in one variable on the same points, by hold-out error and by information criterion.
 * @throws LabError as `compareLaws`. */
export function compareCurves(
  points: readonly NamedPoint[],
  options: Omit<CurveHoldoutOptions, 'law'> & { laws: readonly string[] },
): Comparison<CurveFit> {
  const { laws, holdout = 'largest', column, ...rest } = options;
  return compareBy(laws, holdout, {
    fit: (law) => fitCurve(points, { ...rest, law, bootstrap: 0 }),
    holdOut: (law) => holdOutCurve(points, { ...rest, law, holdout, ...(column === undefined ? {} : { column }) }),
    num_free: ({ law }) => constrain(curveByName(law), rest).coordinates.length,
  });
}

/** One curve under absolute error, Huber's with each of `deltas`, and squared error. @throws LabError as `fitCurve`. */
export function scanCurveLosses(
  points: readonly CurvePoint[],
  deltas: readonly number[],
  options: CurveOptions,
): LossScanRow[] {
  const { loss: _, delta: __, ...rest } = options;
  return scanBy(deltas, (loss) => {
    const { params, rms, converged } = fitCurve(points, { ...rest, ...loss, bootstrap: 0, keep_draws: false });
    return { params, exponents: null, rms, converged };
  });
}

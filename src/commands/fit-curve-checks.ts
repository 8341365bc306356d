/** @file `--profile`, `--holdout`, `--deltas` and `--compare` of laws in one variable: the same procedures as for laws of
 * runs, on the rows that speak of that variable.
 */
import {
  type Comparison,
  type CurveFit,
  compareCurves,
  type HoldoutReport,
  holdOutCurve,
  type LossScanRow,
  type Profile,
  profileCurve,
  scanCurveLosses,
} from '../fit/fit.ts';
import { type CurveRows, curveRows } from './fit-curve.ts';
import type { FitCommandOptions } from './fit-options.ts';
import type { FitSource } from './fit-source.ts';

/** What second looks say of a curve; each empty where it is not asked for. */
export interface CurveChecks {
  profiles: Profile[];
  holdout: HoldoutReport<CurveFit> | null;
  losses: LossScanRow[] | null;
}

/** Profiles of the constants asked for, the hold-out score, the law under several losses. Throws `usage` for constants
 * that the law has not. */
export function checkCurve({ x, curve, options: own }: CurveRows, options: FitCommandOptions): CurveChecks {
  const { profile = [], holdout, deltas } = options;
  return {
    profiles: profile.map((param) => profileCurve(curve, { ...own, param })),
    holdout: holdout === undefined ? null : holdOutCurve(curve, { ...own, holdout, column: x }),
    losses: deltas === undefined ? null : scanCurveLosses(curve, deltas, own),
  };
}

/** Several laws in one variable on the same rows. Throws `usage` where it is not told which variable. */
export function compareOneVariable(
  source: Pick<FitSource, 'points'>,
  options: FitCommandOptions & { compare: string[] },
  replicates: number,
): { x: string; comparison: Comparison<CurveFit> } {
  const { x, curve, options: own } = curveRows(source, options, replicates);
  const { law: _, ...rest } = own;
  const holdout = options.holdout ?? 'largest';
  return { x, comparison: compareCurves(curve, { ...rest, laws: options.compare, holdout, column: x }) };
}

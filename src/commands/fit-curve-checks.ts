/** @file `--profile` and `--holdout` of a law in one variable: the same procedures as for laws of runs, on runs that have
 * the variable in every column. A saturating law is there Chinchilla's with its term in D held at zero.
 */
import {
  type CurveColumn,
  type FitOptions,
  type FitPoint,
  type HoldoutReport,
  holdOut,
  type Profile,
  profileParam,
  type RowAlong,
} from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { type FitCommandOptions, lawOptions } from './fit-options.ts';

/** Profiles of the constants asked for, and the hold-out score; each empty where it is not asked for.
 * Throws `usage` for laws and constants that have none. */
export function checkCurve(
  { rows, x }: { rows: readonly RowAlong[]; x: CurveColumn },
  options: FitCommandOptions,
  replicates: number,
): { profiles: Profile[]; holdout: HoldoutReport | null } {
  const { profile = [], holdout, law } = options;
  if (profile.length === 0 && holdout === undefined) return { profiles: [], holdout: null };
  const points = rows.map(({ x: value, point }): FitPoint => {
    const { L, weight, id } = point;
    return {
      N: value,
      D: value,
      C: value,
      L,
      ...(weight === undefined ? {} : { weight }),
      ...(id === undefined ? {} : { id }),
    };
  });
  const own = asRuns(options, replicates);
  const name = (found: HoldoutReport): HoldoutReport => {
    const windows = found.windows.map((w) => ({ ...w, law, held_out: w.held_out.replace('size', x) }));
    return { ...found, law, windows };
  };
  return {
    profiles: profile.map((param) => ({ ...profileParam(points, { ...own, param: known(param, law) }), law })),
    holdout: holdout === undefined ? null : name(holdOut(points, { ...own, holdout })),
  };
}

/** The constants that can be profiled: x_c is A^(1/alpha) there. */
function known(param: string, law: string): string {
  if (law !== 'saturating' || param === 'E' || param === 'alpha') return param;
  throw new LabError('usage', `--profile ${param} is not had for saturating: choose E or alpha`);
}

function asRuns(options: FitCommandOptions, replicates: number): FitOptions {
  const { drop_highest: _, min_tokens: __, cluster: ___, ...law } = lawOptions(options, replicates);
  const loss = options.loss ?? (typeof options.delta === 'number' ? 'huber' : 'mse');
  if (options.law === 'broken_power_law')
    throw new LabError('usage', '--profile and --holdout are not had for broken_power_law; take saturating');
  if (options.law !== 'saturating') return { ...law, loss };
  if (options.fix['x_c'] !== undefined || options.bound['x_c'] !== undefined)
    throw new LabError('usage', '--profile and --holdout of saturating leave x_c free; hold E or alpha');
  return { ...law, law: 'chinchilla', loss, fix: { ...options.fix, B: 0, beta: 1 } };
}

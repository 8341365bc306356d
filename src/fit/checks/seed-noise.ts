/** @file The spread of runs that differ in the seed only, and whether it drowns what a fit looks for.
 * `pureError` pools the spread within cells of one N and D. Where a surface's whole effect, or the depth of the
 * valleys, is no more than twice that, an exponent is mostly noise, whatever its interval says.
 */

import { median } from 'simple-statistics';
import { groupBy } from '../../lib/group-by.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { leastSquares } from '../math/householder.ts';
import { extent, type FitPoint, sizeOf } from '../point.ts';
import type { BudgetFit } from '../valleys/valley.ts';

/** Effect in standard deviations of one run below which noise dominates. For valleys of seven sizes it is where N_opt
 * of a budget errs by 20%, so that a over seven budgets and 2.5 decades errs by .04, next to the claims' margin .05. */
const FAINT = 2;
/** Degrees of freedom of pure error from which on it is believed: its own error is 35% then. */
const ENOUGH_REPEATS = 4;
/** Coefficients of a cubic. */
const NUM_CUBIC = 4;

/** Standard deviation of log loss among runs of one N and D, and its degrees of freedom; null where none is repeated.
 * Runs at other learning rates are no replicates: pass those of one rate. */
export function pureError(points: readonly FitPoint[]): { sd: number; df: number } | null {
  const sizes = sizeOf(points.map((p) => p.N));
  const horizons = sizeOf(points.map((p) => p.D));
  const cells = groupBy(points, (p, i) => `${sizes[i]}/${horizons[i]}/${p.U ?? ''}/${p.B ?? ''}/${p.group ?? ''}`);
  let [squares, df] = [0, 0];
  for (const runs of cells.values()) {
    const own = runs.map(({ L }) => Math.log(L));
    const mean = own.reduce((sum, x) => sum + x, 0) / own.length;
    squares += own.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    df += own.length - 1;
  }
  return df > 0 ? { sd: Math.sqrt(squares / df), df } : null;
}

/** Inputs over whose whole range the fitted loss changes by less than two standard deviations of a run; `loss` is the
 * fitted law. Nothing without enough repeated cells: residuals would be taken for noise. */
export function judgeEffects(
  points: readonly FitPoint[],
  inputs: readonly ('N' | 'D' | 'C' | 'S' | 'U' | 'B')[],
  loss: (run: FitPoint) => number,
): Diagnostic[] {
  const noise = pureError(points);
  if (!noise || noise.df < ENOUGH_REPEATS) return [];
  const columns = ['N', 'D', 'C', 'S', 'U', 'B'] as const;
  const centre = { L: 1 } as FitPoint;
  for (const column of columns) {
    let [sum, count] = [0, 0];
    for (const p of points) {
      if (p[column] === undefined) continue;
      sum += Math.log(p[column]);
      count++;
    }
    if (count > 0) centre[column] = Math.exp(sum / count);
  }
  return inputs.flatMap((input) => {
    const values = points.map((p) => p[input]!);
    const [low, high] = extent(values);
    const effect = Math.abs(Math.log(loss({ ...centre, [input]: low }) / loss({ ...centre, [input]: high })));
    if (!(effect < FAINT * noise.sd)) return [];
    return [
      warn(
        'seed_noise_dominates',
        `the loss changes by ${share(effect)} over all ${input}, and runs that differ in the seed alone by ` +
          `${share(noise.sd)} (one standard deviation): widen the range of ${input} or repeat the runs`,
        { input, effect, sd: noise.sd, df: noise.df, limit: FAINT },
      ),
    ];
  });
}

/** Whether the valleys are deep enough for their minima: the rise of the parabola over half of its sizes' range, median
 * of the budgets, against the spread of repeated runs, or of the points about cubics where too few are repeated. The median, since single depths err by a standard deviation of a run themselves. */
export function judgeDepths(budgets: readonly BudgetFit[], points: readonly FitPoint[]): Diagnostic[] {
  const depths = budgets.flatMap(({ parabola, N_opt, N_range: [low, high], L_opt }) =>
    parabola && N_opt !== null ? [(parabola.c2 * (Math.log(high / low) / 2) ** 2) / L_opt!] : [],
  );
  const noise = spreadOfValleys(budgets, points);
  if (depths.length === 0 || !noise) return [];
  const depth = median(depths);
  if (!(depth < FAINT * noise.sd)) return [];
  return [
    warn(
      'seed_noise_dominates',
      `the valleys are ${share(depth)} of the loss deep over half of their sizes, and runs scatter by ${share(noise.sd)} ` +
        `(${noise.of}): their minima are mostly noise; widen the sizes or repeat the runs`,
      { depth, sd: noise.sd, df: noise.df, of: noise.of, depths, limit: FAINT },
    ),
  ];
}

/** Standard deviation of a run in units of its loss: of repeated runs, else about cubics; null where neither has
 * enough degrees of freedom. */
export function spreadOfValleys(
  budgets: readonly BudgetFit[],
  points: readonly FitPoint[],
): { sd: number; df: number; of: string } | null {
  const repeated = pureError(points);
  if (repeated && repeated.df >= ENOUGH_REPEATS) return { ...repeated, of: 'repeated runs' };
  let [squares, df] = [0, 0];
  for (const { points: own, num_sizes, L_opt } of budgets) {
    const left = own.length - NUM_CUBIC;
    if (left < 1 || num_sizes < NUM_CUBIC || L_opt === null) continue;
    squares += aboutCubic(own.map((i) => points[i]!)) / L_opt ** 2;
    df += left;
  }
  return df < ENOUGH_REPEATS ? null : { sd: Math.sqrt(squares / df), df, of: 'about a cubic in log N' };
}

/** Sum of squared residuals of the loss about a cubic in ln N: what a lopsided valley leaves over is noise. */
function aboutCubic(points: readonly FitPoint[]): number {
  const logs = points.map((p) => Math.log(p.N));
  const centre = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const rows = points.flatMap((p, i) => {
    const x = logs[i]! - centre;
    const root = Math.sqrt(p.weight ?? 1);
    return [root, root * x, root * x * x, root * x ** 3, root * p.L];
  });
  return leastSquares(Float64Array.from(rows), NUM_CUBIC).sum_squares;
}

const share = (x: number): string => `${(100 * x).toPrecision(2)}%`;

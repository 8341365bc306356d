/** @file Approach 2: isoFLOP valleys, their minima, and the exponents of N_opt and D_opt against compute.
 * Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.2. We differ: the parabola is robust, budgets without
 * an interior minimum are refused, intervals resample whole sizes through the entire procedure, and the known bias
 * of parabolas on wide or off-centre grids (arXiv 2603.22339) is measured: the additive law fitted to the same
 * points gives noise-free losses, and what the procedure makes of those is compared with the law's own exponent.
 */
import { formatFlops } from '../../lib/format.ts';
import { judgeTogether } from '../checks/point-checks.ts';
import { judgeDepths } from '../checks/seed-noise.ts';
import { type Diagnostic, refuse, tooLittle, warn } from '../diagnostic.ts';
import { chinchilla } from '../laws/chinchilla.ts';
import { robustLoss } from '../minimise/loss.ts';
import { descend } from '../minimise/minimise.ts';
import { makeProblem } from '../minimise/problem.ts';
import { variableProjection } from '../minimise/separable.ts';
import { type DroppedPoint, type FitPoint, numDistinct, type SelectOptions, selectPoints } from '../point.ts';
import {
  type BootstrapOptions,
  type BootstrapReport,
  bootstrap,
  checkBootstrap,
  failedTooOften,
  type Interval,
} from '../resample/bootstrap.ts';
import { frontier } from './frontier.ts';
import { bottom } from './parabola.ts';
import { type BudgetFit, fitValley, groupByBudget, type ValleyOptions } from './valley.ts';
import { judgeWindows, overWindows } from './windows.ts';

export interface IsoflopOptions extends ValleyOptions, BootstrapOptions, SelectOptions {}

/** Approach 2 as plain data, fit for JSON. */
export interface IsoflopFit {
  method: 'isoflop';
  /** `N_opt = coefficients.N C^a`, `D_opt = coefficients.D C^b`; null where fewer than two budgets are left. */
  exponents: { a: number; b: number } | null;
  coefficients: { N: number; D: number } | null;
  /** Ends by name: a, b, and `N_opt@C`, `D_opt@C`, `L_opt@C` for each budget; null without a bootstrap. */
  intervals: Record<string, Interval> | null;
  standard_errors: Record<string, number> | null;
  budgets: BudgetFit[];
  diagnostics: Diagnostic[];
  num_points: number;
  /** Points that belong to no budget. */
  num_outside: number;
  dropped: DroppedPoint[];
  /** What the procedure adds to a and b on noise-free losses of the additive law at the same points. */
  bias: { a: number; b: number } | null;
  /** a with parabolas through only so many sizes nearest to the minimum; empty where all budgets have few. */
  windows: { window: number; a: number }[];
  bootstrap: BootstrapReport | null;
  draws?: Record<string, number[]>;
}

/** Budgets below which an exponent rests on next to nothing, and sizes a budget. */
const FEW_BUDGETS = 4;
const FEW_SIZES = 5;
/** Share of replicates that lose too many minima beyond which the intervals tell of the rest only: a tenth, all of one
 * tail, would take 90% to 80%. Resampled sizes cost 2 to 8% on sound grids of seven sizes with 1% noise. */
const FAILED = 0.1;
/** Bias of an exponent that is worth a word: two fifths of the margin by which claims are judged. */
const BIAS = 0.02;

/** Fits a valley a budget and regresses ln N_opt and ln D_opt on ln C.
 * `points` carry N, D, C and L by one counting; `budgets[i].points` are positions in that list.
 * @throws LabError('usage') for bad options; LabError('too_little_data') where fewer than two budgets are left, with
 * the reason for each.
 */
export function fitIsoflop(points: readonly FitPoint[], options: IsoflopOptions = {}): IsoflopFit {
  const fit = fitValleys(points, options);
  if (fit.exponents) return fit;
  const reasons = fit.diagnostics.filter((d) => d.severity === 'refuse' && d.name !== 'too_few_budgets');
  const why = reasons.map((d) => d.message).join('; ') || `found ${fit.budgets.length} among ${fit.num_points} points`;
  throw tooLittle('too_few_budgets', `an exponent needs two budgets with a minimum; ${why}`);
}

/** The same, but with `exponents: null` in place of the error: the valleys can still be drawn. */
export function fitValleys(points: readonly FitPoint[], options: IsoflopOptions = {}): IsoflopFit {
  checkBootstrap(options);
  const { kept, positions, dropped } = selectPoints(points, options);
  const groups = groupByBudget(kept, options);
  const budgets = groups.map(({ C, members }) =>
    fitValley(
      C,
      members.map((i) => kept[i]!),
      members,
      options,
    ),
  );
  const line = frontier(budgets);
  const resampled = line
    ? bootstrap(kept, options, (multiplicity) => refitted(kept, budgets, options, multiplicity))
    : null;
  const bias = line ? parabolaBias(kept, budgets, options) : null;
  const fit: IsoflopFit = {
    method: 'isoflop',
    exponents: line && { a: line.a, b: line.b },
    coefficients: line && { N: line.N, D: line.D },
    intervals: resampled?.intervals ?? null,
    standard_errors: resampled?.standard_errors ?? null,
    budgets,
    diagnostics: [],
    num_points: kept.length,
    num_outside: kept.length - new Set(groups.flatMap((g) => g.members)).size,
    dropped,
    bias,
    windows: line ? overWindows(kept, budgets, options) : [],
    bootstrap: resampled?.report ?? null,
    ...(options.keep_draws && resampled ? { draws: resampled.draws } : {}),
  };
  fit.diagnostics = [...judge(fit, kept), ...judgeWindows(fit.windows, kept, budgets, options)];
  fit.budgets = budgets.map((v) => ({ ...v, points: v.points.map((i) => positions[i]!) }));
  return fit;
}

/** The procedure on a resample, over the budgets that have a minimum in the full data. A budget that loses its
 * minimum is left out of the replicate; a replicate that loses more than half of them, or all but one, fails. */
function refitted(
  points: readonly FitPoint[],
  budgets: readonly BudgetFit[],
  options: ValleyOptions,
  multiplicity: Float64Array,
): Record<string, number> | null {
  const usable = budgets.filter((v) => v.N_opt !== null);
  const values: Record<string, number> = {};
  const refits: BudgetFit[] = [];
  for (const { C, points: members } of usable) {
    const present = members.filter((i) => multiplicity[i]! > 0);
    const drawn = present.map((i) => ({ ...points[i]!, weight: (points[i]!.weight ?? 1) * multiplicity[i]! }));
    const valley = fitValley(C, drawn, present, options);
    if (valley.N_opt !== null) refits.push(valley);
  }
  const line = refits.length * 2 >= usable.length ? frontier(refits) : null;
  if (!line) return null;
  values.a = line.a;
  values.b = line.b;
  for (const { C, N_opt, D_opt, L_opt } of refits) {
    values[`N_opt@${C}`] = N_opt!;
    values[`D_opt@${C}`] = D_opt!;
    values[`L_opt@${C}`] = L_opt!;
  }
  return values;
}

/** What the procedure adds to the exponents of an additive law that resembles the data, without noise. */
function parabolaBias(
  points: readonly FitPoint[],
  budgets: readonly BudgetFit[],
  options: ValleyOptions,
): { a: number; b: number } | null {
  const used = budgets.filter((v) => v.N_opt !== null);
  const members = [...new Set(used.flatMap((v) => v.points))];
  const inside = members.map((i) => points[i]!);
  if (inside.length <= chinchilla.params.length || numDistinct(inside.map((p) => p.N)) < 3) return null;
  if (numDistinct(inside.map((p) => p.D)) < 3) return null;
  const problem = makeProblem(chinchilla, inside);
  const [start] = variableProjection(problem, chinchilla.separable!, { refine: 1 });
  const { theta, converged } = descend(problem, robustLoss('mse'), start!.theta);
  const truth = chinchilla.exponents!(chinchilla.toParams(theta, problem.centre));
  const gradient = new Float64Array(theta.length);
  const clean = new Map(
    members.map((i, at) => [i, Math.exp(chinchilla.logLoss(theta, problem.u[at]!, gradient))] as const),
  );
  const line = frontier(
    used.map(({ C, points: own }) =>
      fitValley(
        C,
        own.map((i) => ({ ...points[i]!, L: clean.get(i)! })),
        own,
        { ...options, interior: 'keep' },
      ),
    ),
  );
  const sound = converged && line && truth.a > 0 && truth.a < 1;
  return sound ? { a: line.a - truth.a, b: line.b - truth.b } : null;
}

function judge(fit: IsoflopFit, points: readonly FitPoint[]): Diagnostic[] {
  const found: Diagnostic[] = fit.budgets.flatMap((v) => ofBudget(v, points));
  const kept = fit.budgets.filter((v) => v.N_opt !== null).length;
  if (kept < 2)
    found.push(
      refuse('too_few_budgets', `${kept} of ${fit.budgets.length} budgets have a minimum; an exponent needs two`, {
        kept,
      }),
    );
  else if (kept < FEW_BUDGETS)
    found.push(
      warn('too_few_budgets', `the exponents rest on ${kept} budgets; ${FEW_BUDGETS} or more are advised`, {
        kept,
        advised: FEW_BUDGETS,
      }),
    );
  found.push(...judgeTogether(points, []), ...judgeDepths(fit.budgets, points));
  if (fit.bias && Math.abs(fit.bias.a) > BIAS)
    found.push(
      warn('parabola_bias', `on noise-free losses of the additive law this grid shifts a by ${fit.bias.a.toFixed(3)}`, {
        a: fit.bias.a,
        b: fit.bias.b,
      }),
    );
  if (fit.bootstrap && failedTooOften(fit.bootstrap, FAILED)) {
    const { failed, undetermined, replicates } = fit.bootstrap;
    found.push(
      warn(
        'replicate_failures',
        `${failed - undetermined} of ${replicates - undetermined} replicates kept too few minima`,
        { failed, undetermined, replicates },
      ),
    );
  }
  return found;
}

function ofBudget(v: BudgetFit, points: readonly FitPoint[]): Diagnostic[] {
  const exp = (value: number): string => formatFlops(value, 3);
  const budget = `budget ${exp(v.C)}`;
  if (v.refused === 'too_few_sizes')
    return [
      refuse('too_few_sizes', `${budget}: ${v.num_sizes} sizes, a parabola needs 3`, {
        C: v.C,
        num_sizes: v.num_sizes,
      }),
    ];
  if (!v.interior) {
    const x = v.parabola && bottom(v.parabola);
    const N_bottom = x === null ? null : Math.exp(x);
    const where =
      N_bottom === null ? 'its parabola opens downwards' : `the parabola's bottom is at N = ${exp(N_bottom)}`;
    const message = `${budget}: no minimum inside N = ${exp(v.N_range[0])} to ${exp(v.N_range[1])} (${where})`;
    const values = { C: v.C, N_low: v.N_range[0], N_high: v.N_range[1], N_bottom };
    return [
      v.refused
        ? refuse('no_interior_minimum', `${message}; add sizes on that side`, values)
        : warn('no_interior_minimum', `${message}; kept all the same`, values),
    ];
  }
  const found: Diagnostic[] = [];
  const sizes = [...new Set(v.points.map((i) => points[i]!.N))].sort((x, y) => x - y);
  if (v.num_sizes < FEW_SIZES)
    found.push(
      warn('too_few_sizes', `${budget}: ${v.num_sizes} sizes; ${FEW_SIZES} or more are advised`, {
        C: v.C,
        num_sizes: v.num_sizes,
        advised: FEW_SIZES,
      }),
    );
  if (v.N_opt! < sizes[1]! || v.N_opt! > sizes.at(-2)!)
    found.push(
      warn('minimum_near_edge', `${budget}: the minimum at N = ${exp(v.N_opt!)} lies beside the edge of the sizes`, {
        C: v.C,
        N_opt: v.N_opt,
      }),
    );
  return found;
}

/** @file The valleys of Approach 2: points grouped into budgets, one parabola and one minimum a budget.
 * A budget whose minimum is not interior is refused by name: a parabola's bottom beyond the sizes that were
 * trained is an extrapolation, however well it fits. D at the minimum comes from the points' own C/(N D), so
 * that any counting of C can be used; under C = 6 N D it is C/(6 N).
 */
import { LabError } from '../../lib/errors.ts';
import type { DiagnosticName } from '../diagnostic.ts';
import { leastSquares } from '../math/householder.ts';
import { type FitPoint, numDistinct } from '../point.ts';
import { bottom, fitParabola, heightAt, type Parabola } from './parabola.ts';

export interface ValleyOptions {
  /** Training FLOPs; found from the points where absent. */
  budgets?: readonly number[];
  /** A point belongs to a budget within this relative distance of it. Default .1. */
  tolerance?: number;
  /** Weight outliers down. Default true. */
  robust?: boolean;
  /** Use only this many sizes nearest to the minimum. Default all. */
  window?: number;
  /** `refuse` budgets whose minimum is not interior (default), or `keep` them all the same. */
  interior?: 'refuse' | 'keep';
}

/** One budget: its valley and, where it has one, its minimum. */
export interface BudgetFit {
  C: number;
  /** Positions of its points in the list that was fitted. */
  points: number[];
  num_sizes: number;
  /** Smallest and largest N trained. */
  N_range: [number, number];
  /** L = c0 + c1 x + c2 x^2 with x = ln N - centre; null below three sizes. */
  parabola: Parabola | null;
  /** Standard deviation of the points about it; null where none is left over. */
  residual_sd: number | null;
  /** The minimum; null where the budget is refused. */
  N_opt: number | null;
  D_opt: number | null;
  L_opt: number | null;
  /** Whether the parabola's bottom lies strictly inside the sizes. */
  interior: boolean;
  /** Why it is refused; null where it is not. */
  refused: DiagnosticName | null;
}

/** Fewest distinct sizes that make a parabola. */
const MIN_SIZES = 3;

/** The budgets of `points` in increasing order, with the positions of their points.
 * Without given budgets the densest value of C takes every point within the tolerance, then the next densest of
 * what is left, as long as it has three sizes and a third of the points of the first.
 * @throws LabError('usage') for bad budgets or tolerance.
 */
export function groupByBudget(points: readonly FitPoint[], options: ValleyOptions): { C: number; members: number[] }[] {
  const { budgets, tolerance = 0.1 } = options;
  if (!(tolerance > 0 && tolerance < 1))
    throw new LabError('usage', `invalid tolerance: ${tolerance} is not between 0 and 1 (a share of the budget)`);
  const isNear = (C: number, budget: number): boolean => Math.abs(C / budget - 1) <= tolerance;
  const near = (budget: number) => (i: number) => isNear(points[i]!.C, budget);
  const all = points.map((_, i) => i);
  if (budgets) {
    const bad = budgets.find((C) => !(C > 0 && Number.isFinite(C)));
    if (bad !== undefined) throw new LabError('usage', `invalid budgets: ${bad} is not a positive number of FLOPs`);
    return [...budgets].sort((x, y) => x - y).map((C) => ({ C, members: all.filter(near(C)) }));
  }
  const found: { C: number; members: number[] }[] = [];
  let left = all;
  let order = [...all].sort((i, j) => points[i]!.C - points[j]!.C);
  for (;;) {
    const densest = left.filter(near(densestOf(order, points, isNear)));
    if (numDistinct(densest.map((i) => points[i]!.N)) < MIN_SIZES) break;
    const C = Math.exp(densest.reduce((sum, i) => sum + Math.log(points[i]!.C), 0) / densest.length);
    found.push({ C, members: densest });
    const taken = new Set(densest);
    left = left.filter((i) => !taken.has(i));
    order = order.filter((i) => !taken.has(i));
  }
  const densest = found[0]?.members.length ?? 0;
  return found.filter(({ members }) => members.length * 3 >= densest).sort((x, y) => x.C - y.C);
}

/** The C of a point that has the most others near it, the first of several; 0 of none. `order` are the places of the points
 * by increasing C, where those near a point stand in a row whose ends move one way: one pass. */
function densestOf(
  order: readonly number[],
  points: readonly FitPoint[],
  isNear: (C: number, budget: number) => boolean,
): number {
  const values = order.map((i) => points[i]!.C);
  let [best, most, low, high] = [-1, 0, 0, 0];
  values.forEach((C, at) => {
    while (!isNear(values[low]!, C)) low++;
    if (high < at) high = at;
    while (high < values.length && isNear(values[high]!, C)) high++;
    const count = high - low;
    if (count < most || (count === most && order[at]! > best)) return;
    [best, most] = [order[at]!, count];
  });
  return best < 0 ? 0 : points[best]!.C;
}

/** The valley of one budget. `points` are its own; `positions` say where they stand in the whole list. */
export function fitValley(
  C: number,
  points: readonly FitPoint[],
  positions: number[],
  options: ValleyOptions,
): BudgetFit {
  const sizes = points.map((p) => p.N);
  const num_sizes = numDistinct(sizes);
  const valley: BudgetFit = {
    C,
    points: positions,
    num_sizes,
    N_range: points.length > 0 ? [Math.min(...sizes), Math.max(...sizes)] : [Number.NaN, Number.NaN],
    parabola: null,
    residual_sd: null,
    N_opt: null,
    D_opt: null,
    L_opt: null,
    interior: false,
    refused: 'too_few_sizes',
  };
  if (num_sizes < MIN_SIZES) return valley;
  const parabola = throughWindow(points, options);
  valley.parabola = parabola;
  const free = points.length - 3;
  if (free > 0) {
    const squares = points.reduce((sum, p) => sum + (p.L - heightAt(parabola, Math.log(p.N))) ** 2, 0);
    valley.residual_sd = Math.sqrt(squares / free);
  }
  const x = bottom(parabola);
  valley.interior = x !== null && Math.exp(x) > valley.N_range[0] && Math.exp(x) < valley.N_range[1];
  valley.refused = 'no_interior_minimum';
  const kept = valley.interior || options.interior === 'keep';
  if (x === null || !kept || !Number.isFinite(Math.exp(x))) return valley;
  valley.refused = null;
  valley.N_opt = Math.exp(x);
  valley.D_opt = C / (flopsPerND(points, x) * valley.N_opt);
  valley.L_opt = heightAt(parabola, x);
  return valley;
}

/** The parabola through all points, or through the sizes nearest to its own minimum. */
function throughWindow(points: readonly FitPoint[], options: ValleyOptions): Parabola {
  const { window, robust = true } = options;
  if (window !== undefined && (!Number.isInteger(window) || window < MIN_SIZES))
    throw new LabError('usage', `invalid window: ${window} is not a whole number of sizes, ${MIN_SIZES} or more`);
  const through = (chosen: readonly FitPoint[]): Parabola =>
    fitParabola(
      chosen.map((p) => Math.log(p.N)),
      chosen.map((p) => p.L),
      chosen.map((p) => p.weight ?? 1),
      robust,
    );
  let parabola = through(points);
  if (window === undefined) return parabola;
  for (let round = 0; round < 3; round++) {
    const x = bottom(parabola);
    if (x === null) return parabola;
    const distance = (N: number): number => Math.abs(Math.log(N) - x);
    const nearest = [...new Set(points.map((p) => p.N))].sort((a, b) => distance(a) - distance(b)).slice(0, window);
    const chosen = points.filter((p) => nearest.includes(p.N));
    if (numDistinct(chosen.map((p) => p.N)) < MIN_SIZES) return parabola;
    parabola = through(chosen);
  }
  return parabola;
}

/** C/(N D) of the budget's points at ln N = x, by a straight line of its log in ln N: 6 under C = 6 N D. */
function flopsPerND(points: readonly FitPoint[], x: number): number {
  const rows = Float64Array.from(points.flatMap((p) => [1, Math.log(p.N) - x, Math.log(p.C / (p.N * p.D))]));
  return Math.exp(leastSquares(rows, 2).solution[0]!);
}

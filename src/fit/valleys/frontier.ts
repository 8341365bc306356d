/** @file The line of optima through the valleys of Approach 2: `N_opt = N C^a` and `D_opt = D C^b`.
 * Two regressions of logs, one point a budget that has a minimum (Hoffmann et al. 2022, section 3.2).
 */
import { fitPowerLaw } from '../math/power-law.ts';
import type { BudgetFit } from './valley.ts';

/** The two regressions over the budgets that have a minimum; null below two of them. */
export function frontier(budgets: readonly BudgetFit[]): { a: number; b: number; N: number; D: number } | null {
  const minima = budgets.filter((v) => v.N_opt !== null);
  if (minima.length < 2) return null;
  const N = fitPowerLaw(minima.map((v) => ({ x: v.C, y: v.N_opt! })));
  const D = fitPowerLaw(minima.map((v) => ({ x: v.C, y: v.D_opt! })));
  return { a: N.exponent, b: D.exponent, N: N.coefficient, D: D.coefficient };
}

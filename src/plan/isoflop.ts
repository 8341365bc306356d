/** @file D from a compute budget: the token count whose training costs C, in whole steps of whole sequences.
 * `D = C / (FLOPs of a token)`, where a token costs 6 N by a chosen count of N, or the exact count of products.
 * Rounding to whole steps misses the budget by up to half a step; where that is more than 1% the batch is
 * changed by as few sequences as bring it within 1%, and the plan says so.
 */
import type { ModelSpec } from '../config/config.ts';
import { countFlops } from '../model/size.ts';

/** The countings of compute that a budget can be stated in. */
export type Counting = 'six_n_total' | 'six_n_non_embedding' | 'exact';

/** The largest share of the budget by which planned FLOPs may miss it. */
export const BUDGET_TOLERANCE = 0.01;

/** Whole sequences and steps, with `(planned - budget) / budget`. */
export interface BudgetFit {
  batch_size: number;
  num_steps: number;
  budget_error: number;
}

/** Tokens that cost `budget` FLOPs, not rounded. */
export function tokensForBudget(model: ModelSpec, budget: number, counting: Counting): number {
  return budget / countFlops(model, 1)[counting];
}

/** Steps and batch for `num_tokens` (a real number), the batch as near to `batch_size` sequences as 1% allows.
 * The batch stays between half and double of what was asked; when none of those is within 1%, the best of them.
 * `num_tokens` must fill at least one step of `batch_size`. */
export function fitBudget(num_tokens: number, batch_size: number, n_ctx: number): BudgetFit {
  const at = (size: number): BudgetFit => {
    const num_steps = Math.max(1, Math.round(num_tokens / (size * n_ctx)));
    return { batch_size: size, num_steps, budget_error: (num_steps * size * n_ctx) / num_tokens - 1 };
  };
  let best = at(batch_size);
  for (let change = 1; change <= batch_size && Math.abs(best.budget_error) > BUDGET_TOLERANCE; change++) {
    for (const size of [batch_size - change, batch_size + change]) {
      if (size < batch_size / 2) continue;
      const fit = at(size);
      if (Math.abs(fit.budget_error) < Math.abs(best.budget_error)) best = fit;
    }
  }
  return best;
}

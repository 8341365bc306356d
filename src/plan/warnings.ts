/** @file What a user should know of a plan before spending: budgets with too few sizes, runs planned in two groups,
 * tokens that repeat. Nothing here stops a plan.
 */
import { formatFlops } from '../lib/format.ts';
import type { PlannedRun } from './plan.ts';
import { MAX_EPOCHS } from './resolve.ts';

/** Sizes that a parabola through one budget needs: three points define it, a fourth can contradict it. */
const MIN_SIZES = 4;

/** Budgets of one isoFLOP block that too few sizes are left in. */
export function thinBudgets(group: string, budgets: readonly number[], runs: readonly PlannedRun[]): string[] {
  return budgets.flatMap((budget) => {
    const sizes = new Set(runs.filter((run) => run.budget_flops === budget).map((run) => run.spec.model.d_model));
    if (sizes.size >= MIN_SIZES) return [];
    return [
      `sweep ${group}: budget ${formatFlops(budget)} has ${sizes.size} sizes, a parabola wants ${MIN_SIZES} at least`,
    ];
  });
}

/** Groups never share records, so a run that two of them plan is trained twice: worth knowing. */
export function sharedRuns(runs: readonly PlannedRun[]): string[] {
  const first = new Map<string, string>();
  const warnings: string[] = [];
  for (const { config_hash, run_id } of runs) {
    const before = first.get(config_hash);
    if (before === undefined) first.set(config_hash, run_id);
    else warnings.push(`${run_id} is the same run as ${before} in another group; both are trained`);
  }
  return warnings;
}

/** Runs that see tokens more than once. */
export function epochWarnings(runs: readonly PlannedRun[]): string[] {
  const epochs = runs.map((run) => (run.unique_tokens === null ? 0 : run.spec.num_tokens / run.unique_tokens));
  const worst = epochs.reduce((most, e) => Math.max(most, e), 0);
  const numRepeating = epochs.filter((e) => e > 1).length;
  if (numRepeating === 0) return [];
  const limit = worst > MAX_EPOCHS ? `; beyond ${MAX_EPOCHS} epochs the loss is no longer that of fresh tokens` : '';
  return [
    `${numRepeating === 1 ? '1 run repeats its' : `${numRepeating} runs repeat their`} tokens, up to ${worst.toFixed(1)} epochs${limit}`,
  ];
}

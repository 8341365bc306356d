/** @file Which runs of a folder belong to its study as it was last planned. A folder keeps the runs of earlier plans, as of a
 * study tried with other settings: they are whole and can be looked at, but no fit of the study rests on them.
 */
import type { PlanFile } from './plan-file.ts';
import type { Sweep } from './reader.ts';

/** The records of the last plan, and how many others the folder has; all of them where nothing says which. `writePlan` puts
 * the runs of the last plan first, as many as its totals say. */
export function currentRuns<Kept extends { run_id: string }>({
  plan,
  records,
}: Pick<Sweep<Kept, Pick<PlanFile, 'totals'> & { runs: { run_id: string }[] }>, 'plan' | 'records'>): {
  records: Kept[];
  num_earlier: number;
} {
  if (plan === null) return { records, num_earlier: 0 };
  const current = new Set(plan.runs.slice(0, plan.totals?.num_runs).map(({ run_id }) => run_id));
  const own = records.filter(({ run_id }) => current.has(run_id));
  return { records: own, num_earlier: records.length - own.length };
}

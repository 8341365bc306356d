/** @file What a sweep finds in its folder and what it leaves to do there: starting again is how a sweep goes on.
 * Finished and diverged runs are skipped, failed ones are tried again, all others go on from their checkpoint. Runs that
 * an earlier plan put into the folder stay in plan.json: nothing is forgotten because a config changed. A run's folder
 * belongs to one config hash for ever.
 */
import { LabError } from '../lib/errors.ts';
import { type PlanFile, readPlan, readRecord, runPath, writePlanFile } from '../log/log.ts';
import type { RunRecord, RunStatus } from '../log/record.ts';
import type { Plan, PlannedRun } from '../plan/plan.ts';
import type { RunWork } from './progress/events.ts';

/** A planned run with its folder and what an earlier sweep left there. */
export interface FoundRun {
  run: PlannedRun;
  run_dir: string;
  record: RunRecord | null;
}

/** Every run of `plan` with what lies in its folder under `out_dir`. Throws `storage` where a run.json is damaged,
 * `usage` where a folder holds another run or the plan names one folder twice. */
export function findRuns(plan: Pick<Plan, 'runs'>, out_dir: string): FoundRun[] {
  const seen = new Set<string>();
  return plan.runs.map((run) => {
    if (seen.has(run.run_id)) throw new LabError('usage', `invalid plan: run_id ${run.run_id} occurs twice`);
    seen.add(run.run_id);
    const run_dir = runPath(out_dir, run.run_id);
    const record = readRecord(run_dir);
    if (record !== null && record.config_hash !== run.config_hash) {
      const hashes = `its config_hash is ${record.config_hash}, the plan's ${run.config_hash}`;
      throw new LabError('usage', `${run_dir} holds another run: ${hashes}; choose another folder with --out`);
    }
    return { run, run_dir, record };
  });
}

/** Whether a sweep has anything to do for a run: not once it finished, nor when it diverged, which it would again. */
export const needsWork = ({ record }: FoundRun): boolean =>
  record === null || (record.status !== 'finished' && record.status !== 'diverged');

/** The runs in the order to start them: costliest first by what is left of each, so that no long run is alone at the
 * end; ties by run_id. */
export function longestFirst(runs: readonly FoundRun[]): FoundRun[] {
  const cost = costOf(runs.map(({ run }) => run));
  const left = (found: FoundRun) => cost(found.run) * (1 - stepsDone(found) / found.run.spec.num_steps);
  return [...runs].sort((a, b) => left(b) - left(a) || (a.run.run_id < b.run.run_id ? -1 : 1));
}

/** The runs as progress counts them. */
export function describeWork(runs: readonly FoundRun[]): RunWork[] {
  const cost = costOf(runs.map(({ run }) => run));
  return runs.map((found) => ({
    run_id: found.run.run_id,
    flops: found.run.flops.exact,
    cost: cost(found.run),
    num_steps: found.run.spec.num_steps,
    status: statusOf(found),
    done_steps: needsWork(found) ? stepsDone(found) : found.run.spec.num_steps,
  }));
}

export const statusOf = ({ record }: FoundRun): RunStatus => record?.status ?? 'planned';

/** Steps an earlier sweep did; the checkpoint may lie some before. */
export const stepsDone = ({ run, record }: FoundRun): number => Math.min(record?.step ?? 0, run.spec.num_steps);

/** Writes plan.json, with the runs of an earlier plan kept behind the new ones; returns how many were kept. */
export function writePlan(plan: Plan, out_dir: string): number {
  const earlier: PlanFile['runs'] = readPlan(out_dir)?.runs ?? [];
  const planned = new Set(plan.runs.map((run) => run.run_id));
  const kept = earlier.filter((run) => !planned.has(run.run_id));
  writePlanFile(out_dir, { ...plan, runs: [...plan.runs, ...kept] });
  return kept.length;
}

/** What to say of the runs that `writePlan` kept. */
export const keptNotes = (num: number, out_dir: string): string[] =>
  num === 0
    ? []
    : [`${out_dir} holds ${num} more ${num === 1 ? 'run' : 'runs'} of an earlier plan; kept, and not run by this one`];

/** Estimated minutes where every run has an estimate, since small models do fewer FLOPs a second; else FLOPs. */
function costOf(runs: readonly PlannedRun[]): (run: PlannedRun) => number {
  const isEstimated = runs.every((run) => run.estimated_minutes !== null);
  return (run) => (isEstimated ? (run.estimated_minutes ?? 0) : run.flops.exact);
}

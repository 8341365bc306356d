/** @file What a sweep comes back with, wherever its runs were trained: every record, counted, and what cut it short. */
import type { ExitName } from '../lib/errors.ts';
import type { RunRecord, RunStatus } from '../log/record.ts';
import { type FoundRun, needsWork, statusOf } from './folder.ts';
import { countByStatus } from './progress/events.ts';
import { type StopSignal, stopExit } from './signals.ts';

export interface SweepResult {
  /** Runs of the plan by status. */
  counts: Partial<Record<RunStatus, number>>;
  /** In the plan's order; runs that never began have none. */
  records: RunRecord[];
  /** Runs an earlier sweep had done already. */
  num_skipped: number;
  wall_seconds: number;
  /** The signal that cut the sweep short and the exit it stands for, or null. */
  interrupted: { signal: StopSignal; exit: ExitName } | null;
}

export interface Outcome {
  /** As they were found. */
  runs: readonly FoundRun[];
  /** Of the runs that changed since, by run_id. */
  records: ReadonlyMap<string, RunRecord>;
  start_ms: number;
  signal: StopSignal | null;
  /** Whether a batch system started this process; default: SLURM_JOB_ID is set. */
  is_batch?: boolean | undefined;
}

/** The result as of now. */
export function sweepResult({ runs, records: changed, start_ms, signal, is_batch }: Outcome): SweepResult {
  const records = runs.map(({ run, record }) => changed.get(run.run_id) ?? record);
  const statuses = runs.map((found, i) => records[i]?.status ?? statusOf(found));
  const isBatch = is_batch ?? process.env['SLURM_JOB_ID'] !== undefined;
  return {
    counts: countByStatus(statuses),
    records: records.filter((record) => record !== null),
    num_skipped: runs.filter((found) => !needsWork(found)).length,
    wall_seconds: (performance.now() - start_ms) / 1000,
    interrupted: signal === null ? null : { signal, exit: stopExit(signal, isBatch) },
  };
}

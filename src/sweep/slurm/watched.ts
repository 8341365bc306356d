/** @file A task that is watched: its runs, where it stands, and what its runs' folders say.
 * The folders are the truth of a run, the queue that of a task. A record counts once it differs from what lay there when
 * the task was submitted: a run that failed then is tried again.
 */
import { LabError } from '../../lib/errors.ts';
import { lastTrainRow, readRecord } from '../../log/log.ts';
import type { RunRecord } from '../../log/record.ts';
import type { FoundRun } from '../folder.ts';
import type { SweepEvent } from '../progress/events.ts';
import type { Submission } from './submission.ts';

export interface WatchedTask {
  /** Name of its array and its index there. */
  name: string;
  index: number;
  /** With `updated_at` of the record that was there when it was submitted. */
  runs: { found: FoundRun; updated_at: string | null }[];
  /** Runs that ended, and those that were seen to start. */
  ended: Set<string>;
  started: Set<string>;
  /** Row of the table while it runs. */
  slot: number | null;
  since_ms: number;
  /** Starts that its watcher asked for after it broke down. */
  num_retries: number;
  /** When it was first seen to be over with runs left. */
  over_ms: number | null;
  /** Looks in a row at which it waited for something that will not come. */
  num_hopeless: number;
  isDone: boolean;
}

/** The task `task` of a submission with those of its runs that `runs` holds. */
export function watchTask(submission: Submission, task: number, runs: ReadonlyMap<string, FoundRun>): WatchedTask {
  const array = submission.arrays.findLast(({ first_task }) => first_task <= task)!;
  const own = (submission.tasks[task] ?? []).flatMap(({ run_id, updated_at }) => {
    const found = runs.get(run_id);
    return found === undefined ? [] : [{ found, updated_at }];
  });
  const isOver = ({ found: { record }, updated_at }: WatchedTask['runs'][number]) =>
    record !== null && record.updated_at !== updated_at && isSettled(record);
  return {
    name: array.name,
    index: task - array.first_task,
    runs: own,
    ended: new Set(own.filter(isOver).map(({ found }) => found.run.run_id)),
    started: new Set(),
    slot: null,
    since_ms: performance.now(),
    num_retries: 0,
    over_ms: null,
    num_hopeless: 0,
    isDone: false,
  };
}

/** The record that a task's run has by now; null before its trainer wrote one, or while it cannot be read. */
export function freshRecord({ found, updated_at }: WatchedTask['runs'][number]): RunRecord | null {
  try {
    const record = readRecord(found.run_dir);
    return record === null || record.updated_at === updated_at ? null : record;
  } catch (error) {
    // Network file systems lag; what stays damaged is told when the sweep is started again.
    if (error instanceof LabError && error.exit === 'storage') return null;
    throw error;
  }
}

/** Whether a run needs nothing more from this sweep. */
export const isSettled = ({ status }: RunRecord): boolean =>
  status === 'finished' || status === 'diverged' || status === 'failed';

/** Where a running run stands, from the last row of its log. */
export function progressEvent(found: FoundRun, record: RunRecord, worker: number): SweepEvent | null {
  const row = lastTrainRow(found.run_dir);
  if (row === null) return null;
  const { step, tokens, loss, tokens_per_second = null } = row;
  const { num_steps } = found.run.spec;
  const val_loss = record.eval_curve.at(-1)?.val_loss ?? null;
  const progress = { step, num_steps, tokens, train_loss: loss, val_loss, tokens_per_second };
  return { event: 'run_progress', run_id: found.run.run_id, worker, progress };
}

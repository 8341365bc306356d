/** @file What becomes of a run whose task left the queue before the run ended: its record is settled by whoever watches.
 * Under the run's lock, so that a task which trains it after all is never written over.
 */
import { recordPath, writeJsonAtomic } from '../../log/log.ts';
import type { RunRecord, RunStatus } from '../../log/record.ts';
import { endedRecord } from '../end-record.ts';
import type { FoundRun } from '../folder.ts';
import { describeHolder, lockRun } from './run-lock.ts';

/** Writes `status` and `error` into the run's record and returns it, or says who trains the run. Throws `storage`. */
export async function settleRun(
  { run, run_dir }: FoundRun,
  status: RunStatus,
  error: string,
): Promise<{ record: RunRecord } | { held: string }> {
  const taken = await lockRun(run_dir);
  if ('holder' in taken) return { held: `${run.run_id} is held by ${describeHolder(taken.holder)}` };
  try {
    const record = endedRecord(run, run_dir, status, error);
    writeJsonAtomic(recordPath(run_dir), record);
    return { record };
  } finally {
    taken.lock.release();
  }
}

/** @file Door of the sweep: runs a plan in a folder, on this machine's cores, and comes back with every record.
 * Holds the folder (hold-folder.ts), works out what is left to do (folder.ts) and trains it (train-runs.ts). Calling it again
 * goes on where it stopped. Which exit code follows is the command line's to say. On a cluster: slurm/.
 */
import type { Plan } from '../plan/plan.ts';
import { findRuns, keptNotes, writePlan } from './folder.ts';
import { holdingFolder } from './hold-folder.ts';
import { forgetWorkers, noteWorker } from './left-workers.ts';
import type { SweepResult } from './result.ts';
import { refuseWhileQueued } from './slurm/live.ts';
import { type TrainOptions, trainRuns } from './train-runs.ts';

export { readGpu } from './gpu-facts.ts';
export { type Card, type CardQuery, queryCards } from './nvidia-smi.ts';
export type { SweepEvent } from './progress/events.ts';
export type { SweepResult } from './result.ts';
export { type QueueStatus, queueStatus } from './slurm/live.ts';
export { slurmPreview } from './slurm/preview.ts';
export type { SlurmRequest } from './slurm/request.ts';
export { runSlurmSweep, type SlurmSweepOptions } from './slurm/slurm.ts';
export { runSlurmTask } from './slurm/task.ts';

export interface SweepOptions extends TrainOptions {
  plan: Plan;
}

/** Trains what `plan` leaves to do in `out_dir`. A run that fails or diverges is in the result, not an error.
 * Throws `folder_held`, `no_backend`, `storage`, and `usage` where the folder holds other runs under these names or the
 * devices cannot be had. */
export async function runSweep({ plan, ...options }: SweepOptions): Promise<SweepResult> {
  const { out_dir } = options;
  const start_ms = performance.now();
  const train = async () => {
    const prepare = () => keptNotes(writePlan(plan, out_dir), out_dir);
    const onWorker = (pid: number) => noteWorker(out_dir, pid);
    const result = await trainRuns(findRuns(plan, out_dir), options, { prepare, onWorker });
    forgetWorkers(out_dir);
    return { ...result, wall_seconds: (performance.now() - start_ms) / 1000 };
  };
  return holdingFolder(out_dir, train, () => refuseWhileQueued(out_dir));
}

/** @file The lock of one run's folder: among the tasks of a cluster one at a time writes there.
 * The sweep's own lock cannot do this, since tasks of many machines train in one folder. A holder on another machine is
 * judged by its Slurm job: gone from the queue, or the very job that asks, which Slurm started again because the node
 * was lost. The file is made with O_EXCL, which holds over NFS; flock is not relied on.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { storageError } from '../../lib/errors.ts';
import { type FileLock, type LockHolder, tryLock } from '../../lib/file-lock.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { isAlive } from '../../lib/process-identity.ts';
import { isJobActive } from './queue.ts';

const RUN_LOCK = 'run.lock';

/** What Slurm has just ended on this machine may take that long to be gone: KillWait's default. */
const WAIT_MS = 30_000;

/** Takes the lock of `run_dir`, made if absent, or says who holds it. A start of the same job before this one is waited
 * for. Throws `storage`. */
export async function lockRun(run_dir: string): Promise<{ lock: FileLock } | { holder: LockHolder }> {
  const path = join(run_dir, RUN_LOCK);
  const own = process.env['SLURM_JOB_ID'];
  const deadline = Date.now() + WAIT_MS;
  try {
    makeFolder(run_dir);
    for (;;) {
      const facts = own === undefined ? {} : { slurm_job: own };
      const taken = await tryLock(path, { facts, isHeld: (holder) => isHeld(holder, own) });
      const isOwnJob = 'holder' in taken && own !== undefined && taken.holder.slurm_job === own;
      if (!isOwnJob || Date.now() > deadline) return taken;
      await sleep(500);
    }
  } catch (error) {
    throw storageError(error, path);
  }
}

async function isHeld(holder: LockHolder, own: string | undefined): Promise<boolean> {
  const alive = isAlive(holder);
  if (alive !== 'elsewhere') return alive;
  const { slurm_job } = holder;
  if (slurm_job === undefined) return true;
  return slurm_job !== own && (await isJobActive(slurm_job));
}

/** `Slurm job 12 on node3 (process 4711, since ...)`. */
export function describeHolder({ slurm_job, pid, host, started_at }: LockHolder): string {
  const job = slurm_job === undefined ? '' : `Slurm job ${slurm_job}, `;
  return `${job}process ${pid} on ${host}, since ${started_at}`;
}

/** @file Workers that a supervisor left behind when it was killed: none may write while their runs are trained again.
 * Each worker is noted in `sweep.workers` before it is given its first run. The next sweep of the folder, once it holds
 * the lock, waits for those that still live: a worker notices within a second that its supervisor is gone, and writes a
 * checkpoint. One that cannot notice (stopped, or deep in a native call) is killed where the system tells it from a
 * stranger with the same pid.
 */
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError, storageError } from '../lib/errors.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../lib/process-identity.ts';

const WORKERS_FILE = 'sweep.workers';

/** The watchdog ends an orphan within 5 s; this long it is given. */
const WAIT_MS = 6_000;

/** A killed process is gone at once, unless the kernel waits for a disk. */
const KILL_WAIT_MS = 5_000;

/** Notes that `pid` is a worker of the sweep in `dir`. Throws `storage`. */
export function noteWorker(dir: string, pid: number): void {
  const path = join(dir, WORKERS_FILE);
  try {
    appendFileSync(path, `${JSON.stringify(identityOf(pid))}\n`);
  } catch (error) {
    throw storageError(error, path);
  }
}

/** Forgets the workers of the sweep in `dir`: all of them have ended. */
export const forgetWorkers = (dir: string): void => rmSync(join(dir, WORKERS_FILE), { force: true });

/** Comes back when no worker of an earlier sweep in `dir` lives; for the holder of its lock. Throws `folder_held` where
 * one does not end, `storage`. */
export async function endLeftWorkers(dir: string): Promise<void> {
  let left = await outwait(notedWorkers(dir), WAIT_MS);
  for (const { pid, start_ticks } of left) if (start_ticks !== null) kill(pid);
  left = await outwait(left, KILL_WAIT_MS);
  const [stubborn] = left;
  if (stubborn !== undefined) {
    const what = `process ${stubborn.pid}, a worker of an earlier sweep, still runs in ${dir}`;
    throw new LabError('folder_held', `${what}; end it, or choose another folder with --out`);
  }
  forgetWorkers(dir);
}

/** Those of `workers` that still live after at most `max_ms`. Those of another machine are not ours to judge: who holds
 * the lock was told that the sweep there has ended. */
async function outwait(workers: readonly ProcessIdentity[], max_ms: number): Promise<ProcessIdentity[]> {
  const start_ms = performance.now();
  for (;;) {
    const left = workers.filter((worker) => isAlive(worker) === true);
    if (left.length === 0 || performance.now() - start_ms > max_ms) return left;
    await sleep(50);
  }
}

/** A last line that a kill cut names a worker that was given no run. */
function notedWorkers(dir: string): ProcessIdentity[] {
  const path = join(dir, WORKERS_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, path, 'read');
  }
  return text.split('\n').flatMap((line) => {
    try {
      const worker = JSON.parse(line) as ProcessIdentity;
      return Number.isInteger(worker.pid) && worker.pid > 1 ? [worker] : [];
    } catch {
      return [];
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended just now, or is another user's: what still lives is told next.
  }
}

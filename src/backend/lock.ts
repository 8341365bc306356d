/** @file A lock file around work that is to be done once, so that workers that start together build a library once: the
 * others wait. A lock whose holder died is taken over (lib/file-lock.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from '../lib/file-lock.ts';

/** What a lock stands for. */
export interface LockOptions {
  /** The work is there already: nothing is done. */
  isDone: () => boolean;
  /** Longest wait for another holder. */
  wait_ms: number;
}

/** Holds the lock `path` while `work` runs and returns its result, or null where another holder has done it.
 * Throws where the lock is still held after the wait. */
export async function withLock<T>(
  path: string,
  { isDone, wait_ms }: LockOptions,
  work: () => Promise<T>,
): Promise<T | null> {
  const deadline = Date.now() + wait_ms;
  while (!isDone()) {
    const taken = await tryLock(path);
    if ('lock' in taken) {
      try {
        return isDone() ? null : await work();
      } finally {
        taken.lock.release();
      }
    }
    const { pid, host } = taken.holder;
    if (Date.now() > deadline) throw new Error(`${path} is still held by process ${pid} on ${host}; remove it`);
    await sleep(100);
  }
  return null;
}

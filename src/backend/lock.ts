/** @file A folder as a lock between processes, so that workers that start together build a library once. The holder's
 * process id is in it: a lock whose holder died is taken over.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a lock stands for. */
export interface LockOptions {
  /** The work is there already: nothing is done. */
  isDone: () => boolean;
  /** Longest wait for another holder. */
  wait_ms: number;
}

/** Holds `folder` as a lock while `work` runs and returns its result, or null where another holder has done it.
 * Throws where the lock is still held after the wait. */
export async function withLock<T>(
  folder: string,
  { isDone, wait_ms }: LockOptions,
  work: () => Promise<T>,
): Promise<T | null> {
  const owner = path.join(folder, 'pid');
  const deadline = Date.now() + wait_ms;
  while (!isDone()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (isAbandoned(folder, owner)) rmSync(folder, { recursive: true, force: true });
      else if (Date.now() > deadline) throw new Error(`${folder} is still held by another process; remove it`);
      else await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    try {
      writeFileSync(owner, String(process.pid));
      return isDone() ? null : await work();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return null;
}

function isAbandoned(folder: string, owner: string): boolean {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return false;
    // Between its making and the writing of its owner a lock has none for a moment.
    return Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) > 2000;
  }
}

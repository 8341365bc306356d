/** @file The lock of a sweep's folder: one sweep at a time writes there. What `sweep.lock` says and how a dead one is
 * taken over is lib/file-lock.ts's; here who holds the folder becomes the user's error.
 */
import { join } from 'node:path';
import { LabError, storageError } from '../lib/errors.ts';
import { type FileLock, type LockHolder, tryLock } from '../lib/file-lock.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { isAlive } from '../lib/process-identity.ts';

export const LOCK_FILE = 'sweep.lock';

/** Takes the lock of `folder`, made if absent. Throws `folder_held` naming the holder, or `storage`. */
export async function lockFolder(folder: string): Promise<FileLock> {
  const path = join(folder, LOCK_FILE);
  try {
    makeFolder(folder);
    const taken = await tryLock(path);
    if ('lock' in taken) return taken.lock;
    throw heldError(folder, path, taken.holder);
  } catch (error) {
    throw storageError(error, path);
  }
}

function heldError(folder: string, path: string, holder: LockHolder): LabError {
  const who = `process ${holder.pid} on ${holder.host}, since ${holder.started_at}`;
  const advice =
    isAlive(holder) === 'elsewhere'
      ? `if that machine no longer runs it, delete ${path}`
      : 'wait for it, stop it, or choose another folder with --out';
  return new LabError('folder_held', `folder ${folder} is held by another sweep (${who}); ${advice}`);
}

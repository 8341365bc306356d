/** @file Takes the folder of a sweep for this start, local or on a cluster: the lock, and an end to what a start that was
 * killed left behind. Workers it left are ended before any run is trained again: of two writers on one run neither
 * is right.
 */
import type { FileLock } from '../lib/file-lock.ts';
import { removeTempFiles } from '../log/log.ts';
import { endLeftWorkers } from './left-workers.ts';
import { lockFolder } from './lock.ts';

/** What is written into the folder of a sweep while it is held, or just before and after; reports are others'. */
const OWN_FILES = ['plan.json.', 'study.yaml.', 'claims.json.', 'forecasts.json.'];

/** Runs `work` while `out_dir` is held. `refuse` may still throw before anything in the folder changes. Throws
 * `folder_held`, `storage`. */
export async function holdingFolder<Result>(
  out_dir: string,
  work: () => Promise<Result>,
  refuse: () => Promise<void> = async () => {},
): Promise<Result> {
  const lock: FileLock = await lockFolder(out_dir);
  try {
    await refuse();
    await endLeftWorkers(out_dir);
    removeTempFiles(out_dir, OWN_FILES);
    return await work();
  } finally {
    lock.release();
  }
}

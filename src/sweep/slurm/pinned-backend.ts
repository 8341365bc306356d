/** @file One backend for all tasks of a submission: what `auto` stands for is settled by the first task that starts, on
 * its node, and kept beside the submission, since losses are only comparable bit for bit on one backend.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError, storageError } from '../../lib/errors.ts';
import { tryLock } from '../../lib/file-lock.ts';
import { writeFileAtomic } from '../../log/log.ts';
import { type Submission, slurmDir } from './submission.ts';

const GPU_BACKENDS = ['cuda', 'webgpu'];

/** The backend that a task of `submission` computes with. Throws `no_backend` where it does not start here, or where GPUs
 * were asked for and none of it is one's. */
export async function pinnedBackend(out_dir: string, submission: Submission): Promise<string> {
  const { resolveBackend } = await import('../../backend/backend.ts');
  const adapter = submission.adapter ?? undefined;
  const path = join(slurmDir(out_dir), `${submission.id}.backend`);
  if (submission.backend !== 'auto') return resolveBackend(submission.backend, { adapter });
  if (existsSync(path)) return resolveBackend(readFileSync(path, 'utf8').trim(), { adapter });
  const name = await resolveBackend('auto', { adapter });
  if (submission.has_gpu && !GPU_BACKENDS.includes(name)) {
    throw new LabError(
      'no_backend',
      `--gpus-per-run was given, but no GPU backend starts on this node (auto is ${name}); see scaling-lab doctor there`,
    );
  }
  try {
    // Of tasks that start at the same moment the first to lock decides.
    const taken = await tryLock(`${path}.lock`);
    if ('lock' in taken) {
      if (!existsSync(path)) writeFileAtomic(path, `${name}\n`);
      taken.lock.release();
    }
  } catch (error) {
    throw storageError(error, path);
  }
  return existsSync(path) ? resolveBackend(readFileSync(path, 'utf8').trim(), { adapter }) : name;
}

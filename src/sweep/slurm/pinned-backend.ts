/** @file One backend for all tasks of a submission: what `auto` stands for is settled by the first task that starts, on
 * its node, and kept beside the submission, since losses are only comparable bit for bit on one backend.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError, storageError } from '../../lib/errors.ts';
import { type Submission, slurmDir } from './submission.ts';

const GPU_BACKENDS = ['cuda', 'webgpu'];

/** The backend that a task of `submission` computes with. Throws `no_backend` where it does not start here, or where GPUs
 * were asked for and none of it is one's. */
export async function pinnedBackend(out_dir: string, submission: Submission): Promise<string> {
  const { resolveBackend } = await import('../../backend/backend.ts');
  const adapter = submission.adapter ?? undefined;
  if (submission.backend !== 'auto') return resolveBackend(submission.backend, { adapter });
  const path = join(slurmDir(out_dir), `${submission.id}.backend`);
  const pinned = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  if (pinned !== '') return resolveBackend(pinned, { adapter });
  const name = await resolveBackend('auto', { adapter });
  if (submission.has_gpu && !GPU_BACKENDS.includes(name)) {
    throw new LabError(
      'no_backend',
      `--gpus-per-run was given, but no GPU backend starts on this node (auto is ${name}); see scaling-lab doctor there`,
    );
  }
  const decided = writeOnce(path, `${name}\n`).trim();
  return decided === name ? name : resolveBackend(decided, { adapter });
}

/** What `path` says: `text` where this call made it. Of tasks that start at the same moment the first to link its file
 * decides, and no reader sees half of one. Throws `storage`. */
function writeOnce(path: string, text: string): string {
  const own = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(own, text);
    try {
      linkSync(own, path);
      return text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return readFileSync(path, 'utf8');
    } finally {
      unlinkSync(own);
    }
  } catch (error) {
    throw storageError(error, path);
  }
}

/** @file Hands a prepared submission to Slurm, array after array, as far as Slurm takes them.
 * Where the number of tasks at a time is limited an array waits for the one before it, since Slurm's own limit (`%K`)
 * counts within one array.
 */
import { LabError, storageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { writeFileAtomic } from '../../log/log.ts';
import { logDir, type PreparedSubmission } from './prepare.ts';
import { runSlurm, SlurmError } from './programs.ts';
import type { SlurmRequest } from './request.ts';
import { closeSubmission, writeSubmission } from './submission.ts';

export interface Submitted {
  /** Slurm's ids of the arrays that it took: the first ones of the submission. */
  job_ids: string[];
  /** What Slurm said when it took no more; null where it took all. */
  refused: string | null;
}

/** Submits `prepared`; stops early once `isStopped`. Throws `usage` with Slurm's own words where it takes not even the
 * first array, `storage`, and `no_backend` where there is no Slurm. */
export async function submitArrays(
  { submission, scripts }: PreparedSubmission,
  { out_dir, request, isStopped }: { out_dir: string; request: SlurmRequest; isStopped: () => boolean },
): Promise<Submitted> {
  try {
    makeFolder(logDir(out_dir));
  } catch (error) {
    throw storageError(error, logDir(out_dir));
  }
  writeSubmission(out_dir, submission);
  const job_ids: string[] = [];
  for (const { path, text } of scripts) {
    if (isStopped()) break;
    writeFileAtomic(path, text);
    const previous = request.array_limit === undefined ? undefined : job_ids.at(-1);
    try {
      job_ids.push(await submitOne(path, request, previous));
    } catch (error) {
      if (job_ids.length === 0) closeSubmission(out_dir, submission);
      if (!(error instanceof SlurmError)) throw error;
      if (job_ids.length > 0) return { job_ids, refused: error.message };
      throw new LabError('usage', `Slurm refused the jobs: ${error.message}; the script is ${path}`);
    }
  }
  return { job_ids, refused: null };
}

/** `sbatch --parsable` prints the id, and on several clusters `;cluster` behind it. */
async function submitOne(path: string, request: SlurmRequest, previous: string | undefined): Promise<string> {
  const dependency = previous === undefined ? [] : [`--dependency=afterany:${previous}`];
  const unset = [
    ...(request.partition === undefined ? [] : ['SBATCH_PARTITION']),
    ...(request.time === undefined ? [] : ['SBATCH_TIMELIMIT']),
    ...(request.gpus_per_run === undefined ? [] : ['SBATCH_GRES', 'SBATCH_GPUS']),
  ];
  const output = await runSlurm('sbatch', ['--parsable', ...dependency, path], unset);
  const id = /^(\d+)/m.exec(output)?.[1];
  if (id === undefined) throw new SlurmError(`sbatch printed no job id but ${JSON.stringify(output.trim())}`);
  return id;
}

/** @file What was handed to Slurm, as a file in the study's folder: which runs each task trains, and how.
 * `slurm/<id>.json` is written before the first array is submitted, so that a task finds its runs whatever became of the
 * process that submitted it. Job ids are not kept: the arrays are found in the queue by their names, which hold the
 * submission's id. A submission is open until someone saw that none of its tasks is left in the queue.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError, storageError } from '../../lib/errors.ts';
import { parseVersioned, writeJsonAtomic } from '../../log/log.ts';
import { SCHEMA_VERSION } from '../../log/record.ts';

const submissionSchema = z.looseObject({
  schema_version: z.literal(SCHEMA_VERSION),
  id: z.string().regex(/^[0-9a-f]{12}$/),
  submitted_at: z.string(),
  /** Null while tasks may be in the queue. */
  closed_at: z.string().nullable(),
  /** As the user chose it; `auto` is settled by the first task. */
  backend: z.string(),
  threads: z.number().int().positive(),
  adapter: z.string().nullable(),
  has_gpu: z.boolean(),
  cache_dir: z.string(),
  checkpoint_seconds: z.number().positive(),
  arrays: z.array(z.object({ name: z.string(), first_task: z.number().int(), num_tasks: z.number().int() })),
  /** For each task its runs, with `updated_at` of the record that each had when it was submitted. */
  tasks: z.array(z.array(z.object({ run_id: z.string(), updated_at: z.string().nullable() }))),
});

export type Submission = z.infer<typeof submissionSchema>;

/** Scripts, submissions and the tasks' output. */
export const slurmDir = (out_dir: string): string => join(out_dir, 'slurm');

const submissionPath = (out_dir: string, id: string): string => join(slurmDir(out_dir), `${id}.json`);

/** An id that no other submission has. */
export const newSubmissionId = (): string => randomBytes(6).toString('hex');

/** Writes `submission`. Throws `storage`. */
export const writeSubmission = (out_dir: string, submission: Submission): void =>
  writeJsonAtomic(submissionPath(out_dir, submission.id), submission);

/** The submission `id`. Throws `usage` where there is none, `storage` where it is damaged. */
export function readSubmission(out_dir: string, id: string): Submission {
  if (!/^[0-9a-f]{12}$/.test(id)) throw new LabError('usage', `invalid --submission: ${JSON.stringify(id)}`);
  const path = submissionPath(out_dir, id);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new LabError('usage', `no submission ${path}`);
    throw storageError(error, path, 'read');
  }
  return parseVersioned(text, path, submissionSchema, 'delete it once squeue lists no job of it');
}

/** The submissions that may still have tasks in the queue. Throws `storage`. */
export function openSubmissions(out_dir: string): Submission[] {
  const dir = slurmDir(out_dir);
  let names: string[];
  try {
    names = readdirSync(dir).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, dir, 'read');
  }
  const ids = names.flatMap((name) => /^([0-9a-f]{12})\.json$/.exec(name)?.[1] ?? []);
  return ids.map((id) => readSubmission(out_dir, id)).filter(({ closed_at }) => closed_at === null);
}

/** Notes that none of its tasks is left in the queue. */
export function closeSubmission(out_dir: string, submission: Submission): void {
  writeSubmission(out_dir, { ...submission, closed_at: new Date().toISOString() });
}

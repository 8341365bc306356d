/** @file What `--dry-run` shows of a sweep on Slurm: the batch scripts that would be submitted, on any machine.
 * Where no cluster can be asked for its MaxArraySize Slurm's default stands in, and the preview says so.
 */
import type { Plan } from '../../plan/plan.ts';
import { findRuns, longestFirst, needsWork } from '../folder.ts';
import { DEFAULT_MAX_ARRAY_SIZE } from './arrays.ts';
import { prepareSubmission, type TaskSettings } from './prepare.ts';
import { isAway, maxArraySize } from './programs.ts';
import { checkSlurmRequest, type SlurmRequest } from './request.ts';

/** In place of an id, which is drawn when a submission is made. */
const PREVIEW_ID = '000000000000';

export interface SlurmPreview {
  max_array_size: number;
  num_tasks: number;
  scripts: { path: string; text: string }[];
  notes: string[];
}

/** The scripts for what `plan` leaves to do in `out_dir`; writes nothing. Throws `usage`. */
export async function slurmPreview(
  plan: Plan,
  { out_dir, request, settings }: { out_dir: string; request: SlurmRequest; settings: TaskSettings },
): Promise<SlurmPreview> {
  checkSlurmRequest(request);
  const runs = longestFirst(findRuns(plan, out_dir).filter(needsWork));
  const { max_array_size, notes } = await knownArraySize();
  const { name: study } = plan;
  const work_dir = process.cwd();
  const options = { id: PREVIEW_ID, study, out_dir, work_dir, runs, request, settings, max_array_size };
  const { submission, scripts } = prepareSubmission(options);
  return { max_array_size, num_tasks: submission.tasks.length, scripts, notes };
}

async function knownArraySize(): Promise<{ max_array_size: number; notes: string[] }> {
  try {
    return { max_array_size: await maxArraySize(), notes: [] };
  } catch (error) {
    if (!isAway(error)) throw error;
    const note = `Slurm cannot be asked from here: arrays are split at its default MaxArraySize of ${DEFAULT_MAX_ARRAY_SIZE}`;
    return { max_array_size: DEFAULT_MAX_ARRAY_SIZE, notes: [note] };
  }
}

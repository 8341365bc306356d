/** @file `slurm-task DIR`: the command that a batch script runs, one a task of a job array. Not for people, but harmless to
 * start by hand: what is done stays done.
 */
import path from 'node:path';
import { EXIT, LabError } from '../lib/errors.ts';
import { runSlurmTask } from '../sweep/sweep.ts';
import { failureLines, sweepExit } from './train-study.ts';

/** Trains the runs of the task whose index in its array the environment holds. */
export async function slurmTaskCommand(
  dir: string,
  { submission, firstTask }: { submission: string; firstTask: number },
): Promise<number> {
  const index = process.env['SLURM_ARRAY_TASK_ID'] ?? '';
  if (!/^\d+$/.test(index))
    throw new LabError('usage', 'slurm-task is started by Slurm: SLURM_ARRAY_TASK_ID is not set');
  const note = (message: string) => void process.stderr.write(`${message}\n`);
  const task = firstTask + Number(index);
  const result = await runSlurmTask({ out_dir: path.resolve(dir), submission, task, progress: 'lines', note });
  if (result === null) note(`nothing is left to do in task ${task}`);
  for (const line of result === null ? [] : failureLines(result)) note(line);
  return result === null ? EXIT.ok : sweepExit(result);
}

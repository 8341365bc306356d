/** @file Tasks of earlier submissions that are still in Slurm's queue: what a new start attaches to instead of submitting
 * the same runs again, and what keeps a sweep on this machine out of the folder.
 */
import { LabError } from '../../lib/errors.ts';
import { isAway, SlurmError } from './programs.ts';
import { adviceOf, arrayIds, phaseOf, type QueuedTask, readQueue, taskKey } from './queue.ts';
import { closeSubmission, openSubmissions, type Submission } from './submission.ts';

/** A task in the queue with the runs it was given. */
export interface LiveTask {
  submission: Submission;
  task: number;
  queued: QueuedTask;
}

/** The tasks of the folder's open submissions that wait or run; a submission without any is closed. Empty where nothing
 * was ever submitted, without asking Slurm. Throws what `readQueue` throws. */
export async function liveTasks(out_dir: string): Promise<LiveTask[]> {
  const submissions = openSubmissions(out_dir);
  const live = await tasksInQueue(submissions);
  for (const submission of submissions)
    if (!live.some((task) => task.submission === submission)) closeSubmission(out_dir, submission);
  return live;
}

/** What `status` says of Slurm: the folder's tasks in the queue. */
export interface QueueStatus {
  num_running: number;
  num_waiting: number;
  job_ids: string[];
  /** What to do about tasks that wait for something that will not come, each once. */
  advice: string[];
  /** Why Slurm could not be asked; null where it was. */
  unknown: string | null;
}

/** The folder's tasks in Slurm's queue, nothing written; null where all that was submitted is known to be over. */
export async function queueStatus(out_dir: string): Promise<QueueStatus | null> {
  const submissions = openSubmissions(out_dir);
  if (submissions.length === 0) return null;
  try {
    const queued = (await tasksInQueue(submissions)).map((task) => task.queued);
    const num_running = queued.filter((task) => phaseOf(task) === 'active').length;
    const advice = [...new Set(queued.flatMap((task) => adviceOf(task) ?? []))];
    return { num_running, num_waiting: queued.length - num_running, job_ids: arrayIds(queued), advice, unknown: null };
  } catch (error) {
    if (!isAway(error)) throw error;
    return { num_running: 0, num_waiting: 0, job_ids: [], advice: [], unknown: whyAway(error) };
  }
}

async function tasksInQueue(submissions: readonly Submission[]): Promise<LiveTask[]> {
  const queue = await readQueue(submissions.flatMap(({ arrays }) => arrays.map(({ name }) => name)));
  return submissions.flatMap((submission) =>
    submission.arrays.flatMap(({ name, first_task, num_tasks }) =>
      Array.from({ length: num_tasks }, (_, index) => ({ queued: queue.get(taskKey(name, index)), index })).flatMap(
        ({ queued, index }) =>
          queued === undefined || phaseOf(queued) === 'over' ? [] : [{ submission, task: first_task + index, queued }],
      ),
    ),
  );
}

const whyAway = (error: unknown): string => (error instanceof SlurmError ? error.message : 'squeue is not on the PATH');

/** Throws `folder_held` where jobs of Slurm train in the folder, or may. */
export async function refuseWhileQueued(out_dir: string): Promise<void> {
  let live: LiveTask[];
  try {
    live = await liveTasks(out_dir);
  } catch (error) {
    if (!isAway(error)) throw error;
    throw new LabError(
      'folder_held',
      `folder ${out_dir} was handed to Slurm, which cannot be asked from here whether jobs still train there (${whyAway(error)}); start it where squeue answers, or, if no job is left, delete ${out_dir}/slurm`,
    );
  }
  if (live.length === 0) return;
  const num_running = live.filter(({ queued }) => phaseOf(queued) === 'active').length;
  const ids = arrayIds(live.map(({ queued }) => queued));
  throw new LabError(
    'folder_held',
    `folder ${out_dir} is held by Slurm ${ids.length === 1 ? 'job' : 'jobs'} ${ids.join(', ')} (${num_running} running, ${live.length - num_running} waiting); watch with --executor slurm, end with scancel ${ids.join(' ')}, or choose another folder with --out`,
  );
}

/** @file One task of a job array: trains the runs that its submission gives it, as far as they are not done.
 * Started again, by Slurm or by hand, it trains nothing twice: finished runs are skipped, others go on from their
 * checkpoints, and a run that another task holds is left to it. On SIGUSR1, a little before the job's time is over, it
 * checkpoints and asks Slurm to start it again; on SIGTERM it checkpoints, and who sent it knows what comes next.
 */
import { LabError } from '../../lib/errors.ts';
import type { FileLock } from '../../lib/file-lock.ts';
import { readPlan, runPath } from '../../log/log.ts';
import type { Plan, PlannedRun } from '../../plan/plan.ts';
import { type FoundRun, findRuns, needsWork } from '../folder.ts';
import type { ProgressKind } from '../progress/progress.ts';
import type { SweepResult } from '../result.ts';
import { trainRuns } from '../train-runs.ts';
import { pinnedBackend } from './pinned-backend.ts';
import { runSlurm } from './programs.ts';
import { describeHolder, lockRun } from './run-lock.ts';
import { settleRun } from './settle.ts';
import { readSubmission, type Submission } from './submission.ts';

export interface SlurmTaskOptions {
  /** The study's folder. */
  out_dir: string;
  submission: string;
  /** Place of the task in its submission. */
  task: number;
  progress: ProgressKind;
  note: (message: string) => void;
}

/** How often a task looks whether its runs are still its own: on a node that Slurm took for lost they are not. */
const FENCE_MS = 5_000;

/** A task that took no step in so many seconds before SIGUSR1 would not take one in the next start either. */
const FRUITLESS_SECONDS = 25;

/** Trains the task's runs; null where nothing was left to do. Throws `folder_held` where others hold all that is left or
 * took it over, `usage` where there is no such task, and what training throws. */
export async function runSlurmTask(options: SlurmTaskOptions): Promise<SweepResult | null> {
  const { out_dir, note } = options;
  const submission = readSubmission(out_dir, options.submission);
  const planned = plannedRuns(out_dir, submission, options.task);
  if (!findRuns(planned, out_dir).some(needsWork)) return null;
  const locks: FileLock[] = [];
  try {
    const held: string[] = [];
    for (const { run_id } of planned.runs) {
      const taken = await lockRun(runPath(out_dir, run_id));
      if ('lock' in taken) locks.push(taken.lock);
      else held.push(run_id);
      if ('holder' in taken) note(`${run_id} is left to ${describeHolder(taken.holder)}`);
    }
    // Read again: what another task did meanwhile is done.
    const runs = findRuns(planned, out_dir).filter(({ run }) => !held.includes(run.run_id));
    if (!runs.some(needsWork)) {
      if (held.length === 0) return null;
      throw new LabError('folder_held', `all that is left of task ${options.task} is trained by others`);
    }
    return await trainLocked(options, submission, runs, locks);
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** The runs of the task as the plan has them. */
function plannedRuns(out_dir: string, { id, tasks }: Submission, task: number): Pick<Plan, 'runs'> {
  const wanted = tasks[task];
  if (wanted === undefined) {
    throw new LabError('usage', `submission ${id} has tasks 0 to ${tasks.length - 1}, there is no task ${task}`);
  }
  const plan = readPlan(out_dir);
  const known = new Map((plan?.runs ?? []).map((run) => [run.run_id, run]));
  const runs = wanted.map(({ run_id }) => {
    const run = known.get(run_id);
    if (run === undefined) throw new LabError('storage', `the plan.json of ${out_dir} does not hold run ${run_id}`);
    return run as unknown as PlannedRun;
  });
  return { runs };
}

/** A lock that cannot be read just now (a network file system that stalls) is not known to be lost. */
function isNotLost(lock: FileLock): boolean {
  try {
    return lock.isOurs();
  } catch {
    return true;
  }
}

async function trainLocked(
  { out_dir, progress, note }: SlurmTaskOptions,
  submission: Submission,
  runs: FoundRun[],
  locks: readonly FileLock[],
): Promise<SweepResult> {
  const start_ms = performance.now();
  const { threads, adapter, cache_dir, checkpoint_seconds } = submission;
  const backend = await pinnedBackend(out_dir, submission);
  let fence: NodeJS.Timeout | null = null;
  let isLost = false;
  const onStart = (abandon: () => void) => {
    fence = setInterval(() => {
      if (locks.every(isNotLost)) return;
      isLost = true;
      abandon();
    }, FENCE_MS);
  };
  let result: SweepResult;
  try {
    result = await trainRuns(
      runs,
      {
        out_dir,
        backend,
        threads,
        adapter: adapter ?? undefined,
        cache_dir,
        checkpoint_seconds,
        // One run computes on one device, and Slurm shows the task no other.
        workers: 1,
        progress,
        is_color: false,
        is_batch: true,
      },
      { onStart },
    );
  } finally {
    if (fence !== null) clearInterval(fence);
  }
  if (isLost) throw new LabError('folder_held', `the runs of this task were taken over; stopped without a checkpoint`);
  if (result.interrupted?.signal === 'SIGUSR1') {
    const seconds = (performance.now() - start_ms) / 1000;
    if (seconds > FRUITLESS_SECONDS && !hasProgress(runs, result)) await failFruitless(runs, result, locks);
    else await requeueSelf(note);
  }
  return result;
}

const hasProgress = (runs: readonly FoundRun[], { records }: SweepResult): boolean =>
  records.some((now) => now.step > (runs.find(({ run }) => run.run_id === now.run_id)?.record?.step ?? 0));

async function failFruitless(
  runs: readonly FoundRun[],
  { records }: SweepResult,
  locks: readonly FileLock[],
): Promise<void> {
  for (const lock of locks) lock.release();
  const cut = new Set(records.filter(({ status }) => status === 'preempted').map(({ run_id }) => run_id));
  for (const found of runs.filter(({ run }) => cut.has(run.run_id))) {
    await settleRun(found, 'failed', 'not one step was taken within the time of its Slurm job; give a longer --time');
  }
}

/** Asks Slurm to start this task again. Named by array and index: the id of its own that the last task of an array has is
 * also that of the whole array. */
async function requeueSelf(note: (message: string) => void): Promise<void> {
  const { SLURM_JOB_ID, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID } = process.env;
  if (SLURM_JOB_ID === undefined) return;
  const job = SLURM_ARRAY_JOB_ID === undefined ? SLURM_JOB_ID : `${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}`;
  try {
    await runSlurm('scontrol', ['requeue', job]);
  } catch (error) {
    note(`Slurm does not start this task again: ${(error as Error).message}; start the sweep again to go on`);
  }
}

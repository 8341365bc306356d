/** @file A sweep on a cluster: submits what is left to do as job arrays, watches it, and comes back with every record.
 * Plan, resume and result are those of a sweep on one machine; the tasks train (task.ts), this process only looks. Started
 * again it attaches to the tasks that are still in the queue. Ctrl-C cancels the jobs; SIGTERM, and the terminal's end,
 * leave them to Slurm.
 */
import { LabError } from '../../lib/errors.ts';
import type { RunRecord } from '../../log/record.ts';
import type { Plan } from '../../plan/plan.ts';
import { describeWork, type FoundRun, findRuns, keptNotes, longestFirst, needsWork, writePlan } from '../folder.ts';
import { holdingFolder } from '../hold-folder.ts';
import { type ProgressKind, type ProgressStream, startProgress } from '../progress/progress.ts';
import { type SweepResult, sweepResult } from '../result.ts';
import { listenForSignals, type StopSignal } from '../signals.ts';
import { liveTasks } from './live.ts';
import { logDir, prepareSubmission, type TaskSettings } from './prepare.ts';
import { maxArraySize, SlurmError } from './programs.ts';
import { checkSlurmRequest, type SlurmRequest } from './request.ts';
import { closeSubmission, newSubmissionId, openSubmissions } from './submission.ts';
import { submitArrays } from './submit.ts';
import { Watch } from './watch.ts';
import { type WatchedTask, watchTask } from './watched.ts';

export interface SlurmSweepOptions {
  plan: Plan;
  /** The sweep's folder, which all nodes share; made if absent. */
  out_dir: string;
  request: SlurmRequest;
  settings: TaskSettings;
  progress: ProgressKind;
  is_color: boolean;
  /** Seconds between looks at the queue. Default 10. */
  poll_seconds?: number | undefined;
  /** Default stderr. */
  stream?: ProgressStream;
}

/** New attempts that a run gets after its task broke down. */
const MAX_RETRIES = 1;

/** Longest that a network file system keeps a folder's names by default (nfs(5), acdirmax). */
const SETTLE_SECONDS = 60;

/** Trains what `plan` leaves to do in `out_dir` on the cluster. Throws `folder_held`, `no_backend` where there is no Slurm,
 * `usage` with Slurm's own words where it takes or starts nothing, `storage`. */
export async function runSlurmSweep(options: SlurmSweepOptions): Promise<SweepResult> {
  checkSlurmRequest(options.request);
  const max_array_size = await told(() => maxArraySize());
  return holdingFolder(options.out_dir, () => runLocked(options, max_array_size));
}

async function runLocked(options: SlurmSweepOptions, max_array_size: number): Promise<SweepResult> {
  const { plan, out_dir, request, settings, is_color, stream = process.stderr } = options;
  const start_ms = performance.now();
  const runs = findRuns(plan, out_dir);
  const byId = new Map(runs.map((found) => [found.run.run_id, found]));
  const live = await told(() => liveTasks(out_dir));
  const attached = live.map(({ submission, task }) => watchTask(submission, task, byId));
  const todo = longestFirst(runs.filter(needsWork));
  const notes = keptNotes(writePlan(plan, out_dir), out_dir);
  const num_tasks = Math.ceil(todo.length / (request.runs_per_task ?? 1));
  const num_workers = Math.min(num_tasks, request.array_limit ?? num_tasks);

  const records = new Map<string, RunRecord>();
  const progress = startProgress(options.progress, { stream, is_color });
  const { show, close } = progress;
  const note = (message: string) => show({ event: 'note', message });
  const stop: Stop = { signal: null, isKilled: false, wake: () => {} };
  const stopListening = listenForSignals({
    onStop: (signal) => {
      stop.signal = signal;
      if (signal === 'SIGINT') show({ event: 'sweep_stopping', reason: 'cancelled', signal });
      stop.wake();
    },
    onKill: () => {
      stop.isKilled = true;
      stop.wake();
    },
  });
  const result = () => sweepResult({ runs, records, start_ms, signal: stop.signal });
  const watchAll = (tasks: WatchedTask[]) =>
    watchUntilOver(
      new Watch({
        tasks,
        show,
        records,
        max_retries: MAX_RETRIES,
        settle_seconds: SETTLE_SECONDS,
        log_dir: logDir(out_dir),
      }),
      stop,
      { seconds: options.poll_seconds ?? 10, note },
    );

  try {
    for (const message of notes) note(message);
    show({ event: 'sweep_started', out_dir, num_workers, num_to_do: todo.length, runs: describeWork(runs) });
    let tasks = attached;
    if (attached.length > 0)
      note(`${attached.length} tasks of an earlier start are still in Slurm's queue; watching them`);
    const watchedIds = new Set(attached.flatMap((task) => task.runs.map(({ found }) => found.run.run_id)));
    let waiting = todo.filter(({ run }) => !watchedIds.has(run.run_id));
    while ((waiting.length > 0 || tasks.length > 0) && stop.signal === null) {
      const submitted = await submitSome(waiting, tasks.length > 0);
      await watchAll([...tasks, ...submitted.tasks]);
      waiting = submitted.left;
      tasks = [];
    }
    if (stop.signal === null || stop.signal === 'SIGINT') closeFinished(out_dir, stop.isKilled);
    return result();
  } finally {
    const { counts, wall_seconds } = result();
    show({ event: 'sweep_ended', counts, seconds: wall_seconds });
    stopListening();
    close();
  }

  /** Submits what Slurm takes of `waiting`; the rest is for the next round. */
  async function submitSome(
    waiting: FoundRun[],
    mayWait: boolean,
  ): Promise<{ tasks: WatchedTask[]; left: FoundRun[] }> {
    if (waiting.length === 0) return { tasks: [], left: [] };
    const id = newSubmissionId();
    const { name: study } = plan;
    const work_dir = process.cwd();
    const prepared = prepareSubmission({
      id,
      study,
      out_dir,
      work_dir,
      runs: waiting,
      request,
      settings,
      max_array_size,
    });
    const { submission } = prepared;
    try {
      const { job_ids, refused } = await submitArrays(prepared, {
        out_dir,
        request,
        isStopped: () => stop.signal !== null,
      });
      const taken = submission.arrays.slice(0, job_ids.length);
      const num = taken.reduce((sum, array) => sum + array.num_tasks, 0);
      note(`submitted ${num} tasks to Slurm as ${job_ids.length === 1 ? 'job' : 'jobs'} ${job_ids.join(', ')}`);
      if (refused !== null) note(`Slurm takes no more for now: ${refused}; the rest follows`);
      const tasks = Array.from({ length: num }, (_, task) => watchTask(submission, task, byId));
      const submitted = new Set(tasks.flatMap((task) => task.runs.map(({ found }) => found.run.run_id)));
      return { tasks, left: waiting.filter(({ run }) => !submitted.has(run.run_id)) };
    } catch (error) {
      if (!mayWait || !(error instanceof LabError) || error.exit !== 'usage') throw error;
      note(`${error.message}; tried again when the tasks in the queue are done`);
      return { tasks: [], left: waiting };
    }
  }
}

interface Stop {
  signal: StopSignal | null;
  isKilled: boolean;
  /** Ends a pause between two looks. */
  wake: () => void;
}

/** Looks until every task is over, or the sweep was told to leave them. Throws `usage` where some never start. */
async function watchUntilOver(
  watch: Watch,
  stop: Stop,
  { seconds, note }: { seconds: number; note: (message: string) => void },
): Promise<void> {
  await watch.look();
  while (!watch.isDone) {
    if (stop.isKilled) {
      await watch.cancel('--signal=KILL', '--full');
      return;
    }
    if (stop.signal === 'SIGINT') await watch.cancel();
    else if (stop.signal !== null) {
      note(`stopped watching on ${stop.signal}: the jobs go on in Slurm; start the same command again to watch them`);
      return;
    }
    // Cancelled tasks are gone within seconds.
    await pause(stop.signal === 'SIGINT' ? Math.min(2, seconds) : seconds, stop);
    await watch.look();
  }
  if (watch.hopeless !== null) throw new LabError('usage', watch.hopeless);
}

/** Waits, or until a signal comes. */
function pause(seconds: number, stop: Stop): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    stop.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Closes the submissions, none of whose tasks is left; not where tasks were killed and nobody waited for their end. */
function closeFinished(out_dir: string, isKilled: boolean): void {
  if (isKilled) return;
  for (const submission of openSubmissions(out_dir)) closeSubmission(out_dir, submission);
}

/** What Slurm says, as the user's error. */
async function told<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SlurmError) throw new LabError('no_backend', `Slurm does not answer: ${error.message}`);
    throw error;
  }
}

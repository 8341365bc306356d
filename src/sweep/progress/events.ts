/** @file What happens in a sweep, as one stream of plain events; every way to show progress reads this and no more.
 * `foldEvent` turns the stream into a picture of the sweep: who trains what, the share done and the time left. The
 * share is of FLOPs, counted exactly, over all planned runs; the time left comes from the pace since this start, with
 * each run weighted by its estimated cost, because small models do fewer FLOPs a second.
 */
import type { RunStatus } from '../../log/record.ts';
import type { RunProgress, StopReason } from '../messages.ts';

/** A run as progress needs it. `cost` is in any unit in which the runs of a sweep compare. */
export interface RunWork {
  run_id: string;
  flops: number;
  cost: number;
  num_steps: number;
  /** What an earlier sweep made of it, and the steps it did: num_steps when nothing is left to do. */
  status: RunStatus;
  done_steps: number;
}

export type SweepEvent =
  | { event: 'sweep_started'; out_dir: string; num_workers: number; num_to_do: number; runs: RunWork[] }
  | { event: 'note'; message: string }
  | {
      event: 'worker_ready';
      worker: number;
      pid: number | null;
      backend: string;
      device: string;
      /** The device that the sweep gave it: `cuda:0`; null where it was given none. */
      placed_on: string | null;
      seconds: number;
    }
  | { event: 'worker_lost'; worker: number; reason: string }
  | { event: 'run_started'; run_id: string; worker: number; from_step: number; attempt: number }
  | { event: 'run_progress'; run_id: string; worker: number; progress: RunProgress }
  | { event: 'run_ended'; run_id: string; worker: number; status: RunStatus; val_loss: number | null; seconds: number }
  | {
      event: 'run_failed';
      run_id: string;
      worker: number;
      message: string;
      stack: string | null;
      will_retry: boolean;
      seconds: number;
    }
  | { event: 'sweep_stopping'; reason: StopReason; signal: string | null }
  | { event: 'sweep_ended'; counts: Partial<Record<RunStatus, number>>; seconds: number };

interface WorkerPicture {
  run_id: string | null;
  progress: RunProgress | null;
}

/** What ended lately, newest first. */
interface Recent {
  run_id: string;
  status: RunStatus;
  val_loss: number | null;
  seconds: number;
}

export interface SweepPicture {
  out_dir: string;
  backend: string | null;
  started_ms: number;
  runs: Map<string, RunWork>;
  workers: WorkerPicture[];
  recent: Recent[];
  /** Cost already done when the sweep started. */
  start_cost: number;
  is_stopping: boolean;
}

const RECENT_KEPT = 8;

/** The picture before the first event. */
export const emptyPicture = (): SweepPicture => ({
  out_dir: '',
  backend: null,
  started_ms: 0,
  runs: new Map(),
  workers: [],
  recent: [],
  start_cost: 0,
  is_stopping: false,
});

/** Brings `picture` up to date with one event that happened at `now_ms`. */
export function foldEvent(picture: SweepPicture, event: SweepEvent, now_ms: number): void {
  switch (event.event) {
    case 'sweep_started':
      picture.out_dir = event.out_dir;
      picture.started_ms = now_ms;
      picture.workers = Array.from({ length: event.num_workers }, idle);
      picture.runs = new Map(event.runs.map((run) => [run.run_id, { ...run }]));
      picture.start_cost = sumDone(picture, 'cost');
      break;
    case 'worker_ready':
      picture.backend = event.backend;
      break;
    case 'run_started':
      picture.workers[event.worker] = { run_id: event.run_id, progress: null };
      setRun(picture, event.run_id, 'running', event.from_step);
      break;
    case 'run_progress': {
      const previous = picture.workers[event.worker]?.progress;
      const val_loss = event.progress.val_loss ?? previous?.val_loss ?? null;
      picture.workers[event.worker] = { run_id: event.run_id, progress: { ...event.progress, val_loss } };
      setRun(picture, event.run_id, 'running', event.progress.step);
      break;
    }
    case 'run_ended':
      picture.workers[event.worker] = idle();
      setRun(picture, event.run_id, event.status, isFinal(event.status) ? Number.POSITIVE_INFINITY : null);
      addRecent(picture, event);
      break;
    case 'run_failed':
      picture.workers[event.worker] = idle();
      setRun(picture, event.run_id, event.will_retry ? 'planned' : 'failed', null);
      if (!event.will_retry) addRecent(picture, { ...event, status: 'failed', val_loss: null });
      break;
    case 'worker_lost':
      picture.workers[event.worker] = idle();
      break;
    case 'sweep_stopping':
      picture.is_stopping = true;
      break;
    case 'note':
    case 'sweep_ended':
      break;
  }
}

/** Share of the planned runs' FLOPs that is done, 0 to 1; a diverged run counts as done, a failed one does not. */
export function shareDone(picture: SweepPicture): number {
  const total = sumAll(picture, 'flops');
  return total > 0 ? sumDone(picture, 'flops') / total : 1;
}

/** Seconds left at the pace since the start; null until there is one. Failed runs are not waited for. */
export function secondsLeft(picture: SweepPicture, now_ms: number): number | null {
  const done = sumDone(picture, 'cost');
  const elapsed = (now_ms - picture.started_ms) / 1000;
  if (done <= picture.start_cost || elapsed <= 0) return null;
  let left = sumAll(picture, 'cost') - done;
  for (const run of picture.runs.values()) if (run.status === 'failed') left -= run.cost * (1 - doneFraction(run));
  return (left * elapsed) / (done - picture.start_cost);
}

/** How many runs stand at each status. */
export function countByStatus(statuses: Iterable<RunStatus>): Partial<Record<RunStatus, number>> {
  const counts: Partial<Record<RunStatus, number>> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const idle = (): WorkerPicture => ({ run_id: null, progress: null });

const isFinal = (status: RunStatus): boolean => status === 'finished' || status === 'diverged';

const doneFraction = (run: RunWork): number => Math.min(1, run.done_steps / run.num_steps);

function setRun(picture: SweepPicture, runId: string, status: RunStatus, step: number | null): void {
  const run = picture.runs.get(runId);
  if (run === undefined) return;
  run.status = status;
  if (step !== null) run.done_steps = Math.min(step, run.num_steps);
}

function addRecent(picture: SweepPicture, { run_id, status, val_loss, seconds }: Recent): void {
  picture.recent.unshift({ run_id, status, val_loss, seconds });
  picture.recent.length = Math.min(picture.recent.length, RECENT_KEPT);
}

function sumAll(picture: SweepPicture, unit: 'flops' | 'cost'): number {
  let sum = 0;
  for (const run of picture.runs.values()) sum += run[unit];
  return sum;
}

function sumDone(picture: SweepPicture, unit: 'flops' | 'cost'): number {
  let sum = 0;
  for (const run of picture.runs.values()) sum += run[unit] * doneFraction(run);
  return sum;
}

/** @file What supervisor and worker say to each other, as plain JSON.
 * A worker starts its backend on `start`, answers `ready` or `start_failed`, then takes one `run` at a time and answers
 * `done` or `failed`. `stop` makes it checkpoint what it trains and leave. Heartbeats say that its event loop turns.
 */
import type { BackendInfo } from '../backend/backend.ts';
import type { RunRecord } from '../log/record.ts';
import type { PlannedRun } from '../plan/plan.ts';

/** Why a run ends before its end: the user's Ctrl-C, or a machine that is wanted back. */
export type StopReason = 'cancelled' | 'preempted';

/** An error on its way between processes. `exit` is a LabError's exit name, null for a bug. */
export interface ErrorReport {
  exit: string | null;
  message: string;
  stack: string | null;
}

/** Where a run stands. Losses are nats a token; null where there is none yet or it is not finite. */
export interface RunProgress {
  step: number;
  num_steps: number;
  tokens: number;
  train_loss: number | null;
  val_loss: number | null;
  tokens_per_second: number | null;
}

export type ToWorker =
  | {
      type: 'start';
      backend: string;
      threads: number;
      /** Part of the name of the GPU adapter for the webgpu backend; absent for its own choice. */
      adapter?: string;
      cache_dir: string;
      checkpoint_seconds: number;
      /** Milliseconds between two heartbeats. */
      heartbeat_ms: number;
    }
  | { type: 'run'; run: PlannedRun; run_dir: string }
  | { type: 'stop'; reason: StopReason };

export type FromWorker =
  | { type: 'heartbeat' }
  | { type: 'ready'; backend: BackendInfo }
  | { type: 'start_failed'; error: ErrorReport }
  | { type: 'progress'; run_id: string; progress: RunProgress }
  | { type: 'warning'; run_id: string; message: string }
  | { type: 'done'; run_id: string; record: RunRecord }
  | { type: 'failed'; run_id: string; error: ErrorReport };

/** Milliseconds between two heartbeats of a worker that is killed after `hang_seconds` of silence: four of them fit. */
export const heartbeatMs = (hang_seconds: number): number => Math.min(5_000, hang_seconds * 250);

/** Milliseconds at least between two progress messages of a worker: the supervisor must stay idle. */
export const PROGRESS_MS = 500;

/** @file The seam between what a sweep wants run and where its workers live.
 * An executor starts one worker and hands back a link to it; the supervisor knows links only. It says nothing of
 * processes, so that workers on other machines need no change there.
 */
import type { FromWorker, ToWorker } from './messages.ts';

/** The supervisor's end of one worker. */
export interface WorkerLink {
  /** How to find the worker, for messages: `pid 4711`. */
  readonly name: string;
  readonly pid: number | null;
  /** Delivers a message, or drops it when the worker is gone; its exit is told by `onExit`. */
  send(message: ToWorker): void;
  /** Ends the worker at once, without a checkpoint. */
  kill(): void;
}

/** How a worker ended. `output` is the last of what it printed. */
export interface WorkerExit {
  code: number | null;
  signal: string | null;
  output: string;
}

interface WorkerEvents {
  onMessage(message: FromWorker): void;
  /** Called once, after the last message. */
  onExit(exit: WorkerExit): void;
}

/** Where a worker runs. */
export interface Place {
  /** The device that it computes on, as the user names it: `cuda:0`. Null for whatever this machine offers. */
  readonly device: string | null;
  /** Environment variables that bind a worker to its device. */
  readonly env: Readonly<Record<string, string>>;
}

/** A place bound to no device. */
export const ANYWHERE: Place = { device: null, env: {} };

export type Executor = (events: WorkerEvents, place: Place) => WorkerLink;

/** One line for people: `exit code 3`, `signal SIGSEGV`, with the worker's last output below. */
export function describeExit(exit: WorkerExit): string {
  const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
  const hint = exit.signal === 'SIGKILL' ? ' (killed from outside; out of memory does that)' : '';
  const output = exit.output.trim();
  return `${how}${hint}${output === '' ? '' : `\n${output}`}`;
}

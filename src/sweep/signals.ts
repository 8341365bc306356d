/** @file What a signal means to a sweep.
 * SIGINT (Ctrl-C) cancels; SIGTERM, SIGHUP and SIGUSR1 say that the machine is wanted back: the runs are preempted. Both
 * checkpoint. A second SIGINT kills; not a second SIGTERM, since batch systems send USR1 and TERM one after the other.
 * A SIGINT within a second of the first is the same Ctrl-C: npm passes it on to a child that the terminal told already.
 */
import type { ExitName } from '../lib/errors.ts';
import type { StopReason } from './messages.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR1';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'];

const SAME_KEYPRESS_MS = 1_000;

export interface SignalHandlers {
  onStop(signal: StopSignal): void;
  onKill(): void;
}

/** Listens until the returned function is called. */
export function listenForSignals({ onStop, onKill }: SignalHandlers): () => void {
  let stopped_ms: number | null = null;
  const listener = (signal: string) => {
    if (stopped_ms === null) {
      stopped_ms = performance.now();
      onStop(signal as StopSignal);
    } else if (signal === 'SIGINT' && performance.now() - stopped_ms > SAME_KEYPRESS_MS) onKill();
  };
  // Windows has no SIGUSR1 and says so by throwing.
  const signals = SIGNALS.filter((signal) => signal !== 'SIGUSR1' || process.platform !== 'win32');
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

/** The status that a signal leaves on the runs it cuts short. */
export const stopReason = (signal: StopSignal): StopReason => (signal === 'SIGINT' ? 'cancelled' : 'preempted');

/** The exit that a signal stands for; a batch system starts a job again that says `preempted`. */
export function stopExit(signal: StopSignal, isBatch: boolean): ExitName {
  if (signal === 'SIGINT') return 'interrupted';
  return isBatch || signal === 'SIGUSR1' ? 'preempted' : 'terminated';
}

/** @file The processes of a sweep as the operating system sees them (Linux: /proc).
 * Every process that a sweep starts inherits a mark in its environment, by which it is found whoever its parent is now:
 * a worker that outlives its supervisor has no other tie to it. Only marked processes are ever signalled.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Environment variable that carries the mark. */
export const MARK = 'SCALING_LAB_FAULTS_MARK';

/** Pids of the living processes that carry `mark`; those that have ended and wait to be reaped do not count. */
export function markedPids(mark: string): number[] {
  const entry = `${MARK}=${mark}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => proc(name, 'environ').split('\0').includes(entry) && !/\) [ZX] /.test(proc(name, 'stat')))
    .map(Number);
}

/** Pids of the workers among them. */
export const markedWorkers = (mark: string): number[] =>
  markedPids(mark).filter((pid) => proc(String(pid), 'cmdline').includes('worker-main'));

/** Sends `signal` where `pid` still carries `mark`; whether it does. */
export function signalMarked(pid: number, signal: NodeJS.Signals, mark: string): boolean {
  if (!markedPids(mark).includes(pid)) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until `isTrue` or for `max_ms`; whether it became true. */
export async function until(isTrue: () => boolean, max_ms: number): Promise<boolean> {
  const start_ms = performance.now();
  while (!isTrue()) {
    if (performance.now() - start_ms > max_ms) return false;
    await sleep(20);
  }
  return true;
}

/** A file of /proc; empty where the process is gone. */
function proc(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** @file What killed processes leave in a folder: temporary files, and locks whose holder is gone. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity } from '../../lib/process-identity.ts';
import type { Report } from './finding.ts';

/** Names of the temporary files of atomic.ts and of the temporary folders of a corpus. */
const TEMPORARY = /^\.(.*\.tmp|tmp-.*)$/;

const LOCK = /\.lock$/;

/** A lock's guard lives for milliseconds; older than this, ms, it is debris. */
const GUARD_MS = 5_000;

/** Who holds the folder whose `names` these are: someone, perhaps (another machine), or nobody. */
export function heldBy(dir: string, names: readonly string[]): 'alive' | 'elsewhere' | 'nobody' {
  let held: 'alive' | 'elsewhere' | 'nobody' = 'nobody';
  for (const name of names.filter((n) => LOCK.test(n))) {
    const state = stateOf(join(dir, name));
    if (state === true) return 'alive';
    if (state === 'elsewhere') held = 'elsewhere';
  }
  return held;
}

/** Reports the leftovers among `names` of `dir`. While a sweep `is_running` there its temporary files are its own. */
export function checkLeftovers(
  dir: string,
  names: readonly string[],
  { is_running, report }: { is_running: boolean; report: Report },
): void {
  for (const name of names) {
    const path = join(dir, name);
    if (TEMPORARY.test(name) && !is_running) {
      report(path, 'leftover_file', 'left by a process that was killed; delete it');
    } else if (LOCK.test(name) && stateOf(path) === false) {
      report(path, 'leftover_lock', 'its process is gone; the next sweep takes it over, or delete it');
    } else if (name.endsWith('.lock.takeover') && isOld(path)) {
      report(path, 'leftover_lock', 'left by a process that was killed while it took a lock over; delete it');
    }
  }
}

/** Whether the process that a lock names lives; null where the lock is gone. */
function stateOf(path: string): boolean | 'elsewhere' | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  try {
    const holder = JSON.parse(text) as ProcessIdentity;
    if (Number.isInteger(holder.pid) && holder.pid > 0 && typeof holder.host === 'string') return isAlive(holder);
  } catch {
    // Half written: its maker is at it, or died over it.
  }
  return !isOld(path);
}

function isOld(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > GUARD_MS;
}

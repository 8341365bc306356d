/** @file Who a process is, so that a lock or a parent can be told from a stranger with the same pid.
 * A pid alone is reused, after a reboot within minutes. On Linux the kernel adds two facts that settle it: the boot
 * id (/proc/sys/kernel/random/boot_id) and the start time of the process in clock ticks since boot (field 22 of
 * /proc/<pid>/stat, proc(5)). Elsewhere both are null and the pid alone decides.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  pid: number;
  host: string;
  boot_id: string | null;
  start_ticks: string | null;
}

/** The identity of this process. */
export const ownIdentity = (): ProcessIdentity => identityOf(process.pid);

/** The identity of the process `pid` of this machine. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, host: hostname(), boot_id: bootId(), start_ticks: startTicks(pid) };
}

/** Whether the process that `identity` names still lives: 'elsewhere' when it is of another host and nobody here can
 * tell. False after a reboot, and when its pid now belongs to a process that started at another time. A zombie, dead but not yet reaped, counts as dead. */
export function isAlive(identity: ProcessIdentity): boolean | 'elsewhere' {
  if (identity.host !== hostname()) return 'elsewhere';
  const boot = bootId();
  if (boot !== null && identity.boot_id !== null && boot !== identity.boot_id) return false;
  if (!hasPid(identity.pid)) return false;
  const stat = statFields(identity.pid);
  if (stat === null) return true;
  const [state, ticks] = [stat[0], stat[19]];
  if (state === 'Z' || state === 'X') return false;
  return identity.start_ticks === null || ticks === identity.start_ticks;
}

/** Signal 0 asks without signalling; EPERM means that the process is there and is another user's. */
function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bootId(): string | null {
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

function startTicks(pid: number): string | null {
  return statFields(pid)?.[19] ?? null;
}

/** Fields 3 and on of /proc/<pid>/stat: state first, start time at index 19. Field 2, the command's name, may itself
 * hold spaces and brackets, hence the cut behind the last bracket. */
function statFields(pid: number): string[] | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** @file A lock file between processes: created with O_EXCL, it says who holds it.
 * A lock whose process is gone (killed, rebooted, its pid now another's) is taken over without asking; one of another
 * host is respected, since nobody here can tell. Takeovers queue behind a second O_EXCL file, so that of two processes
 * that find the same dead lock one removes it and the other meets the new holder, never the reverse.
 */
import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** A lock or guard that cannot be read may be half a millisecond old; after this it is debris. */
const GRACE_MS = 5_000;

/** What a lock file says. */
export interface LockHolder extends ProcessIdentity {
  started_at: string;
  /** The cluster job in which the holder runs. */
  slurm_job?: string;
}

export interface LockOptions {
  /** Kept in the lock beside who holds it. */
  facts?: Pick<LockHolder, 'slurm_job'>;
  /** Whether a holder still holds. Default: unless its process is known to be gone. */
  isHeld?: (holder: LockHolder) => boolean | Promise<boolean>;
}

export interface FileLock {
  readonly path: string;
  /** Whether the file still says that it is ours; false once someone took it over or removed it. */
  isOurs(): boolean;
  /** Removes the lock if it is still ours; safe to call twice. */
  release(): void;
}

/** Releases what is still held when the process ends: one listener for all locks. */
const releases = new Set<() => void>();
process.on('exit', () => {
  for (const release of releases) release();
});

/** Takes the lock `path`, whose folder exists, or says who holds it. Throws what the file system says. */
export async function tryLock(
  path: string,
  { facts = {}, isHeld = isAliveOrElsewhere }: LockOptions = {},
): Promise<{ lock: FileLock } | { holder: LockHolder }> {
  const content: LockHolder = { ...ownIdentity(), started_at: new Date().toISOString(), ...facts };
  const text = `${JSON.stringify(content)}\n`;
  while (!createExclusive(path, text)) {
    const holder = readLock(path);
    if (holder === 'gone') continue;
    if (holder === 'unreadable') await sleep(100);
    else if (holder !== 'stale' && (await isHeld(holder))) return { holder };
    else await removeStale(path, isHeld);
  }
  const isOurs = () => readText(path) === text;
  const release = () => {
    releases.delete(release);
    if (isOurs()) unlinkIfThere(path);
  };
  releases.add(release);
  return { lock: { path, isOurs, release } };
}

/** 'gone' when it vanished meanwhile, 'unreadable' while its maker may still be writing it, 'stale' when it never
 * will be whole. */
function readLock(path: string): LockHolder | 'gone' | 'unreadable' | 'stale' {
  const text = readText(path);
  if (text === null) return 'gone';
  try {
    const content = JSON.parse(text) as LockHolder;
    if (Number.isInteger(content.pid) && typeof content.host === 'string') return content;
  } catch {
    // Not JSON: judged by its age below.
  }
  return isOld(path) ? 'stale' : 'unreadable';
}

const isAliveOrElsewhere = (holder: LockHolder): boolean => isAlive(holder) !== false;

/** Removes a dead lock under the guard, after judging it once more there. */
async function removeStale(path: string, isHeld: NonNullable<LockOptions['isHeld']>): Promise<void> {
  const guard = `${path}.takeover`;
  if (!createExclusive(guard, `${process.pid}\n`)) {
    if (isOld(guard)) unlinkIfThere(guard);
    else await sleep(50);
    return;
  }
  try {
    const holder = readLock(path);
    if (holder === 'gone' || holder === 'unreadable') return;
    if (holder === 'stale' || !(await isHeld(holder))) unlinkIfThere(path);
  } finally {
    unlinkIfThere(guard);
  }
}

function createExclusive(path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, text);
  } catch (error) {
    unlinkIfThere(path);
    throw error;
  } finally {
    closeSync(file);
  }
  return true;
}

function isOld(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > GRACE_MS;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

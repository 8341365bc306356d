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
}

export interface FileLock {
  readonly path: string;
  /** Removes the lock if it is still ours; safe to call twice. */
  release(): void;
}

/** Takes the lock `path`, whose folder exists, or says who holds it. Throws what the file system says. */
export async function tryLock(path: string): Promise<{ lock: FileLock } | { holder: LockHolder }> {
  const content: LockHolder = { ...ownIdentity(), started_at: new Date().toISOString() };
  const text = `${JSON.stringify(content)}\n`;
  while (!createExclusive(path, text)) {
    const holder = readLock(path);
    if (holder === 'gone') continue;
    if (holder === 'unreadable') await sleep(100);
    else if (isHeld(holder)) return { holder };
    else await removeStale(path);
  }
  const release = () => {
    process.off('exit', release);
    if (readText(path) === text) unlinkIfThere(path);
  };
  process.on('exit', release);
  return { lock: { path, release } };
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

const isHeld = (lock: LockHolder | 'stale'): lock is LockHolder => lock !== 'stale' && isAlive(lock) !== false;

/** Removes a dead lock under the guard, after judging it once more there. */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  if (!createExclusive(guard, `${process.pid}\n`)) {
    if (isOld(guard)) unlinkIfThere(guard);
    else await sleep(50);
    return;
  }
  try {
    const holder = readLock(path);
    if (holder !== 'gone' && holder !== 'unreadable' && !isHeld(holder)) unlinkIfThere(path);
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

/** @file Files that are either whole or not there: temp file, fsync, rename.
 * What every reader of a sweep relies on: run.json, plan.json, fit.json, checkpoints and exports never show half
 * of themselves, whatever kills the writer. The temp file lies in the target's folder (a rename does not cross file
 * systems), starts with a dot and ends in `.tmp`; a failure removes it, a kill leaves it to `removeTempFiles`.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { storageError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { namesIn } from './paths.ts';

export type Write = (chunk: string | Uint8Array) => void;

export interface AtomicOptions {
  /** Default true. False skips the fsync, for files that can be made again: after a power cut they may be empty. */
  durable?: boolean;
}

const CHUNK_BYTES = 1 << 20;

/** Writes `data` to `path`, replacing what was there, or changes nothing and throws `storage`. Makes the folder. */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicOptions = {}): void {
  writeAtomic(path, (write) => write(data), options);
}

/** `value` as indented JSON with a final newline, written as `writeFileAtomic` does. */
export function writeJsonAtomic(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** As `writeFileAtomic`, for content that is too large to hold: `produce` is called once with a function that takes
 * the content piece by piece. Where `produce` throws, nothing is written and its error goes on. */
export function writeAtomic(path: string, produce: (write: Write) => void, options: AtomicOptions = {}): void {
  const isDurable = options.durable ?? true;
  const dir = dirname(path);
  // The pid alone would not do: containers reuse it, and two hosts may share the folder.
  const temp = join(dir, `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    makeFolder(dir);
    const file = openSync(temp, 'wx');
    try {
      writeChunks(file, produce);
      if (isDurable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temp, path);
  } catch (error) {
    removeIfPossible(temp);
    throw storageError(error, path);
  }
  if (isDurable) syncFolder(dir);
}

/** Writes all of `bytes` to the open file; a single call of the system may write less. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** Removes the temp files that a killed writer left in `dir`: all, or those of the files `of`. Only for the one writer of
 * the folder, or of these files. */
export function removeTempFiles(dir: string, of: readonly string[] = ['']): void {
  for (const name of namesIn(dir)) {
    if (name.endsWith('.tmp') && of.some((file) => name.startsWith(`.${file}`)))
      rmSync(join(dir, name), { force: true });
  }
}

/** After a failure, whose own error says more than one from here could. */
function removeIfPossible(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or the disk refuses this as well.
  }
}

/** Gathers small pieces into writes of about a megabyte. */
function writeChunks(file: number, produce: (write: Write) => void): void {
  let pending: Uint8Array[] = [];
  let size = 0;
  const flush = () => {
    writeFully(file, pending.length === 1 ? (pending[0] as Uint8Array) : Buffer.concat(pending, size));
    pending = [];
    size = 0;
  };
  produce((chunk) => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    pending.push(bytes);
    size += bytes.length;
    if (size >= CHUNK_BYTES) flush();
  });
  if (size > 0) flush();
}

/** Makes the rename itself durable. Systems that cannot open a folder (Windows) do without. */
function syncFolder(dir: string): void {
  try {
    const folder = openSync(dir, 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch {
    // The file is in place either way; only a power cut in this second could still undo the rename.
  }
}

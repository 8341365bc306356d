/** @file A corpus as files: train.bin, val.bin, tokenizer.json, summary.json.
 * Written into a temporary folder beside their place and renamed, so that nobody ever sees half a corpus; a full or
 * read-only disk is a `storage` error that leaves nothing behind.
 */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { storageError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { tokenBytes } from './token-file.ts';

/** Runs `fill(dir)` on a new folder in `parent`, then `place(dir)`; the folder never outlives the call. */
export function throughTempFolder<T>(parent: string, fill: (dir: string) => T, place: (dir: string) => void): T {
  const dir = join(parent, `.tmp-${process.pid}-${randomUUID()}`);
  try {
    makeFolder(dir);
  } catch (error) {
    throw storageError(error, parent);
  }
  try {
    const result = fill(dir);
    place(dir);
    return result;
  } catch (error) {
    throw storageError(error, parent);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes `chunks` to `path` as a token file; returns its SHA-256 and its number of tokens. */
export function writeTokens(path: string, chunks: Iterable<Uint16Array>): { sha256: string; num_tokens: number } {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  let num_tokens = 0;
  try {
    for (const chunk of chunks) {
      const bytes = tokenBytes(chunk);
      hash.update(bytes);
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      num_tokens += chunk.length;
    }
  } finally {
    closeSync(file);
  }
  return { sha256: hash.digest('hex'), num_tokens };
}

/** Writes `value` to `path` as indented JSON. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Moves `names` from `dir` into `out_dir`, replacing files of the same name, in the order given. */
export function moveFiles(dir: string, out_dir: string, names: readonly string[]): void {
  for (const name of names) renameSync(join(dir, name), join(out_dir, name));
}

/** @file A folder with its parents. `mkdirSync` with `recursive` would do, but in Node 20 it never returns where the system says
 * "not found" under a parent that is there, as in /proc, and it says "not found" of a full disk (nodejs/node issue 42808).
 */
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Makes `dir` and what is missing above it; nothing where it is there. Throws what the file system says. */
export function makeFolder(dir: string): void {
  if (isFolder(dir)) return;
  const parent = path.dirname(dir);
  if (parent !== dir) makeFolder(parent);
  try {
    mkdirSync(dir);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(dir)) throw error;
  }
}

function isFolder(dir: string): boolean {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

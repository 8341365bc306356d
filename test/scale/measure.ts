/** @file Time and memory of a child process that runs the built program, for tests of scale.
 * Time is user CPU time, so that waiting for others does not count. A core that is shared or slow makes the same work
 * longer: `slowness` says by how much, from a fixed piece of work that is measured beside it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const REPORTER = fileURLToPath(new URL('./report-usage.mjs', import.meta.url));

/** What a process took. */
export interface Usage {
  status: number | null;
  stdout: string;
  stderr: string;
  /** User CPU time, s, all threads. */
  user_s: number;
  /** Largest resident set, MB. */
  max_mb: number;
}

/** Runs node with `args` in `folder`, which holds the corpus cache too. */
function measureNode(folder: string, args: readonly string[]): Usage {
  const file = path.join(folder, 'usage.json');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', REPORTER, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, SCALING_LAB_CACHE: path.join(folder, 'cache'), USAGE_FILE: file },
    maxBuffer: 2 ** 28,
  });
  const { user_us, max_kb } = JSON.parse(readFileSync(file, 'utf8')) as { user_us: number; max_kb: number };
  rmSync(file);
  return { status, stdout, stderr, user_s: user_us / 1e6, max_mb: max_kb / 1024 };
}

/** Runs the program with `args` in `folder`. */
export const measure = (folder: string, ...args: string[]): Usage => measureNode(folder, [CLI, ...args]);

/** User CPU time, s, of the fixed work on the core that the limits are stated for (2 GHz Xeon, half loaded). */
const REFERENCE_S = 0.65;

const WORK = `
  const runs = Array.from({ length: 10000 }, (_, i) => ({ id: 'run-' + i, numbers: Array.from({ length: 60 }, (_, j) => i / (j + 1)) }));
  for (let round = 0; round < 3; round++) JSON.parse(JSON.stringify(runs));`;

/** How many times as long as there this core takes for the same work just now; 1 at least. */
export function slowness(folder: string): number {
  return Math.max(1, measureNode(folder, ['-e', WORK]).user_s / REFERENCE_S);
}

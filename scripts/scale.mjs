/** @file The tests of scale with their numbers printed: ten thousand planned runs through plan, status, fit and sweep; a
 * million rows; ten thousand short runs through one worker, with the memory of both processes on the way. Linux only.
 * Usage: npm run build && node scripts/scale.mjs [--runs 10000]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10000' } } });
const folder = mkdtempSync(path.join(os.tmpdir(), 'scale-report-'));
const report = path.join(folder, 'report.txt');
const { status, stdout } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/scale', '--no-color', '--no-file-parallelism'],
  {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SCALE_RUNS: values.runs, SCALE_REPORT: report },
  },
);
if (existsSync(report)) process.stdout.write(readFileSync(report, 'utf8'));
if (status !== 0) process.stdout.write(stdout);
rmSync(folder, { recursive: true });
process.exitCode = status ?? 1;

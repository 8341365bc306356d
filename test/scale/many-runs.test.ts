/** @file Ten thousand planned runs, nearly all of them trained: the verbs in seconds of CPU and megabytes.
 * The limits hold on a core as fast as the reference of measure.ts; a slower or more loaded one gets as much longer as it
 * takes for a fixed piece of work. `fit` makes a dozen fits, with 200 replicates and more; `sweep` trains, too. With SCALE_REPORT set the numbers are written there.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readMetrics } from '../../src/log/log.ts';
import { type ManyRuns, makeManyRuns, TRUE_LAW, writeLongLog } from '../support/many-runs.ts';
import { temporaryFolder } from '../support/training.ts';
import { measure, slowness, type Usage } from './measure.ts';

const MAX_MB = 300;

const { folder, remove } = temporaryFolder();
let many: ManyRuns;
let slow: number;

beforeAll(async () => {
  mkdirSync(path.join(folder, 'cache'));
  many = await makeManyRuns(folder);
  slow = slowness(folder);
  return remove;
}, 600_000);

/** Runs a verb; its time is compared with `seconds` on the reference core. */
function check(seconds: number, megabytes: number, ...args: string[]): Usage {
  const usage = measure(folder, ...args);
  const { user_s, max_mb, status, stderr } = usage;
  report(
    `${args[0]}: ${user_s.toFixed(2)} s user, ${max_mb.toFixed(0)} MB (work ${slow.toFixed(2)} times the reference)`,
  );
  expect(stderr).not.toContain('error');
  expect(status).toBe(0);
  expect(user_s).toBeLessThan(seconds * slow);
  expect(max_mb).toBeLessThan(megabytes);
  return usage;
}

function report(line: string): void {
  const file = process.env['SCALE_REPORT'];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

describe('ten thousand planned runs, 9,990 of them finished', () => {
  it('plan: within 3 s and 300 MB, and prints no table that nobody reads', () => {
    const { stdout } = check(3, MAX_MB, 'plan', many.config);
    expect(stdout).toContain('10000 runs, 9990 finished');
    expect(stdout).toContain('and 9500 more runs (--json lists all)');
    expect(stdout.split('\n').length).toBeLessThan(600);
  });

  it('status: within 3 s and 300 MB', () => {
    const { stdout } = check(3, MAX_MB, 'status', many.dir);
    expect(stdout).toMatch(/many\s+10000\s+10\s+9990/);
  });

  it('fit: finds the law under the runs', () => {
    const { stdout } = check(5, MAX_MB, 'fit', many.dir, '--json');
    const { params, num_points } = JSON.parse(stdout) as { params: Record<string, number>; num_points: number };
    expect(num_points).toBe(9990);
    for (const name of ['E', 'alpha', 'beta'] as const) expect(params[name]! / TRUE_LAW[name]).toBeCloseTo(1, 1);
  });

  it('sweep: starts, trains the ten that are left and ends', () => {
    const { stdout } = check(8, MAX_MB, 'sweep', many.config, '--backend', 'wasm', '--workers', '1', '--quiet');
    expect(stdout).toContain('10000 finished, 9990 done before');
  });
});

describe('a run of a million rows', () => {
  it('is read within 2 s', () => {
    const { folder: dir, remove: removeLog } = temporaryFolder();
    onTestFinished(removeLog);
    writeLongLog(dir, 1_000_000);
    const before = process.cpuUsage();
    let rows = 0;
    let last = 0;
    for (const { step } of readMetrics(dir)) {
      rows += 1;
      last = step;
    }
    const user_s = process.cpuUsage(before).user / 1e6;
    report(`1e6 rows: ${user_s.toFixed(2)} s user`);
    expect([rows, last]).toEqual([1_000_000, 1_000_000]);
    expect(user_s).toBeLessThan(2 * slow);
  });
});

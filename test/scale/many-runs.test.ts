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
/** How slow the core was when last asked. */
let pace: number;

beforeAll(async () => {
  mkdirSync(path.join(folder, 'cache'));
  many = await makeManyRuns(folder);
  pace = slowness(folder);
  return remove;
}, 600_000);

/** Attempts at a time: others on the machine come and go, and what is known of the pace is that before and after. */
const ATTEMPTS = 3;

/** User CPU time of `work`, s, with how slow the core is beside it; again where it takes longer than `seconds` there. */
function timed<T extends { user_s: number }>(seconds: number, attempts: number, work: () => T): T & { slow: number } {
  for (let attempt = 1; ; attempt++) {
    const before = pace;
    const done = work();
    pace = slowness(folder);
    const slow = Math.max(before, pace);
    if (done.user_s < seconds * slow || attempt === attempts) return { ...done, slow };
  }
}

/** Runs a verb; its time is compared with `seconds` on the reference core. */
function check(seconds: number, args: readonly string[], attempts = ATTEMPTS): Usage {
  const usage = timed(seconds, attempts, () => measure(folder, ...args));
  const { user_s, max_mb, status, stderr, slow } = usage;
  report(
    `${args[0]}: ${user_s.toFixed(2)} s user, ${max_mb.toFixed(0)} MB (work ${slow.toFixed(2)} times the reference)`,
  );
  expect(stderr).not.toContain('error');
  expect(status).toBe(0);
  expect(user_s).toBeLessThan(seconds * slow);
  expect(max_mb).toBeLessThan(MAX_MB);
  return usage;
}

function report(line: string): void {
  const file = process.env['SCALE_REPORT'];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

describe('ten thousand planned runs, 9,990 of them finished', () => {
  it('plan: within 3 s and 300 MB, and prints no table that nobody reads', () => {
    const { stdout } = check(3, ['plan', many.config]);
    expect(stdout).toContain('10000 runs, 9990 finished');
    expect(stdout).toContain('and 9500 more runs (--json lists all)');
    expect(stdout.split('\n').length).toBeLessThan(600);
  });

  it('status: within 3 s and 300 MB', () => {
    const { stdout } = check(3, ['status', many.dir]);
    expect(stdout).toMatch(/many\s+10000\s+10\s+9990/);
  });

  it('fit: finds the law under the runs', () => {
    const { stdout } = check(5, ['fit', many.dir, '--json']);
    const { params, num_points } = JSON.parse(stdout) as { params: Record<string, number>; num_points: number };
    expect(num_points).toBe(9990);
    for (const name of ['E', 'alpha', 'beta'] as const) expect(params[name]! / TRUE_LAW[name]).toBeCloseTo(1, 1);
  });

  it('sweep: starts, trains the ten that are left and ends', () => {
    // The second time nothing would be left.
    const { stdout } = check(8, ['sweep', many.config, '--backend', 'wasm', '--workers', '1', '--quiet'], 1);
    expect(stdout).toContain('10000 finished, 9990 done before');
  });
});

describe('a run of a million rows', () => {
  it('is read within 2 s', () => {
    const { folder: dir, remove: removeLog } = temporaryFolder();
    onTestFinished(removeLog);
    writeLongLog(dir, 1_000_000);
    const { rows, last, user_s, slow } = timed(2, ATTEMPTS, () => {
      const before = process.cpuUsage();
      let [rows, last] = [0, 0];
      for (const { step } of readMetrics(dir)) {
        rows += 1;
        last = step;
      }
      return { rows, last, user_s: process.cpuUsage(before).user / 1e6 };
    });
    report(`1e6 rows: ${user_s.toFixed(2)} s user`);
    expect([rows, last]).toEqual([1_000_000, 1_000_000]);
    expect(user_s).toBeLessThan(2 * slow);
  });
});

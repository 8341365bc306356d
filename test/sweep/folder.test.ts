/** @file A sweep's folder: what an earlier sweep left, the order of training, the plan file. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planPath, recordPath, writeJsonAtomic } from '../../src/log/log.ts';
import type { RunRecord, RunStatus } from '../../src/log/record.ts';
import { endedRecord } from '../../src/sweep/end-record.ts';
import { describeWork, findRuns, longestFirst, needsWork, writePlan } from '../../src/sweep/folder.ts';
import { type TinyRun, tinyPlan, tinyRun } from '../support/sweep-plan.ts';

/** Leaves a run.json of `run` in its folder under `folder`. */
function leaveRecord(folder: string, run: TinyRun, changes: Partial<RunRecord>): void {
  const run_dir = join(folder, run.run_id);
  const record = { ...endedRecord(tinyRun(run), run_dir, 'failed', 'why'), ...changes };
  writeJsonAtomic(recordPath(run_dir), record);
}

const newFolder = () => mkdtempSync(join(tmpdir(), 'sweep-folder-'));

describe('findRuns', () => {
  it('finds what an earlier sweep left, and what is still to do', () => {
    const folder = newFolder();
    const statuses: RunStatus[] = ['finished', 'diverged', 'failed', 'running', 'preempted', 'cancelled'];
    for (const status of statuses) leaveRecord(folder, { run_id: status }, { status });
    const found = findRuns(tinyPlan([...statuses, 'new']), folder);
    const todo = found.filter(needsWork).map((run) => run.run.run_id);
    expect(todo).toEqual(['failed', 'running', 'preempted', 'cancelled', 'new']);
    expect(describeWork(found).map((work) => work.status)).toEqual([...statuses, 'planned']);
  });

  it('refuses a plan that names a run twice, or a folder of another run', () => {
    const folder = newFolder();
    expect(() => findRuns(tinyPlan(['a', 'a']), folder)).toThrow('run_id a occurs twice');
    leaveRecord(folder, { run_id: 'a', config_hash: 'old' }, {});
    expect(() => findRuns(tinyPlan(['a']), folder)).toThrow("its config_hash is old, the plan's hash-of-a");
  });
});

describe('longestFirst', () => {
  const order = (runs: Parameters<typeof tinyPlan>[0], folder = newFolder()) =>
    longestFirst(findRuns(tinyPlan(runs), folder)).map((found) => found.run.run_id);

  it('orders by minutes where all are estimated, else by FLOPs; ties by name', () => {
    const a = { run_id: 'a', flops: 9, minutes: 1 };
    const b = { run_id: 'b', flops: 1, minutes: 5 };
    expect(order([a, b])).toEqual(['b', 'a']);
    expect(order([a, { ...b, minutes: null }])).toEqual(['a', 'b']);
    expect(order(['z', 'y', 'x'])).toEqual(['x', 'y', 'z']);
  });

  it('counts only what is left of a run', () => {
    const folder = newFolder();
    const long = { run_id: 'long', flops: 10, num_steps: 10 };
    leaveRecord(folder, long, { status: 'cancelled', step: 9 });
    expect(order([long, { run_id: 'short', flops: 5, num_steps: 10 }], folder)).toEqual(['short', 'long']);
  });
});

describe('writePlan', () => {
  it('keeps the runs of earlier plans', () => {
    const folder = newFolder();
    expect(writePlan(tinyPlan(['a', 'b']), folder)).toBe(0);
    expect(writePlan(tinyPlan(['c', 'b']), folder)).toBe(1);
    expect(writePlan(tinyPlan(['a']), folder)).toBe(2);
  });

  it('does not overwrite a plan that it cannot read', () => {
    const folder = newFolder();
    writeFileSync(planPath(folder), '{"runs":');
    expect(() => writePlan(tinyPlan(['a']), folder)).toThrow('plan.json');
  });
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planPath } from '../../src/log/log.ts';
import type { RunStatus } from '../../src/log/record.ts';
import { endRecord } from '../../src/sweep/end-record.ts';
import { describeWork, findRuns, longestFirst, needsWork, writePlan } from '../../src/sweep/folder.ts';
import { tinyPlan, tinyRun } from '../support/sweep-plan.ts';

const newFolder = () => mkdtempSync(join(tmpdir(), 'sweep-folder-'));

describe('findRuns', () => {
  it('finds what an earlier sweep left, and what is still to do', () => {
    const folder = newFolder();
    const statuses: RunStatus[] = ['finished', 'diverged', 'failed', 'running', 'preempted', 'cancelled'];
    for (const status of statuses) endRecord(tinyRun({ run_id: status }), join(folder, status), status, 'why');
    const found = findRuns(tinyPlan([...statuses, 'new']), folder);
    const todo = found.filter(needsWork).map((run) => run.run.run_id);
    expect(todo).toEqual(['failed', 'running', 'preempted', 'cancelled', 'new']);
    expect(describeWork(found).map((work) => work.status)).toEqual([...statuses, 'planned']);
  });

  it('refuses a plan that names a run twice, or a folder of another run', () => {
    const folder = newFolder();
    expect(() => findRuns(tinyPlan(['a', 'a']), folder)).toThrow('run_id a occurs twice');
    endRecord(tinyRun({ run_id: 'a', config_hash: 'old' }), join(folder, 'a'), 'failed', 'why');
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
    endRecord(tinyRun(long), join(folder, 'long'), 'cancelled', '');
    const path = join(folder, 'long', 'run.json');
    const record = { ...findRuns(tinyPlan([long]), folder)[0]?.record, step: 9 };
    writeFileSync(path, JSON.stringify(record));
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

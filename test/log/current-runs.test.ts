/** @file Runs of earlier plans stay in the folder, and out of the study's fits. */
import { describe, expect, it } from 'vitest';
import { currentRuns, type readSweep } from '../../src/log/log.ts';
import { makeRecord } from '../support/run-record.ts';

type Sweep = ReturnType<typeof readSweep>;
const records = ['a', 'b', 'old'].map((run_id) => makeRecord({ run_id }));
const plan = (totals?: object) =>
  ({
    schema_version: 1,
    runs: records.map(({ run_id }) => ({ run_id })),
    ...(totals ? { totals } : {}),
  }) as Sweep['plan'];

describe('currentRuns', () => {
  it('are as many of the plan’s first as its totals say', () => {
    const { records: own, num_earlier } = currentRuns({ plan: plan({ num_runs: 2 }), records });
    expect(own.map(({ run_id }) => run_id)).toEqual(['a', 'b']);
    expect(num_earlier).toBe(1);
  });

  it('leave out a run that no plan has', () => {
    const { num_earlier } = currentRuns({ plan: plan(), records: [...records, makeRecord({ run_id: 'foreign' })] });
    expect(num_earlier).toBe(1);
  });

  it('are all where there is no plan', () => {
    expect(currentRuns({ plan: null, records })).toEqual({ records, num_earlier: 0 });
  });
});

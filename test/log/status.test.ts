/** @file A sweep's status as data and as a table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statusLines, sweepStatus } from '../../src/log/log.ts';
import { makeRecord, makeSweepFolder } from '../support/run-record.ts';

const flops = (exact: number) => ({ six_n_total: exact, six_n_non_embedding: exact, exact });

function mixedSweep(): string {
  const records = [
    makeRecord({ run_id: 'done', flops: flops(4e12), updated_at: '2026-01-02T03:00:00.000Z' }),
    makeRecord({
      run_id: 'half',
      status: 'running',
      step: 512,
      flops: flops(2e12),
      val_loss: null,
      updated_at: '2026-01-02T04:00:00.000Z',
    }),
    makeRecord({
      run_id: 'bad',
      group: 'rates',
      status: 'diverged',
      step: 256,
      flops: flops(4e12),
      error: 'loss is nan\n\u001b[31mat step 256',
    }),
  ];
  const planned = [
    ...records.map(({ run_id, group }) => ({ run_id, group })),
    { run_id: 'later', group: 'rates', flops: flops(10e12) },
  ];
  return makeSweepFolder(records, planned);
}

describe('sweepStatus', () => {
  it('counts states and weighs the compute done', () => {
    const status = sweepStatus(mixedSweep());
    expect(status).toMatchObject({
      schema_version: 1,
      sweep: 'pilot',
      has_plan: true,
      num_runs: 4,
      counts: { planned: 1, running: 1, finished: 1, failed: 0, diverged: 1, preempted: 0, cancelled: 0 },
      flops_done: 4e12 + 1e12 + 1e12,
      flops_total: 20e12,
      share_done: 0.3,
      updated_at: '2026-01-02T04:00:00.000Z',
      running: [{ run_id: 'half', step: 512, num_steps: 1024, train_loss: 0.8312 }],
      failures: [{ run_id: 'bad', status: 'diverged', step: 256, reason: 'loss is nan\n\u001b[31mat step 256' }],
    });
    expect(status.groups.map(({ group, num_runs, flops_done }) => [group, num_runs, flops_done])).toEqual([
      ['isoflop', 2, 5e12],
      ['rates', 2, 1e12],
    ]);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });

  it('works without a plan, and with nothing at all', () => {
    const some = sweepStatus(makeSweepFolder([makeRecord()]));
    expect(some).toMatchObject({ has_plan: false, num_runs: 1, share_done: 1 });
    const none = sweepStatus(makeSweepFolder([]));
    expect(none).toMatchObject({ num_runs: 0, share_done: null, updated_at: null, groups: [] });
    expect(statusLines(none, { nowMs: 0 }).join('\n')).toContain('no run has started');
  });

  it('counts a run once that the plan names twice', () => {
    expect(sweepStatus(makeSweepFolder([], [{ run_id: 'a' }, { run_id: 'a' }])).num_runs).toBe(1);
  });
});

describe('statusLines', () => {
  it('shows groups, total, age, what runs and what failed', () => {
    const dir = mixedSweep();
    writeFileSync(join(dir, 'done', 'metrics.jsonl'), '');
    const nowMs = Date.parse('2026-01-02T04:03:20.000Z');
    const lines = statusLines(sweepStatus(dir), { nowMs });
    expect(lines.slice(1)).toEqual([
      '',
      'group    runs  planned  running  finished  diverged  FLOPs done      of  share',
      'isoflop     2        0        1         1         0        5e12    6e12  83.3%',
      'rates       2        1        0         0         1        1e12  1.4e13   7.1%',
      'total       4        1        1         1         1        6e12    2e13  30.0%',
      '',
      'last change 2026-01-02T04:00:00.000Z (3 min 20 s ago)',
      '',
      'running',
      '  half  step 512 of 1024  train loss 0.8312',
      '',
      'without a result',
      '  bad  diverged at step 256: loss is nan [31mat step 256',
    ]);
  });

  it('cuts long lists', () => {
    const records = Array.from({ length: 30 }, (_, i) => makeRecord({ run_id: `r${i}`, status: 'failed', error: 'x' }));
    const lines = statusLines(sweepStatus(makeSweepFolder(records)), { nowMs: 0, maxListed: 5 });
    expect(lines.filter((line) => line.includes('failed at step'))).toHaveLength(5);
    expect(lines.at(-1)).toBe('  and 25 more (--json lists all)');
  });
});

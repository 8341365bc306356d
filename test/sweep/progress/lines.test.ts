/** @file Progress without a terminal: lines, failures only, NDJSON. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { RunProgress } from '../../../src/sweep/messages.ts';
import type { SweepEvent } from '../../../src/sweep/progress/events.ts';
import { type ProgressKind, startProgress } from '../../../src/sweep/progress/progress.ts';

const at = (step: number): RunProgress => ({
  step,
  num_steps: 100,
  tokens: step,
  train_loss: 3,
  val_loss: null,
  tokens_per_second: 10,
});

const EVENTS: SweepEvent[] = [
  {
    event: 'sweep_started',
    out_dir: 'runs/x',
    num_workers: 1,
    num_to_do: 2,
    runs: ['a', 'b'].map((run_id) => ({
      run_id,
      flops: 1e9,
      cost: 1,
      num_steps: 100,
      status: 'planned',
      done_steps: 0,
    })),
  },
  { event: 'worker_ready', worker: 0, pid: 7, backend: 'wasm', device: 'a cpu', placed_on: null, seconds: 1.25 },
  { event: 'run_started', run_id: 'a', worker: 0, from_step: 0, attempt: 1 },
  ...Array.from(
    { length: 100 },
    (_, i): SweepEvent => ({
      event: 'run_progress',
      run_id: 'a',
      worker: 0,
      progress: at(i + 1),
    }),
  ),
  { event: 'run_ended', run_id: 'a', worker: 0, status: 'finished', val_loss: 2.34567, seconds: 12.34 },
  { event: 'run_started', run_id: 'b', worker: 0, from_step: 0, attempt: 1 },
  {
    event: 'run_failed',
    run_id: 'b',
    worker: 0,
    message: 'worker crashed: signal SIGSEGV',
    stack: null,
    will_retry: true,
    seconds: 2,
  },
  { event: 'run_started', run_id: 'b', worker: 0, from_step: 5, attempt: 2 },
  { event: 'sweep_stopping', reason: 'cancelled', signal: 'SIGINT' },
  { event: 'run_ended', run_id: 'b', worker: 0, status: 'cancelled', val_loss: null, seconds: 1 },
  { event: 'sweep_ended', counts: { finished: 1, cancelled: 1 }, seconds: 20 },
];

function show(kind: ProgressKind): string[] {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  const progress = startProgress(kind, { stream, is_color: false });
  for (const event of EVENTS) progress.show(event);
  progress.close();
  return String(stream.read() ?? '')
    .trim()
    .split('\n');
}

describe('startProgress', () => {
  it('lines: one an event, one each tenth of the sweep, none a step', () => {
    const lines = show('lines').map((line) => line.replace(/, about .* left/, ', about T left'));
    expect(lines).toMatchInlineSnapshot(`
      [
        "sweep in runs/x: 2 runs, 2e9 FLOPs, 1 worker",
        "worker 1 ready after 1.3 s: wasm, a cpu",
        "a started on worker 1",
        "10% of the sweep's FLOPs done, about T left",
        "20% of the sweep's FLOPs done, about T left",
        "30% of the sweep's FLOPs done, about T left",
        "40% of the sweep's FLOPs done, about T left",
        "50% of the sweep's FLOPs done, about T left",
        "a finished, loss 2.3457, 12.3 s (1/2)",
        "b started on worker 1",
        "b failed after 2 s; trying again: worker crashed: signal SIGSEGV",
        "b started on worker 1, from about step 5, attempt 2",
        "stopping on SIGINT: the runs in flight are checkpointed; Ctrl-C again kills",
        "b cancelled, 1 s (1/2)",
        "sweep ended after 20 s: 1 finished, 1 cancelled",
      ]
    `);
  });

  it('quiet: failures only', () => {
    expect(show('quiet')).toEqual(['b failed after 2 s; trying again: worker crashed: signal SIGSEGV']);
  });

  it('ndjson: every event as it is, with its version and time', () => {
    const objects = show('ndjson').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects).toHaveLength(EVENTS.length);
    objects.forEach(({ schema_version, time, ...event }, i) => {
      expect(schema_version).toBe(1);
      expect(new Date(String(time)).toISOString()).toBe(time);
      expect(event).toEqual(EVENTS[i]);
    });
  });

  it('survives a reader that goes away', async () => {
    const stream = new PassThrough();
    const progress = startProgress('lines', { stream, is_color: false });
    stream.destroy();
    for (const event of EVENTS) progress.show(event);
    progress.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(stream.destroyed).toBe(true);
  });
});

/** @file Sweeps whose workers are placed on cards: real processes that train nothing, on cards that are only names. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readRecord } from '../../src/log/log.ts';
import { runSweep, type SweepEvent, type SweepOptions } from '../../src/sweep/sweep.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';
import { type TinyRun, tinyPlan } from '../support/sweep-plan.ts';

interface Start {
  run_id: string;
  pid: number;
  card: string | null;
  neighbours: number[];
}

async function sweep(runs: (TinyRun | string)[], changes: Partial<SweepOptions> = {}) {
  const cache_dir = mkdtempSync(join(tmpdir(), 'sweep-devices-'));
  const out_dir = join(cache_dir, 'out');
  const events: SweepEvent[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) events.push(JSON.parse(line) as SweepEvent);
      done();
    },
  });
  const result = await runSweep({
    plan: tinyPlan(runs),
    out_dir,
    backend: 'cuda',
    cache_dir,
    progress: 'ndjson',
    is_color: false,
    stream,
    worker_url: new URL('../support/scripted-worker.mjs', import.meta.url),
    ...changes,
  });
  const read = (file: string) => {
    const path = join(cache_dir, file);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    return lines.map((line) => JSON.parse(line) as Start);
  };
  const [starts, workers] = [read('starts.jsonl'), read('workers.jsonl')];
  const failures = events.filter((event) => event.event === 'run_failed');
  const notes = events.flatMap((event) => (event.event === 'note' ? [event.message] : []));
  const ready = events.filter((event) => event.event === 'worker_ready');
  return {
    result,
    starts,
    workers,
    failures,
    notes,
    ready,
    recordOf: (run_id: string) => readRecord(join(out_dir, run_id)),
  };
}

const TWO_CARDS = { devices: [0, 1], slots_per_device: 2 } as const;

describe('a sweep on cards', () => {
  it('starts a worker a slot, each bound to its card, the longest runs first', async () => {
    standIn('eight');
    const runs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i) => ({
      run_id: `ok-${name}`,
      flops: i + 1,
      num_steps: 100,
    }));
    const { result, starts, workers, ready } = await sweep(runs, { devices: [2, 5], slots_per_device: 2 });
    expect(result.counts).toEqual({ finished: 6 });
    expect(ready.map(({ placed_on }) => placed_on).sort()).toEqual(['cuda:2', 'cuda:2', 'cuda:5', 'cuda:5']);
    expect(workers.map(({ card }) => card).sort()).toEqual(['2', '2', '5', '5']);
    const order = starts.map(({ run_id }) => run_id);
    expect(order.slice(0, 4).sort()).toEqual(['ok-c', 'ok-d', 'ok-e', 'ok-f']);
    expect(order.slice(4).sort()).toEqual(['ok-a', 'ok-b']);
  });

  it('auto: one slot on the card that has room for one of these runs', async () => {
    standIn('busy');
    const runs = ['ok-a', 'ok-b'].map((run_id) => ({ run_id, memory_bytes: 20_000 * 2 ** 20 }));
    const { starts, notes } = await sweep(runs, { devices: 'auto' });
    expect(starts.map(({ card }) => card)).toEqual(['1', '1']);
    expect(new Set(starts.map(({ pid }) => pid)).size).toBe(1);
    expect(notes).toEqual([]);
  });

  it('starts nothing on a machine whose driver is broken', async () => {
    standIn('broken');
    await expect(sweep(['ok'], { devices: 'auto' })).rejects.toMatchObject({
      exit: 'no_backend',
      message: expect.stringContaining('exit code 9'),
    });
  });
});

describe('a run that finds no memory', () => {
  it.each(['oom-once', 'oom-crash-once'])('is tried again when its card has no other worker: %s', async (name) => {
    standIn('eight');
    const others = ['a', 'b', 'c', 'd', 'e'].map((letter) => ({ run_id: `ok-${letter}`, flops: 5, num_steps: 150 }));
    const { result, starts, failures, recordOf } = await sweep([{ run_id: name, flops: 9 }, ...others], TWO_CARDS);
    expect(result.counts).toEqual({ finished: 6 });
    const [first, again] = starts.filter(({ run_id }) => run_id === name);
    expect(again).toMatchObject({ card: first?.card, neighbours: [] });
    expect(again?.pid).not.toBe(first?.pid);
    expect(starts.at(-1)?.run_id).toBe(name);
    // The same question would have found neighbours while the card was shared.
    expect(starts.some(({ neighbours }) => neighbours.length > 0)).toBe(true);
    expect(failures).toMatchObject([{ run_id: name, will_retry: true }]);
    expect(failures[0]?.message).toContain(`out of memory on cuda:${first?.card}`);
    expect(failures[0]?.message).toContain(`tried once more, alone on cuda:${first?.card}`);
    expect(recordOf(name)).toMatchObject({ status: 'finished', error: null });
  });

  it('fails the second time, with advice', async () => {
    standIn('eight');
    const { result, starts, failures, recordOf } = await sweep([{ run_id: 'oom-always', flops: 9 }, 'ok'], TWO_CARDS);
    expect(result.counts).toEqual({ finished: 1, failed: 1 });
    expect(starts.filter(({ run_id }) => run_id === 'oom-always')).toHaveLength(2);
    expect(failures.map(({ will_retry }) => will_retry)).toEqual([true, false]);
    const error = recordOf('oom-always')?.error;
    expect(error).toContain('OOM when allocating tensor with shape[4096,50257]');
    expect(error).toContain('lower train.batch_tokens (32 tokens a step now)');
    expect(error).toContain('--slots-per-device');
  });

  it('waits its turn: several are alone one after the other', async () => {
    standIn('one');
    const runs = ['oom-once-a', 'oom-once-b', 'oom-once-c'].map((run_id) => ({ run_id, num_steps: 50 }));
    const { result, starts } = await sweep(runs, { devices: [0], slots_per_device: 3 });
    expect(result.counts).toEqual({ finished: 3 });
    const again = starts.slice(3);
    expect(again.map(({ run_id }) => run_id).sort()).toEqual(['oom-once-a', 'oom-once-b', 'oom-once-c']);
    expect(again.flatMap(({ neighbours }) => neighbours)).toEqual([]);
  });

  it('is also tried alone where no devices were given', async () => {
    const runs = [{ run_id: 'oom-once', flops: 9 }, 'ok-a', 'ok-b'];
    const { result, failures, starts } = await sweep(runs, { backend: 'auto', workers: 2 });
    expect(result.counts).toEqual({ finished: 3 });
    expect(failures[0]?.message).toContain('alone on this machine');
    expect(starts.at(-1)).toMatchObject({ run_id: 'oom-once', card: null, neighbours: [] });
  });
});

describe('a card that gives out', () => {
  it('leaves its runs to the others', async () => {
    withoutNvidiaSmi();
    const { result, starts } = await sweep(['ok-a', 'ok-b', 'ok-c'], { devices: [9, 0], slots_per_device: 1 });
    expect(result.counts).toEqual({ finished: 3 });
    expect(new Set(starts.map(({ card }) => card))).toEqual(new Set(['0']));
  });

  it('leaves them also those that waited to be alone on it', async () => {
    withoutNvidiaSmi();
    const runs = ['oom-once-a', 'oom-once-b'].map((run_id) => ({ run_id, num_steps: 50 }));
    const { result, starts } = await sweep(runs, { devices: [8, 0], slots_per_device: 1 });
    expect(result.counts).toEqual({ finished: 2 });
    expect(starts.filter(({ card }) => card === '8').length).toBeLessThanOrEqual(1);
  });

  it('replaces the worker of a run that failed on a GPU, whose context may be broken', async () => {
    standIn('one');
    const runs = [{ run_id: 'throw', flops: 9 }, 'ok'];
    const { result, starts } = await sweep(runs, { devices: [0], slots_per_device: 1 });
    expect(result.counts).toEqual({ failed: 1, finished: 1 });
    expect(new Set(starts.map(({ pid }) => pid)).size).toBe(2);
  });
});

/** @file The supervisor with scripted workers: order, retries, silence, full disks. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readPlan, readRecord } from '../../src/log/log.ts';
import { LOCK_FILE } from '../../src/sweep/lock.ts';
import { runSweep, type SweepEvent, type SweepOptions } from '../../src/sweep/sweep.ts';
import { type TinyRun, tinyPlan } from '../support/sweep-plan.ts';

const WORKER = new URL('../support/scripted-worker.mjs', import.meta.url);

/** Runs a sweep of scripted workers; `events` are what it told on stderr, `starts` the runs in the order they began. */
function startSweep(runs: (TinyRun | string)[], changes: Partial<SweepOptions> = {}) {
  const cache_dir = mkdtempSync(join(tmpdir(), 'sweep-'));
  const out_dir = changes.out_dir ?? join(cache_dir, 'out');
  const events: SweepEvent[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) events.push(JSON.parse(line) as SweepEvent);
      done();
    },
  });
  const result = runSweep({
    plan: tinyPlan(runs),
    out_dir,
    backend: 'auto',
    workers: 1,
    cache_dir,
    progress: 'ndjson',
    is_color: false,
    stream,
    worker_url: WORKER,
    ...changes,
  });
  const starts = () => {
    const path = join(cache_dir, 'starts.jsonl');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as { run_id: string; pid: number });
  };
  const statusOf = (run_id: string) => readRecord(join(out_dir, run_id))?.status ?? null;
  return { result, out_dir, events, starts, statusOf };
}

const of = <E extends SweepEvent['event']>(events: SweepEvent[], name: E) =>
  events.filter((event): event is Extract<SweepEvent, { event: E }> => event.event === name);

/** Waits for an event to be told. */
async function until(events: SweepEvent[], name: SweepEvent['event'], count = 1): Promise<void> {
  while (of(events, name).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('runSweep', () => {
  it('trains every run, the costliest first, several in one worker', async () => {
    const runs = [
      { run_id: 'ok-small', flops: 1 },
      { run_id: 'ok-large', flops: 9 },
      { run_id: 'ok-middle', flops: 5 },
    ];
    const sweep = startSweep(runs);
    const result = await sweep.result;
    expect(result.counts).toEqual({ finished: 3 });
    expect(result.records.map((record) => record.run_id)).toEqual(['ok-small', 'ok-large', 'ok-middle']);
    expect(sweep.starts().map((start) => start.run_id)).toEqual(['ok-large', 'ok-middle', 'ok-small']);
    expect(new Set(sweep.starts().map((start) => start.pid)).size).toBe(1);
    expect(result.interrupted).toBeNull();
    expect(existsSync(join(sweep.out_dir, LOCK_FILE))).toBe(false);
    expect(readPlan(sweep.out_dir)?.runs).toHaveLength(3);
  });

  it('starts no more workers than there are runs', async () => {
    const sweep = startSweep(['ok-a', 'ok-b'], { workers: 5 });
    await sweep.result;
    expect(of(sweep.events, 'worker_ready')).toHaveLength(2);
  });

  it('goes on after a crash: the run is tried once more, in a new worker', async () => {
    const sweep = startSweep([{ run_id: 'crash-once', flops: 9 }, 'ok']);
    expect((await sweep.result).counts).toEqual({ finished: 2 });
    expect(sweep.starts().map((start) => start.run_id)).toEqual(['crash-once', 'crash-once', 'ok']);
    const [failure] = of(sweep.events, 'run_failed');
    expect(failure).toMatchObject({ run_id: 'crash-once', will_retry: true });
    expect(failure?.message).toContain('SIGSEGV');
    expect(readRecord(join(sweep.out_dir, 'crash-once'))).toMatchObject({ status: 'finished', error: null });
  });

  it('gives up a run that crashes again, writes why, and trains the others', async () => {
    const sweep = startSweep([{ run_id: 'crash-always', flops: 9 }, 'ok-a', 'ok-b'], { workers: 2 });
    expect((await sweep.result).counts).toEqual({ finished: 2, failed: 1 });
    const record = readRecord(join(sweep.out_dir, 'crash-always'));
    expect(record?.status).toBe('failed');
    expect(record?.error).toContain('signal SIGSEGV');
    expect(record?.error).toContain('out of luck');
    expect(record?.step).toBe(1);
    expect(sweep.starts().filter((start) => start.run_id === 'crash-always')).toHaveLength(2);
  });

  it('records an error with its stack and keeps the worker', async () => {
    const sweep = startSweep([{ run_id: 'throw', flops: 9 }, 'ok']);
    expect((await sweep.result).counts).toEqual({ failed: 1, finished: 1 });
    expect(readRecord(join(sweep.out_dir, 'throw'))?.error).toContain('at here');
    expect(of(sweep.events, 'worker_ready')).toHaveLength(1);
    expect(of(sweep.events, 'run_failed')[0]).toMatchObject({ message: 'a bug', will_retry: false });
  });

  it('kills a silent worker and fails its run', async () => {
    const sweep = startSweep([{ run_id: 'hang', flops: 9 }, 'ok'], { hang_seconds: 3, max_retries: 0 });
    expect((await sweep.result).counts).toEqual({ failed: 1, finished: 1 });
    expect(readRecord(join(sweep.out_dir, 'hang'))?.error).toContain('no sign of life for 3 s');
  });

  it('stops when the disk refuses twice in a row, and says so', async () => {
    const runs = [{ run_id: 'storage-a', flops: 9 }, { run_id: 'storage-b', flops: 8 }, 'ok'];
    const sweep = startSweep(runs);
    await expect(sweep.result).rejects.toMatchObject({ exit: 'storage', message: 'no space is left' });
    expect(sweep.starts()).toHaveLength(2);
    expect(of(sweep.events, 'sweep_ended')[0]?.counts).toEqual({ failed: 2, planned: 1 });
  });

  it.each(['absent', 'dies'])('does not retry for ever where backend %s does not start', async (backend) => {
    const sweep = startSweep(['ok-a', 'ok-b', 'ok-c'], { backend, workers: 2 });
    const reason =
      backend === 'absent' ? 'is not available\nCUDA_ERROR_NO_DEVICE, says the library' : 'the library does not load';
    await expect(sweep.result).rejects.toMatchObject({
      exit: 'no_backend',
      message: expect.stringContaining(reason),
    });
    expect(sweep.starts()).toEqual([]);
    expect(existsSync(join(sweep.out_dir, LOCK_FILE))).toBe(false);
  });

  it('binds later workers to the backend of the first', async () => {
    const sweep = startSweep([{ run_id: 'crash-once', flops: 9 }, 'ok']);
    await sweep.result;
    expect(of(sweep.events, 'worker_ready').map((event) => event.backend)).toEqual(['scripted', 'scripted']);
  });
});

describe('runSweep, started again', () => {
  it('skips what finished or diverged, tries again what failed', async () => {
    const runs = ['ok', 'diverge', 'throw'];
    const first = startSweep(runs);
    expect((await first.result).counts).toEqual({ finished: 1, diverged: 1, failed: 1 });
    const again = startSweep(runs, { out_dir: first.out_dir });
    const result = await again.result;
    expect(result.num_skipped).toBe(2);
    expect(result.records).toHaveLength(3);
    expect(again.starts().map((start) => start.run_id)).toEqual(['throw']);
  });

  it('starts no worker when all is done', async () => {
    const first = startSweep(['ok']);
    await first.result;
    const again = startSweep(['ok'], { out_dir: first.out_dir });
    expect((await again.result).counts).toEqual({ finished: 1 });
    expect(of(again.events, 'worker_ready')).toEqual([]);
  });

  it('keeps the runs of an earlier plan and says so in one line', async () => {
    const first = startSweep(['ok-a', 'ok-b']);
    await first.result;
    const again = startSweep(['ok-b', 'ok-c'], { out_dir: first.out_dir });
    await again.result;
    expect(readPlan(first.out_dir)?.runs.map((run) => run.run_id)).toEqual(['ok-b', 'ok-c', 'ok-a']);
    expect(of(again.events, 'note').map((note) => note.message)).toEqual([
      `${first.out_dir} holds 1 more run of an earlier plan; kept, and not run by this one`,
    ]);
  });

  it('refuses a folder whose run has another config', async () => {
    const first = startSweep(['ok']);
    await first.result;
    const again = startSweep([{ run_id: 'ok', config_hash: 'other' }], { out_dir: first.out_dir });
    await expect(again.result).rejects.toMatchObject({ exit: 'usage', message: expect.stringContaining('other') });
    expect(readPlan(first.out_dir)?.runs[0]).toMatchObject({ config_hash: 'hash-of-ok' });
  });

  it('refuses while another sweep holds the folder', async () => {
    const first = startSweep(['slow']);
    await until(first.events, 'run_started');
    await expect(startSweep(['slow'], { out_dir: first.out_dir }).result).rejects.toMatchObject({
      exit: 'folder_held',
    });
    process.kill(process.pid, 'SIGTERM');
    await first.result;
  });
});

describe('runSweep, on a signal', () => {
  it.each([
    ['SIGINT', 'cancelled', 'interrupted'],
    ['SIGTERM', 'preempted', 'terminated'],
    ['SIGUSR1', 'preempted', 'preempted'],
  ] as const)('%s leaves the runs in flight %s and exits as %s', async (signal, status, exit) => {
    const sweep = startSweep(['slow-a', 'slow-b', 'slow-c'], { workers: 2 });
    await until(sweep.events, 'run_started', 2);
    process.kill(process.pid, signal);
    const result = await sweep.result;
    expect(result.interrupted).toEqual({ signal, exit });
    expect(result.counts).toEqual({ [status]: 2, planned: 1 });
    expect(sweep.statusOf('slow-a')).toBe(status);
    expect(sweep.statusOf('slow-c')).toBeNull();
    expect(process.listenerCount(signal)).toBe(0);
  });

  it('SIGTERM under a batch system asks to be started again', async () => {
    const sweep = startSweep(['slow'], { is_batch: true });
    await until(sweep.events, 'run_progress');
    process.kill(process.pid, 'SIGTERM');
    expect((await sweep.result).interrupted?.exit).toBe('preempted');
  });

  it('takes two SIGINT within a second for one, a later one kills', async () => {
    const sweep = startSweep(['hang']);
    await until(sweep.events, 'run_started');
    process.kill(process.pid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(process.pid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(of(sweep.events, 'run_ended')).toEqual([]);
    process.kill(process.pid, 'SIGINT');
    expect((await sweep.result).counts).toEqual({ cancelled: 1 });
    expect(sweep.statusOf('hang')).toBe('cancelled');
  });
});

/** @file One run end to end: its record, its log, resuming bit for bit, divergence, damage, and memory. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BackendInfo } from '../../src/backend/backend.ts';
import { listCheckpoints, readCheckpoint, readMetrics, readRecord } from '../../src/log/log.ts';
import { tf } from '../../src/tf.ts';
import { trainRun } from '../../src/train/train.ts';
import { jobIn, startBackend, temporaryFolder, tinySpec } from '../support/training.ts';

let backend: BackendInfo;
let folder: string;
let remove: () => void;

beforeAll(async () => {
  backend = await startBackend('wasm');
});
beforeEach(() => {
  ({ folder, remove } = temporaryFolder());
});
afterEach(() => remove());

/** Stops a run after `step` steps. */
const stopAfter = (step: number) => {
  let calls = 0;
  return () => (++calls >= step ? ('cancelled' as const) : null);
};
/** Size of the wasm backend's memory: packed copies of operands that were never freed would make it grow. */
const wasmHeapBytes = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
/** Rows without what the clock decides. */
const rowsOf = (dir: string) => [...readMetrics(dir)].map(({ tokens_per_second, ...row }) => row);

describe('trainRun', () => {
  it('learns, and writes a record, a log and its last checkpoint', async () => {
    const job = jobIn(folder, tinySpec(60), backend);
    const record = await trainRun(job);
    expect(record.status).toBe('finished');
    expect(record.step).toBe(60);
    expect(record.val_loss!).toBeLessThan(Math.log(64) - 0.4);
    expect(record.eval_curve.at(-1)).toEqual({ step: 60, tokens: 3840, val_loss: record.val_loss });
    expect(readRecord(job.run_dir)).toEqual(record);
    expect(listCheckpoints(job.run_dir)[0]!.step).toBe(60);
    expect(rowsOf(job.run_dir).filter(({ kind }) => kind === 'train')).toHaveLength(60);
  });

  it('gives the same losses bit for bit when stopped and resumed', async () => {
    const spec = tinySpec(50);
    const whole = jobIn(path.join(folder, 'whole'), spec, backend);
    await trainRun(whole);
    const parts = jobIn(path.join(folder, 'parts'), spec, backend);
    const first = await trainRun({ ...parts, should_stop: stopAfter(7) });
    expect(first.status).toBe('cancelled');
    expect(first.step).toBe(7);
    await trainRun({ ...parts, should_stop: stopAfter(16) });
    const last = await trainRun(parts);
    expect(last.num_resumes).toBe(2);
    expect(rowsOf(parts.run_dir)).toEqual(rowsOf(whole.run_dir));
    const [a, b] = [whole, parts].map((job) => readCheckpoint(listCheckpoints(job.run_dir)[0]!.path).tensors);
    expect(a).toEqual(b);
  });

  it('drops rows after the checkpoint it resumes from', async () => {
    const spec = tinySpec(30);
    const job = jobIn(folder, spec, backend);
    await trainRun({ ...job, should_stop: stopAfter(10) });
    const metrics = path.join(job.run_dir, 'metrics.jsonl');
    writeFileSync(metrics, `${readFileSync(metrics, 'utf8')}{"kind":"train","step":11,"tokens":1,"loss":1}\n{"ki`);
    await trainRun(job);
    const steps = rowsOf(job.run_dir)
      .filter(({ kind }) => kind === 'train')
      .map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  it('goes back to the checkpoint before a damaged one, and says so', async () => {
    const job = jobIn(folder, tinySpec(30), backend);
    await trainRun({ ...job, should_stop: stopAfter(10) });
    await trainRun({ ...job, should_stop: stopAfter(10) });
    const [latest] = listCheckpoints(job.run_dir);
    expect(latest!.step).toBe(20);
    const bytes = readFileSync(latest!.path);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(latest!.path, bytes);
    const warnings: string[] = [];
    const record = await trainRun({ ...job, onWarning: (message) => warnings.push(message) });
    expect(record.status).toBe('finished');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('checksum');
    expect(rowsOf(job.run_dir).filter(({ kind }) => kind === 'train')).toHaveLength(30);
  });

  it('starts over when no checkpoint is whole', async () => {
    const job = jobIn(folder, tinySpec(12), backend);
    await trainRun({ ...job, should_stop: stopAfter(5) });
    truncateSync(listCheckpoints(job.run_dir)[0]!.path, 100);
    const record = await trainRun(job);
    expect(record.status).toBe('finished');
    expect(record.num_resumes).toBe(0);
  });

  it('refuses a checkpoint of another backend', async () => {
    const job = jobIn(folder, tinySpec(12), backend);
    await trainRun({ ...job, should_stop: stopAfter(5) });
    await expect(trainRun({ ...job, backend: { ...backend, name: 'cpu' } })).rejects.toThrow(/--backend wasm/);
  });

  it('keeps the last two checkpoints only', async () => {
    const job = jobIn(folder, tinySpec(20), backend, { checkpoint_seconds: 0 });
    await trainRun(job);
    expect(listCheckpoints(job.run_dir).map(({ step }) => step)).toEqual([20, 19]);
    expect(readdirSync(job.run_dir).sort()).toHaveLength(4);
  });

  it('ends as diverged at a rate that is far too high, with the kind of the loss in the log', async () => {
    const spec = tinySpec(40);
    const optimizer = { ...spec.optimizer, learning_rate: 1e30, grad_clip: 0 };
    const job = jobIn(folder, { ...spec, optimizer }, backend);
    const record = await trainRun(job);
    expect(record.status).toBe('diverged');
    expect(record.val_loss).toBeNull();
    expect(record.error).toMatch(/loss is (NaN|Infinity) at step \d+/);
    const last = rowsOf(job.run_dir).at(-1)!;
    expect(last.loss).toBeNull();
    expect(['nan', 'inf']).toContain(last.nonfinite);
  });

  it('leaves no tensors behind, and its memory is flat over 10,000 steps', async () => {
    const before = tf.memory().numTensors;
    const seen: { step: number; numTensors: number; numBytes: number; heapBytes: number }[] = [];
    const { model, ...rest } = tinySpec(10_000);
    const spec = { ...rest, model: { ...model, n_ctx: 8 }, batch_size: 1, num_tokens: 80_000 };
    const job = jobIn(folder, { ...spec, eval: { eval_tokens: 128, num_evals: 8 } }, backend, {
      onProgress: ({ step }) => {
        const { numTensors, numBytes } = tf.memory();
        seen.push({ step, numTensors, numBytes, heapBytes: wasmHeapBytes() });
      },
    });
    await trainRun(job);
    const late = seen.filter(({ step }) => step > 500).map(({ step, ...sizes }) => JSON.stringify(sizes));
    expect(late.length).toBeGreaterThan(50);
    expect([...new Set(late)]).toHaveLength(1);
    expect(tf.memory().numTensors).toBe(before);
  });
});

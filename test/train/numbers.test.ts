/** @file Numbers at their edges: rates that blow up, overflow in the first step, a loss of exactly zero, a corpus of one
 * symbol, a study in which every run diverged. Each ends as a record that says so, or as an error for people.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BackendInfo } from '../../src/backend/backend.ts';
import type { DataConfig, RunSpec } from '../../src/config/config.ts';
import { openCorpus } from '../../src/data/data.ts';
import { listCheckpoints, readMetrics, readRecord } from '../../src/log/log.ts';
import type { RunRecord } from '../../src/log/record.ts';
import { trainRun } from '../../src/train/train.ts';
import { lab } from '../support/lab.ts';
import { makeRecord, makeSweepFolder, temporaryFolder } from '../support/run-record.ts';
import { jobIn, startBackend, tinySpec } from '../support/training.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/record-v1', import.meta.url));

let backend: BackendInfo;
beforeAll(async () => {
  backend = await startBackend('wasm');
});

/** Trains `spec`; the record, which is also what run.json says, and the run's rows. */
async function train(spec: RunSpec): Promise<{ record: RunRecord; dir: string; rows: ReturnType<typeof rowsOf> }> {
  const job = jobIn(temporaryFolder(), spec, backend);
  const record = await trainRun(job);
  expect(readRecord(job.run_dir)).toEqual(record);
  return { record, dir: job.run_dir, rows: rowsOf(job.run_dir) };
}

const rowsOf = (dir: string) => [...readMetrics(dir)];

function expectCleanEnd({ record, dir, rows }: Awaited<ReturnType<typeof train>>): void {
  expect(record).toMatchObject({ status: 'diverged', val_loss: null, val_bpb: null, ood_loss: null });
  expect(record.error).toMatch(/^(training|validation) loss is (NaN|Infinity) at step \d+$/);
  expect(rows.at(-1)).toMatchObject({ step: record.step, loss: null });
  expect(rows.at(-1)!.nonfinite).toMatch(/^(nan|inf)$/);
  expect(rows.slice(0, -1).every(({ loss }) => Number.isFinite(loss))).toBe(true);
  // What is not a number is not kept to go on from.
  expect(listCheckpoints(dir)).toEqual([]);
}

describe('a run diverges cleanly', () => {
  const optimizer = tinySpec(40).optimizer;

  it.each([1e10, 1e20, 1e30, 3e38])('at a rate of %d, as diverged or with losses that are numbers', async (rate) => {
    const spec = tinySpec(40, { optimizer: { ...optimizer, learning_rate: rate, grad_clip: 0 } });
    const run = await train(spec);
    if (run.record.status === 'finished') {
      expect(run.rows.every(({ loss }) => Number.isFinite(loss))).toBe(true);
      expect(rate).toBeLessThan(1e25);
    } else expectCleanEnd(run);
  });

  it('where the first step overflows', async () => {
    const { model } = tinySpec(40);
    const run = await train(tinySpec(40, { model: { ...model, init_std: 1e38, embedding_init_std: 1e38 } }));
    expectCleanEnd(run);
    expect(run.record.step).toBe(1);
  });

  it('and does so again when it is resumed from before', async () => {
    const schedule = { ...tinySpec(40).schedule, warmup_steps: 0, kind: 'constant' as const };
    const spec = tinySpec(40, { optimizer: { ...optimizer, learning_rate: 3e38, grad_clip: 0 }, schedule });
    const job = jobIn(temporaryFolder(), spec, backend);
    const first = await trainRun(job);
    const again = await trainRun(job);
    expect(again).toMatchObject({ status: first.status, step: first.step, error: first.error });
  });
});

describe('a corpus of one symbol', () => {
  const dataOf = (path: string, more: object): DataConfig => ({
    ...{ corpus: 'text', path, format: 'text', text_field: 'text', val_fraction: 0.1, tokenizer: 'live-byte' },
    ...(more as { tokenizer: 'live-byte' }),
  });

  it.each([
    ['live-byte', {}],
    ['char', { tokenizer: 'char' }],
    ['byte', { tokenizer: 'byte' }],
    ['bpe', { tokenizer: 'bpe', vocab_size: 260 }],
  ] as const)('of %s tokens trains to a loss that is a number, and to exactly 0 with one token', async (_, more) => {
    const folder = temporaryFolder();
    const path = join(folder, 'same.txt');
    writeFileSync(path, 'a'.repeat(40_000));
    const data = dataOf(path, more);
    const { facts } = await openCorpus(data, { n_ctx: 16, cache_dir: join(folder, 'cache') });
    const { vocab_size, corpus_sha256, tokenizer_sha256 } = facts;
    const spec = tinySpec(20);
    const model = { ...spec.model, vocab_size };
    const { record, rows } = await train({ ...spec, data, model, corpus_sha256, tokenizer_sha256 });
    expect(record.status).toBe('finished');
    expect(rows.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(record.val_loss!).toBeLessThan(Math.log(vocab_size) + 1e-6);
    if (vocab_size === 1) {
      expect(record.val_loss).toBe(0);
      expect(record.val_bpb).toBe(0);
      expect(rows.every(({ loss }) => loss === 0)).toBe(true);
    }
  });
});

describe('a fit', () => {
  it('of runs that all diverged says that there is nothing to fit', async () => {
    const dir = join(temporaryFolder(), 'study');
    cpSync(FIXTURE, dir, { recursive: true });
    rmSync(join(dir, 'tiny-d4-915dccacda'), { recursive: true });
    const { code, err } = await lab('fit', dir);
    expect(code).toBe(4);
    expect(err).toMatch(/1 run diverged, left out of the fit/);
    expect(err).not.toContain('unexpected error');
    mkdirSync(join(dir, 'empty'));
    expect((await lab('report', dir)).err).not.toContain('unexpected error');
  });

  it('of runs whose loss is exactly 0 leaves them out and says so', async () => {
    const records = [8, 16, 32].flatMap((d_model) =>
      [1, 2, 3].map((k) =>
        makeRecord({
          run_id: `run-${d_model}-${k}`,
          num_tokens: 1e6 * k,
          val_loss: 0,
          num_params: { ...makeRecord().num_params, total: d_model * 1000 },
        }),
      ),
    );
    const { code, err } = await lab('fit', makeSweepFolder(records));
    expect(code).toBe(4);
    expect(err).not.toContain('unexpected error');
    expect(err).toContain('0 usable points (9 left out)');
  });
});

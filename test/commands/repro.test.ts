/** @file `repro`: the committed fixture and fresh runs come out bit for bit again; where a number was changed, the first
 * step and column are named; what cannot be trained again says why.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { BackendInfo } from '../../src/backend/backend.ts';
import { runHash } from '../../src/config/config.ts';
import { openCorpus } from '../../src/data/data.ts';
import { writeJsonAtomic } from '../../src/log/log.ts';
import { trainRun } from '../../src/train/train.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { jobIn, startBackend, tinySpec } from '../support/training.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/record-v1', import.meta.url));
const FINISHED = 'tiny-d4-915dccacda';
const DIVERGED = 'tiny-d4-768976b644';

let backend: BackendInfo;
beforeAll(async () => {
  backend = await startBackend('wasm');
});

function copy(): string {
  const dir = join(temporaryFolder(), 'study');
  cpSync(FIXTURE, dir, { recursive: true });
  return dir;
}

async function repro(...args: string[]) {
  const { code, out, err } = await lab('repro', ...args, '--json');
  const value: Record<string, unknown> = JSON.parse(out || '{}');
  return { ...value, code, err } as Record<string, unknown>;
}

/** Replaces the text `from` in a file, which holds it. */
function replace(path: string, from: string | RegExp, to: string): void {
  const text = readFileSync(path, 'utf8');
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  writeFileSync(path, changed);
}

describe('a run that was recorded', () => {
  it('comes out bit for bit: rows, evaluations and weights', async () => {
    expect(await repro(join(FIXTURE, FINISHED))).toMatchObject({
      ...{ code: 0, run_id: FINISHED, is_same: true, difference: null },
      ...{ num_rows_same: 44, num_evals_same: 4, weights_same_at: 40 },
    });
  });

  it('comes out bit for bit where it diverged', async () => {
    expect(await repro(FIXTURE, DIVERGED)).toMatchObject({ code: 0, is_same: true, num_rows_same: 2 });
  });

  it('comes out of an archive, which has evaluations only', async () => {
    for (const args of [[`${FIXTURE}-archive`, FINISHED], [join(`${FIXTURE}-archive`, FINISHED)]]) {
      expect(await repro(...args)).toMatchObject({ code: 0, is_same: true, num_rows_same: 0, num_evals_same: 4 });
    }
  });

  it('comes out as far as it got where it was stopped, and after it was resumed', async () => {
    const spec = tinySpec(30);
    const { facts } = await openCorpus(spec.data, { n_ctx: 16, cache_dir: '' });
    const { corpus_sha256, tokenizer_sha256 } = facts;
    const job = jobIn(temporaryFolder(), { ...spec, corpus_sha256, tokenizer_sha256 }, backend);
    let steps = 0;
    await trainRun({ ...job, should_stop: () => (++steps === 11 ? 'preempted' : null) });
    expect(await repro(job.run_dir)).toMatchObject({ code: 0, num_rows_same: 13, weights_same_at: 11 });
    await trainRun(job);
    expect(await repro(job.run_dir)).toMatchObject({ code: 0, num_rows_same: 33, weights_same_at: 30 });
  });

  it('leaves nothing behind, and the recorded run as it was', async () => {
    const before = readFileSync(join(FIXTURE, FINISHED, 'run.json'));
    const temporary = temporaryFolder();
    vi.stubEnv('TMPDIR', temporary);
    await repro(join(FIXTURE, FINISHED));
    vi.unstubAllEnvs();
    expect(readFileSync(join(FIXTURE, FINISHED, 'run.json')).equals(before)).toBe(true);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe('a difference', () => {
  const step = (n: number) => new RegExp(`("kind":"train","step":${n},.*?"loss":)([\\d.]+)`);

  it('in a training loss is named with its step, and ends the repetition there', async () => {
    const dir = copy();
    replace(join(dir, FINISHED, 'metrics.jsonl'), step(7), '$14.25');
    const { code, difference, num_rows_same } = await repro(dir, FINISHED);
    expect(code).toBe(9);
    expect(difference).toMatchObject({ where: 'train row', step: 7, column: 'loss', recorded: 4.25 });
    expect(num_rows_same).toBe(8);
    const { out } = await lab('repro', dir, FINISHED);
    expect(out).toMatch(/differs first at step 7, train row, loss: recorded 4\.25, repeated [34]\.\d+; 8 rows before/);
  });

  it.each([
    ['grad_norm', /("step":12,.*?"grad_norm":)[\d.]+/, '$10.5', { where: 'train row', step: 12 }],
    ['learning_rate', /("step":3,.*?"learning_rate":)[\d.]+/, '$10.5', { where: 'train row', step: 3 }],
    ['loss', /("kind":"eval","step":40,.*?"loss":)[\d.]+/, '$13.5', { where: 'eval row', step: 40 }],
  ] as const)('in %s of a row is named', async (column, from, to, where) => {
    const dir = copy();
    replace(join(dir, FINISHED, 'metrics.jsonl'), from, to);
    expect(await repro(dir, FINISHED)).toMatchObject({ code: 9, difference: { ...where, column } });
  });

  it('in a weight is named with its tensor, where rows and record agree', async () => {
    const dir = copy();
    const [name] = (await readdir(join(dir, FINISHED))).filter((file) => file.startsWith('checkpoint'));
    const path = join(dir, FINISHED, name!);
    const { readCheckpoint, writeCheckpoint } = await import('../../src/log/log.ts');
    const checkpoint = readCheckpoint(path);
    checkpoint.tensors['h.0.attn.c_q.w']!.values[3]! += 1;
    writeCheckpoint(join(dir, FINISHED), checkpoint);
    expect(await repro(dir, FINISHED)).toMatchObject({
      code: 9,
      difference: { where: 'checkpoint', step: 40, column: 'h.0.attn.c_q.w[3]' },
    });
  });

  it('of backend and machine is said, whether or not the bits are the same', async () => {
    const dir = copy();
    replace(join(dir, FINISHED, 'run.json'), '"backend": "wasm"', '"backend": "native"');
    replace(join(dir, FINISHED, 'run.json'), /"cpu": ".*?"/, '"cpu": "Another CPU"');
    const { changes, code } = await repro(dir, FINISHED, '--backend', 'wasm');
    expect(code).toBe(0);
    expect(changes).toContainEqual('backend: recorded native, here wasm');
    expect(changes).toContainEqual(expect.stringMatching(/^processor: recorded Another CPU, here /));
  });
});

describe('what cannot be trained again', () => {
  const said = async (...args: string[]) => {
    const { code, err } = await lab('repro', ...args);
    expect(code).toBe(2);
    return err;
  };

  it('is refused with the reason', async () => {
    const dir = copy();
    expect(await said(dir)).toContain('not the folder of a run; give its run_id too');
    expect(await said(dir, 'nobody')).toContain(`no run nobody in ${dir}`);
    expect(await said(dir, '../study')).toContain('invalid run_id');
    const record = JSON.parse(readFileSync(join(dir, FINISHED, 'run.json'), 'utf8'));
    const put = (changes: object) => writeJsonAtomic(join(dir, FINISHED, 'run.json'), { ...record, ...changes });
    put({ backend: '', status: 'planned' });
    expect(await said(dir, FINISHED)).toContain('has not taken a step');
    put({ spec: { ...record.spec, batch_size: 1e9 } });
    expect(await said(dir, FINISHED)).toContain('cannot be trained: num_tokens');
    put({ spec: { ...record.spec, init_seed: 5 } });
    expect(await said(dir, FINISHED)).toContain('is not what was trained');
    const spec = { ...record.spec, corpus_sha256: '0'.repeat(64) };
    put({ spec, config_hash: runHash(spec) });
    expect(await said(dir, FINISHED)).toContain('corpus zipf-lexicon is not the recorded one');
    rmSync(join(dir, FINISHED), { recursive: true });
    expect(await said(dir, FINISHED)).toContain(`no run ${FINISHED}`);
  });
});

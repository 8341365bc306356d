/** @file Records of every version that was ever written are read: a fixture of each lies in test/fixtures/ as the lab of
 * its day left it, and stays. A newer version is refused by name.
 */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  listCheckpoints,
  readCheckpoint,
  readMetrics,
  readPlan,
  readRecord,
  readSweep,
  verifySweep,
  writeCheckpoint,
} from '../../src/log/log.ts';
import { runRecordSchema, SCHEMA_VERSION } from '../../src/log/record.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/log/safetensors.ts';
import { countFlops, countParams, paramShapes } from '../../src/model/size.ts';
import { temporaryFolder } from '../support/run-record.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
const VERSIONS = Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1);
const FINISHED = 'tiny-d4-915dccacda';
const DIVERGED = 'tiny-d4-768976b644';

describe.each(VERSIONS)('record schema version %i', (version) => {
  const dir = join(FIXTURES, `record-v${version}`);
  const archive = `${dir}-archive`;

  it('has a fixture: a sweep and its archive', () => {
    expect(existsSync(dir) && existsSync(archive), `make ${dir} with the release that writes it`).toBe(true);
  });

  it('is read whole, with every key that was written', () => {
    const { records, problems, plan } = readSweep(dir);
    expect(problems).toEqual([]);
    expect(plan!.runs).toHaveLength(records.length);
    for (const record of records) {
      expect(record).toEqual(JSON.parse(readFileSync(join(dir, record.run_id, 'run.json'), 'utf8')));
      expect(record.schema_version).toBe(version);
    }
    expect(readSweep(archive).records).toEqual(records);
  });

  it('passes every check of verify', () => {
    for (const folder of [dir, archive]) {
      expect(verifySweep(folder, { countFlops, countParams, paramShapes }).problems).toEqual([]);
    }
  });
});

describe('record schema version 1', () => {
  const dir = join(FIXTURES, 'record-v1');

  it('says what it said', () => {
    const { records } = readSweep(dir);
    expect(records.map(({ run_id, status, step, val_loss }) => ({ run_id, status, step, val_loss }))).toEqual([
      { run_id: FINISHED, status: 'finished', step: 40, val_loss: 3.8430233001708984 },
      { run_id: DIVERGED, status: 'diverged', step: 1, val_loss: null },
    ]);
    const rows = [...readMetrics(join(dir, FINISHED))];
    expect(rows).toHaveLength(44);
    expect(rows.at(-1)).toEqual({ kind: 'eval', step: 40, tokens: 2560, loss: 3.8430233001708984 });
    expect([...readMetrics(join(dir, DIVERGED))].at(-1)).toMatchObject({ loss: null, nonfinite: 'nan' });
    const { state, tensors } = readCheckpoint(listCheckpoints(join(dir, FINISHED))[0]!.path);
    expect(state).toMatchObject({ step: 40, backend: 'wasm', num_resumes: 0 });
    expect(Object.keys(tensors)).toHaveLength(3 * 15);
  });

  // A key that v1 did not ask for may not be asked for now: older records lack it.
  it('asks for these keys and no more', () => {
    const required = Object.entries(runRecordSchema.shape)
      .filter(([, field]) => !field.isOptional())
      .map(([key]) => key);
    expect(required.sort().join(' ')).toBe(
      'backend batch_size budget_counting budget_flops config_hash corpus data_seed device entropy_nats epochs error ' +
        'eval_curve flops git group host init_seed model num_params num_resumes num_steps num_tokens ood_bpb ood_loss ' +
        'optimizer run_id schedule schema_version spec started_at status step sweep tokens_per_second train_loss ' +
        'train_seconds true_val_loss unique_tokens updated_at val_bpb val_loss versions wall_seconds',
    );
  });
});

describe('a newer version', () => {
  /** A copy of the fixture in which `file` is one version ahead. */
  function newer(file: string): string {
    const dir = join(temporaryFolder(), 'sweep');
    cpSync(join(FIXTURES, 'record-v1'), dir, { recursive: true });
    const path = join(dir, file);
    const value = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...value, schema_version: SCHEMA_VERSION + 1 }));
    return dir;
  }
  const versions = `schema_version ${SCHEMA_VERSION + 1}, this scaling-lab reads up to ${SCHEMA_VERSION}`;

  it('of a record is refused, naming both versions', () => {
    const dir = newer(join(FINISHED, 'run.json'));
    expect(() => readRecord(join(dir, FINISHED))).toThrow(versions);
    const { records, problems } = readSweep(dir);
    expect(records.map(({ run_id }) => run_id)).toEqual([DIVERGED]);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining(versions)]);
  });

  it('of plan.json is refused, naming both versions', () => {
    expect(() => readPlan(newer('plan.json'))).toThrow(versions);
  });

  it('of a checkpoint is refused, naming both versions', () => {
    const [{ path } = { path: '' }] = listCheckpoints(join(FIXTURES, 'record-v1', FINISHED));
    const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
    const ahead = join(temporaryFolder(), 'checkpoint-00000040.safetensors');
    writeFileSync(ahead, encodeSafetensors({ tensors, metadata: { ...metadata, format: 'scaling-lab checkpoint 2' } }));
    expect(() => readCheckpoint(ahead)).toThrow('checkpoint version 2, this scaling-lab reads up to 1');
  });
});

it('a checkpoint is written as it was: the same bytes', () => {
  const [{ path } = { path: '' }] = listCheckpoints(join(FIXTURES, 'record-v1', FINISHED));
  const dir = temporaryFolder();
  writeCheckpoint(dir, readCheckpoint(path));
  const [name] = readdirSync(dir);
  expect(readFileSync(join(dir, name!)).equals(readFileSync(path))).toBe(true);
});

/** @file Readers against what crashes, other versions and other hands leave in a sweep's folder. */
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';
import { listSweeps, readMetrics, readPlan, readRecord, readSweep } from '../../src/log/log.ts';
import { makeRecord, makeSweepFolder, temporaryFolder } from '../support/run-record.ts';

const row = (step: number) => ({ kind: 'train', step, tokens: step * 64, loss: 1 / (step + 1) });
const lines = (rows: object[]) => rows.map((value) => `${JSON.stringify(value)}\n`).join('');

describe('readRecord', () => {
  it('keeps keys it does not know, at every level', () => {
    const dir = temporaryFolder();
    const record = { ...makeRecord(), extra: [1], model: { ...makeRecord().model, rope: true } };
    writeFileSync(join(dir, 'run.json'), JSON.stringify(record));
    expect(readRecord(dir)).toEqual(record);
  });

  it('finds nothing where nothing was written', () => {
    expect(readRecord(join(temporaryFolder(), 'absent'))).toBeNull();
  });

  it('refuses a newer version, naming the file and both versions', () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'run.json'), JSON.stringify({ schema_version: 7, run: 'whatever' }));
    const read = () => readRecord(dir);
    expect(read).toThrow(LabError);
    expect(read).toThrow(new RegExp(`${join(dir, 'run.json')}.*schema_version 7.*up to 1`));
  });

  it.each([
    ['', /it is empty/],
    ['{"schema_version": 1, "run_id"', /not JSON/],
    ['\0\0\0\0', /not JSON/],
    ['null', /file: /],
    ['[1]', /file: /],
    ['{"run_id": "x"}', /schema_version: /],
    [JSON.stringify({ ...makeRecord(), num_tokens: '1M' }), /num_tokens: /],
    [JSON.stringify({ ...makeRecord(), status: 'done' }), /status: /],
  ])('calls %j damaged and names the file', (content, why) => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'run.json'), content);
    const read = () => readRecord(dir);
    expect(read).toThrow(`damaged file ${join(dir, 'run.json')}`);
    expect(read).toThrow(why);
    expect(read).toThrow(expect.objectContaining({ exit: 'storage' }));
  });
});

describe('readMetrics', () => {
  const written = (content: string | Uint8Array) => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'metrics.jsonl'), content);
    return dir;
  };

  it('gives every row of a file of many blocks, text beyond ASCII in it', () => {
    const rows = Array.from({ length: 8000 }, (_, i) => ({ ...row(i), note: 'ñ∞𝄞'.repeat(i % 7) }));
    expect([...readMetrics(written(lines(rows)))]).toEqual(rows);
  });

  it('reads a line longer than a block', () => {
    const rows = [row(1), { ...row(2), note: 'é'.repeat(3 << 20) }, row(3)];
    expect([...readMetrics(written(lines(rows)))]).toEqual(rows);
  });

  it('passes over a torn last line, wherever it was torn', () => {
    const last = Buffer.from(JSON.stringify({ ...row(2), note: 'é' }));
    for (let cut = 0; cut < last.length; cut++) {
      const dir = written(Buffer.concat([Buffer.from(lines([row(1)])), last.subarray(0, cut)]));
      expect([...readMetrics(dir)]).toEqual([row(1)]);
    }
  });

  it('passes over the zeros that a power cut leaves', () => {
    expect([...readMetrics(written(`${lines([row(1)])}${'\0'.repeat(100)}`))]).toEqual([row(1)]);
  });

  it('takes a whole last line without its newline, and blank lines', () => {
    expect([...readMetrics(written(`\n${lines([row(1)])}\r\n${JSON.stringify(row(2))}`))]).toEqual([row(1), row(2)]);
  });

  it('throws at a damaged line before the last, after the rows before it', () => {
    const dir = written(`${lines([row(1)])}{"kind":"train","st\n${lines([row(3)])}`);
    const seen: unknown[] = [];
    expect(() => {
      for (const value of readMetrics(dir)) seen.push(value);
    }).toThrow(/metrics\.jsonl, line 2: .* is not a metric row/);
    expect(seen).toEqual([row(1)]);
  });

  it.each([{ ...row(2), step: '2' }, { ...row(2), kind: 'test' }, { ...row(2), loss: undefined }, [], null, 5])(
    'does not take %j for a row',
    (value) => {
      expect([...readMetrics(written(`${lines([row(1)])}${JSON.stringify(value)}\n`))]).toEqual([row(1)]);
      expect(() => [...readMetrics(written(`${JSON.stringify(value)}\n${lines([row(1)])}`))]).toThrow(/line 1/);
    },
  );

  it('gives nothing where there is no file', () => {
    expect([...readMetrics(temporaryFolder())]).toEqual([]);
  });
});

describe('readSweep', () => {
  it('gives records in the order of the plan, the unplanned ones last', () => {
    const records = ['x', 'b', 'a', 'c'].map((run_id) => makeRecord({ run_id }));
    const dir = makeSweepFolder(records, [
      { run_id: 'c' },
      { run_id: 'b' },
      { run_id: 'never-started', flops: { exact: '5' } },
    ]);
    // A plan with text for a number is damaged; the runs are read all the same.
    const broken = readSweep(dir);
    expect(broken.plan).toBeNull();
    expect(broken.problems.map(({ path }) => path)).toEqual([join(dir, 'plan.json')]);
    expect(broken.records.map(({ run_id }) => run_id)).toEqual(['a', 'b', 'c', 'x']);
    writeFileSync(
      join(dir, 'plan.json'),
      JSON.stringify({ schema_version: 1, study: 'kept', runs: [{ run_id: 'c' }, { run_id: 'b', label: 1 }] }),
    );
    const sweep = readSweep(dir);
    expect(sweep.problems).toEqual([]);
    expect(sweep.plan).toMatchObject({ study: 'kept', runs: [{ run_id: 'c' }, { run_id: 'b', label: 1 }] });
    expect(sweep.records.map(({ run_id }) => run_id)).toEqual(['c', 'b', 'a', 'x']);
  });

  it('goes on past damaged, newer and copied runs and lists them', () => {
    const dir = makeSweepFolder(['a', 'b', 'c', 'd'].map((run_id) => makeRecord({ run_id })));
    writeFileSync(join(dir, 'b', 'run.json'), '{"schema_ver');
    writeFileSync(join(dir, 'c', 'run.json'), '{"schema_version": 2}');
    cpSync(join(dir, 'a'), join(dir, 'a-backup'), { recursive: true });
    mkdirSync(join(dir, 'started-only'));
    writeFileSync(join(dir, 'report.html'), '');
    const { plan, records, problems } = readSweep(dir);
    expect(plan).toBeNull();
    expect(records.map(({ run_id }) => run_id)).toEqual(['a', 'd']);
    expect(problems.map(({ path }) => path)).toEqual(['a-backup', 'b', 'c'].map((run) => join(dir, run, 'run.json')));
    expect(problems[0]?.message).toContain('is of run a, not of its folder');
  });

  it('says that there is no such folder', () => {
    const dir = temporaryFolder();
    expect(() => readSweep(join(dir, 'absent'))).toThrow(/no sweep folder .*absent/);
    appendFileSync(join(dir, 'file'), '');
    expect(() => readSweep(join(dir, 'file'))).toThrow(expect.objectContaining({ exit: 'usage' }));
  });

  it('reads hundreds of runs in a moment', () => {
    const dir = makeSweepFolder(Array.from({ length: 400 }, (_, i) => makeRecord({ run_id: `run-${i}` })));
    const start = performance.now();
    expect(readSweep(dir).records).toHaveLength(400);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

describe('plans and sweeps', () => {
  it('refuses a newer plan', () => {
    const dir = temporaryFolder();
    expect(readPlan(dir)).toBeNull();
    writeFileSync(join(dir, 'plan.json'), '{"schema_version": 3, "runs": []}');
    expect(() => readPlan(dir)).toThrow(/plan\.json: it has schema_version 3/);
  });

  it('lists folders that hold a plan', () => {
    const runs = temporaryFolder();
    expect(listSweeps(join(runs, 'absent'))).toEqual([]);
    for (const name of ['b', 'a', 'no-plan']) mkdirSync(join(runs, name));
    for (const name of ['b', 'a']) writeFileSync(join(runs, name, 'plan.json'), '{}');
    writeFileSync(join(runs, 'LOG.md'), '');
    expect(listSweeps(runs)).toEqual(['a', 'b']);
  });
});

/** @file Exports of a whole sweep, read back by independent readers: hyparquet, and a CSV parser written here. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { RUN_COLUMNS, runRow } from '../../../src/log/export/columns.ts';
import { csvCell } from '../../../src/log/export/csv.ts';
import { writeParquet } from '../../../src/log/export/parquet.ts';
import { exportSweep, RunWriter } from '../../../src/log/log.ts';
import { decodeEvent, readTfRecords } from '../../support/protobuf.ts';
import { makeRecord, makeSweepFolder, temporaryFolder } from '../../support/run-record.ts';

const NASTY = 'loss, "nan"\r\nat step 3; =1+1 é';

function sweepWithMetrics(): string {
  const records = [
    makeRecord({ run_id: 'one' }),
    makeRecord({ run_id: 'two', status: 'diverged', error: NASTY, val_loss: null, num_tokens: 2 ** 52 }),
  ];
  const dir = makeSweepFolder(records);
  for (const { run_id } of records) {
    const writer = new RunWriter(join(dir, run_id));
    writer.appendMetric({ kind: 'train', step: 1, tokens: 64, loss: 1 / 3, learning_rate: 1e-300, grad_norm: 5 });
    writer.appendMetric({ kind: 'eval', step: 1, tokens: 64, loss: Number.NaN });
    writer.close();
  }
  return dir;
}

describe('csv', () => {
  it('gives a table of runs and one of metrics that read back to the same values', async () => {
    const dir = sweepWithMetrics();
    const result = await exportSweep({ dir, format: 'csv' });
    expect(result).toMatchObject({ format: 'csv', problems: [] });
    expect(result.files).toEqual([
      { path: join(dir, 'export', 'runs.csv'), rows: 2 },
      { path: join(dir, 'export', 'metrics.csv'), rows: 4 },
    ]);
    const [header = [], one = [], two = []] = parseCsv(readFileSync(join(dir, 'export', 'runs.csv'), 'utf8'));
    expect(header).toEqual(RUN_COLUMNS.map(({ name }) => name));
    const cell = (row: string[], name: string) => row[header.indexOf(name)];
    expect(Number(cell(one, 'val_loss'))).toBe(0.8231);
    expect([cell(one, 'error'), cell(two, 'error'), cell(two, 'val_loss')]).toEqual(['', NASTY, '']);
    expect(cell(two, 'num_tokens')).toBe(String(2 ** 52));
    expect(JSON.parse(cell(one, 'spec') ?? '')).toEqual(makeRecord().spec);
    const metrics = parseCsv(readFileSync(join(dir, 'export', 'metrics.csv'), 'utf8'));
    expect(metrics).toHaveLength(5);
    expect(metrics[1]?.slice(4)).toEqual(['train', '1', '64', String(1 / 3), '', '1e-300', '5', '']);
    expect(metrics[4]?.slice(4)).toEqual(['eval', '1', '64', '', 'nan', '', '', '']);
  });

  it('quotes so that any text comes back', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', 'a', '∞') }));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (cells) => {
        expect(parseCsv(`${cells.map(csvCell).join(',')}\n`)).toEqual([cells]);
      }),
    );
    expect([csvCell(null), csvCell(''), csvCell(true), csvCell(-0.5), csvCell(' x')]).toEqual([
      '',
      '""',
      'true',
      '-0.5',
      '" x"',
    ]);
  });
});

describe('parquet', () => {
  it('has typed columns with their meaning, and the same values', async () => {
    const dir = sweepWithMetrics();
    const out = join(temporaryFolder(), 'tables');
    const { files } = await exportSweep({ dir, format: 'parquet', out });
    expect(files.map(({ rows }) => rows)).toEqual([2, 4]);
    const bytes = readFileSync(join(out, 'runs.parquet'));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const [one, two] = await parquetReadObjects({ file });
    expect(Object.keys(one ?? {})).toEqual(RUN_COLUMNS.map(({ name }) => name));
    expect(one).toMatchObject({
      run_id: 'one',
      n_layer: 2n,
      tie_embeddings: false,
      val_loss: 0.8231,
      flops_exact: 1.8e11,
      host_memory_bytes: null,
      started_at: new Date('2026-01-02T03:04:05.678Z'),
    });
    expect(two).toMatchObject({ error: NASTY, val_loss: null, num_tokens: 2n ** 52n });
    const metadata = parquetMetadata(file);
    expect(metadata.key_value_metadata).toContainEqual({
      key: 'column:val_loss',
      value: 'Final validation loss; empty unless finished (nats/token)',
    });
    const metricBytes = readFileSync(join(out, 'metrics.parquet'));
    const metricFile = new Uint8Array(metricBytes).buffer;
    const metrics = await parquetReadObjects({ file: metricFile });
    expect(metrics[0]).toMatchObject({ run_id: 'one', kind: 'train', step: 1n, loss: 1 / 3, learning_rate: 1e-300 });
    expect(metrics[3]).toMatchObject({ run_id: 'two', kind: 'eval', loss: null, nonfinite: 'nan' });
  });

  it('holds no rows as well as some', async () => {
    const out = temporaryFolder();
    await exportSweep({ dir: makeSweepFolder([]), format: 'parquet', out });
    const file = new Uint8Array(readFileSync(join(out, 'runs.parquet'))).buffer;
    expect(await parquetReadObjects({ file })).toEqual([]);
  });

  it('refuses a value that does not fit its column, naming run and column, and leaves no file', async () => {
    const path = join(temporaryFolder(), 'runs.parquet');
    const rows = [runRow(makeRecord()), runRow(makeRecord({ run_id: 'odd', num_tokens: 0.5 }))];
    await expect(writeParquet(path, RUN_COLUMNS, rows)).rejects.toThrow(/num_tokens of run odd: 0\.5/);
    const late = [runRow(makeRecord({ run_id: 'late', started_at: 'yesterday' }))];
    await expect(writeParquet(path, RUN_COLUMNS, late)).rejects.toThrow(/started_at of run late: "yesterday"/);
    expect(existsSync(path)).toBe(false);
  });
});

describe('tensorboard', () => {
  it('gives one event file a run, in a folder of its group', async () => {
    const dir = sweepWithMetrics();
    const { files } = await exportSweep({ dir, format: 'tensorboard' });
    await exportSweep({ dir, format: 'tensorboard' });
    expect(readdirSync(join(dir, 'tensorboard', 'isoflop'))).toEqual(['one', 'two']);
    expect(readdirSync(join(dir, 'tensorboard', 'isoflop', 'one'))).toHaveLength(1);
    expect(files.map(({ rows }) => rows)).toEqual([4, 4]);
    const events = readTfRecords(readFileSync(files[0]?.path ?? '')).map(decodeEvent);
    expect(events.map(({ values }) => values[0]?.tag)).toEqual([
      undefined,
      'train_loss',
      'learning_rate',
      'grad_norm',
      'val_loss',
    ]);
  });
});

describe('any format', () => {
  it('leaves out what it cannot read and says so', async () => {
    const dir = sweepWithMetrics();
    writeFileSync(join(dir, 'one', 'metrics.jsonl'), '{"kind":"train","step":1,"tokens":1,"loss":1}\nbroken\n{}\n');
    writeFileSync(join(dir, 'two', 'run.json'), 'broken');
    const { files, problems } = await exportSweep({ dir, format: 'csv' });
    expect(files.map(({ rows }) => rows)).toEqual([1, 1]);
    expect(problems.map(({ path }) => path)).toEqual([join(dir, 'two', 'run.json'), join(dir, 'one', 'metrics.jsonl')]);
  });

  it('says where it cannot write', async () => {
    const dir = sweepWithMetrics();
    const out = join(dir, 'one', 'run.json');
    for (const format of ['csv', 'parquet', 'tensorboard'] as const) {
      await expect(exportSweep({ dir, format, out })).rejects.toMatchObject({ exit: 'storage' });
    }
  });
});

/** RFC 4180 by one state machine; lines end with a newline. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  const row: string[] = [];
  let cell = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') {
      for (at += 1; !(text[at] === '"' && text[at + 1] !== '"'); at++) {
        if (text[at] === '"') at += 1;
        cell += text[at];
      }
    } else if (text[at] === ',' || text[at] === '\n') {
      row.push(cell);
      cell = '';
      if (text[at] === '\n') rows.push(row.splice(0));
    } else cell += text[at];
  }
  return rows;
}

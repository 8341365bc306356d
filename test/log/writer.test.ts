/** @file RunWriter: whole rows on disk in bounded time, cut back on resume, and honest about a full disk. */
import { appendFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';
import { RunWriter, readMetrics, readRecord } from '../../src/log/log.ts';
import type { MetricRow } from '../../src/log/record.ts';
import { makeRecord, temporaryFolder } from '../support/run-record.ts';

const trainRow = (step: number, loss = 1): MetricRow => ({ kind: 'train', step, tokens: step * 1024, loss });
const onDisk = (dir: string) => readFileSync(join(dir, 'metrics.jsonl'), 'utf8');

describe('records', () => {
  it('come back as they were written, unknown keys too', () => {
    const dir = join(temporaryFolder(), 'run');
    const writer = new RunWriter(dir);
    const record = { ...makeRecord(), note: { by: 'hand' } };
    writer.writeRecord(record);
    expect(readRecord(dir)).toEqual(record);
    writer.writeRecord({ ...record, status: 'failed', error: 'lost power' });
    expect(readRecord(dir)).toMatchObject({ status: 'failed', note: { by: 'hand' } });
    writer.close();
  });

  it('turn a loss that is not a number into null', () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir);
    writer.writeRecord(makeRecord({ status: 'diverged', train_loss: Number.NaN, val_loss: null }));
    writer.close();
    expect(readRecord(dir)?.train_loss).toBeNull();
  });

  it('are refused, naming the field, where no reader would take them', () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir);
    expect(() => writer.writeRecord(makeRecord({ num_tokens: Number.NaN }))).toThrow(/a1b2c3d4e5f6.*num_tokens/);
    writer.close();
    expect(existsSync(join(dir, 'run.json'))).toBe(false);
  });
});

describe('metrics', () => {
  it('are one JSON object a line, in order', () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir);
    const rows = [1, 2, 3].map((step) => trainRow(step));
    for (const row of rows) writer.appendMetric(row);
    writer.close();
    writer.close();
    expect(onDisk(dir)).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(() => writer.appendMetric(trainRow(4))).toThrow(/closed/);
  });

  it.each([
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ] as const)('write a loss of %d as null and its kind', (loss, nonfinite) => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir);
    writer.appendMetric({ ...trainRow(7, loss), grad_norm: loss, tokens_per_second: loss });
    writer.close();
    expect(JSON.parse(onDisk(dir))).toEqual({ ...trainRow(7), loss: null, nonfinite, grad_norm: null });
  });

  it('wait in memory, then reach the disk by themselves', async () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir, { flushMs: 60 });
    writer.appendMetric(trainRow(1));
    expect(onDisk(dir)).toBe('');
    await sleep(300);
    expect([...readMetrics(dir)]).toEqual([trainRow(1)]);
    writer.close();
  });

  it('reach the disk in time also where the event loop never turns', () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir, { flushMs: 20 });
    writer.appendMetric(trainRow(1));
    const start = performance.now();
    while (performance.now() - start < 30);
    writer.appendMetric(trainRow(2));
    expect([...readMetrics(dir)]).toHaveLength(2);
    writer.close();
  });

  it('survive a round trip whatever the numbers', () => {
    const dir = temporaryFolder();
    const double = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Object.is(x, -0));
    fc.assert(
      fc.property(fc.array(fc.record({ loss: double, grad_norm: double, learning_rate: double })), (values) => {
        const rows = values.map((value, i) => ({ ...trainRow(i), ...value }));
        const writer = new RunWriter(dir);
        writer.truncateMetrics(0);
        for (const row of rows) writer.appendMetric(row);
        const length = writer.metricsLength();
        writer.close();
        expect(length).toBe(Buffer.byteLength(onDisk(dir)));
        expect([...readMetrics(dir)]).toEqual(rows);
      }),
      { numRuns: 25 },
    );
  });
});

describe('resume', () => {
  it('cuts at the checkpoint, so that no row is doubled', () => {
    const dir = temporaryFolder();
    const first = new RunWriter(dir);
    first.appendMetric(trainRow(1));
    const length = first.metricsLength();
    first.appendMetric(trainRow(2));
    first.appendMetric(trainRow(3));
    first.close();
    const second = new RunWriter(dir);
    second.truncateMetrics(length);
    second.appendMetric(trainRow(2));
    second.close();
    expect([...readMetrics(dir)].map(({ step }) => step)).toEqual([1, 2]);
  });

  it('drops the torn line and the temp files of a killed writer', () => {
    const dir = temporaryFolder();
    const whole = `${JSON.stringify(trainRow(1))}\n`;
    writeFileSync(join(dir, 'metrics.jsonl'), `${whole}{"kind":"train","step":2,"lo${'x'.repeat(200_000)}`);
    writeFileSync(join(dir, '.run.json.9.00ff00ff.tmp'), '{');
    const writer = new RunWriter(dir);
    expect(writer.metricsLength()).toBe(whole.length);
    writer.appendMetric(trainRow(2));
    writer.close();
    expect([...readMetrics(dir)]).toEqual([trainRow(1), trainRow(2)]);
    expect(existsSync(join(dir, '.run.json.9.00ff00ff.tmp'))).toBe(false);
  });

  it('refuses a length that the file does not have or where no row ends', () => {
    const dir = temporaryFolder();
    const writer = new RunWriter(dir);
    writer.appendMetric(trainRow(1));
    const length = writer.metricsLength();
    expect(() => writer.truncateMetrics(length + 1)).toThrow(/metrics\.jsonl at byte \d+: it has only/);
    expect(() => writer.truncateMetrics(length - 5)).toThrow(/no row ends there/);
    expect(() => writer.truncateMetrics(Number.NaN)).toThrow(LabError);
    expect(writer.metricsLength()).toBe(length);
    writer.close();
  });
});

describe('a full disk', () => {
  it.skipIf(!existsSync('/dev/full'))('is a storage error that names the file; nothing is lost silently', async () => {
    const dir = temporaryFolder();
    symlinkSync('/dev/full', join(dir, 'metrics.jsonl'));
    const writer = new RunWriter(dir, { flushMs: 10 });
    writer.appendMetric(trainRow(1));
    await sleep(60);
    for (const call of [() => writer.flush(), () => writer.metricsLength(), () => writer.close()]) {
      expect(call).toThrow(/metrics\.jsonl: no space is left on the device/);
    }
    expect(() => writer.flush()).toThrow(/closed/);
  });

  it('is met when the folder cannot be made', () => {
    const dir = temporaryFolder();
    appendFileSync(join(dir, 'file'), '');
    expect(() => new RunWriter(join(dir, 'file'))).toThrow(LabError);
    expect(() => new RunWriter(join(dir, 'file', 'run'))).toThrow(/cannot write .*metrics\.jsonl/);
  });
});

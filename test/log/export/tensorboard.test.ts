/** @file The event file, decoded by an independent reader of the wire format and, where it is installed, by protoc. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/log/export/crc32c.ts';
import { eventFileName, writeEvents } from '../../../src/log/export/tensorboard.ts';
import type { MetricRow } from '../../../src/log/record.ts';
import { decodeEvent, readTfRecords } from '../../support/protobuf.ts';
import { makeRecord, temporaryFolder } from '../../support/run-record.ts';

const ROWS: MetricRow[] = [
  { kind: 'train', step: 10, tokens: 10_240, loss: 4.5, learning_rate: 0.004, grad_norm: 0.75 },
  { kind: 'eval', step: 10, tokens: 10_240, loss: 4.25 },
  { kind: 'train', step: 300, tokens: 307_200, loss: null, nonfinite: 'nan', learning_rate: 0.001, grad_norm: null },
  { kind: 'eval', step: 2 ** 40, tokens: 1, loss: null, nonfinite: '-inf' },
  { kind: 'eval', step: 1024, tokens: 1, loss: null },
];

const EXPECTED = [
  ['train_loss', 10, 4.5],
  ['learning_rate', 10, Math.fround(0.004)],
  ['grad_norm', 10, 0.75],
  ['val_loss', 10, 4.25],
  ['train_loss', 300, Number.NaN],
  ['learning_rate', 300, Math.fround(0.001)],
  ['val_loss', 2 ** 40, Number.NEGATIVE_INFINITY],
];

function written(rows: MetricRow[]): { path: string; count: number } {
  const path = join(temporaryFolder(), eventFileName(makeRecord()));
  return { path, count: writeEvents(path, makeRecord(), rows) };
}

describe('event file', () => {
  it('has a name that TensorBoard picks up, the same each time', () => {
    expect(eventFileName(makeRecord())).toBe('events.out.tfevents.1767323045.scaling-lab');
    expect(eventFileName(makeRecord({ started_at: 'soon' }))).toBe('events.out.tfevents.0000000000.scaling-lab');
  });

  it('holds the version, then every scalar with its tag, step and time', () => {
    const { path, count } = written(ROWS);
    const [first, ...events] = readTfRecords(readFileSync(path)).map(decodeEvent);
    const start = Date.parse('2026-01-02T03:04:05.678Z') / 1000;
    expect(first).toEqual({ wall_time: start, step: 0, file_version: 'brain.Event:2', values: [] });
    expect(count).toBe(EXPECTED.length);
    expect(events.map(({ step, values }) => [values[0]?.tag, step, values[0]?.simple_value])).toEqual(EXPECTED);
    // 14 s of wall time over 1024 steps.
    expect(events[0]?.wall_time).toBeCloseTo(start + (10 * 14) / 1024, 6);
  });

  it('holds any step and value', () => {
    const value = fc.float({ noDefaultInfinity: true, noNaN: true });
    const row = fc.record({ step: fc.maxSafeNat(), loss: value, learning_rate: value, grad_norm: value });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), (values) => {
        const { path } = written(values.map((entry) => ({ kind: 'train', tokens: 0, ...entry })));
        const events = readTfRecords(readFileSync(path)).slice(1).map(decodeEvent);
        expect(events.map(({ step, values: [scalar] }) => [step, scalar?.tag, scalar?.simple_value])).toEqual(
          values.flatMap(({ step, loss, learning_rate, grad_norm }) => [
            [step, 'train_loss', loss],
            [step, 'learning_rate', learning_rate],
            [step, 'grad_norm', grad_norm],
          ]),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('checks: a changed bit anywhere is noticed', () => {
    const file = readFileSync(written(ROWS).path);
    for (let at = 0; at < file.length; at += 7) {
      const broken = Buffer.from(file);
      broken[at] = (broken[at] ?? 0) ^ 4;
      expect(() => readTfRecords(broken)).toThrow();
    }
  });
});

describe('crc32c', () => {
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 .. 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is the published value', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

const PROTO = `syntax = "proto3";
message Value { string tag = 1; float simple_value = 2; }
message Summary { repeated Value value = 1; }
message Event { double wall_time = 1; int64 step = 2; oneof what { string file_version = 3; Summary summary = 5; } }
`;

const PROTOC = 'protoc';
const protoc = (args: string[], input?: Uint8Array) =>
  execFileSync(PROTOC, args, { input, encoding: 'utf8', stdio: 'pipe' });

function hasProtoc(): boolean {
  try {
    protoc(['--version']);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasProtoc())('protoc (skipped where protoc is not installed)', () => {
  it('decodes the messages without a schema', () => {
    const records = readTfRecords(readFileSync(written(ROWS).path));
    expect(protoc(['--decode_raw'], records[0])).toContain('3: "brain.Event:2"');
    expect(protoc(['--decode_raw'], records[1])).toMatch(
      /2: 10\n5 \{\n {2}1 \{\n {4}1: "train_loss"\n {4}2: 0x40900000/,
    );
  });

  it('decodes them by the schema', async () => {
    const dir = temporaryFolder();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(dir, 'event.proto'), PROTO);
    const texts = readTfRecords(readFileSync(written(ROWS).path)).map((record) =>
      protoc([`--proto_path=${dir}`, '--decode=Event', 'event.proto'], record),
    );
    const decoded = texts.slice(1).map((text) => {
      const pick = (name: string) => new RegExp(`${name}: "?([^"\\n]+)`).exec(text)?.[1];
      const value = pick('simple_value') === '-inf' ? Number.NEGATIVE_INFINITY : Number(pick('simple_value'));
      return [pick('tag'), Number(pick('step')), Math.fround(value)];
    });
    expect(texts[0]).toMatch(/wall_time: 1767323045\.678\nfile_version: "brain\.Event:2"/);
    expect(decoded).toEqual(EXPECTED);
  });
});

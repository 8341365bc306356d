/** @file Writes a run's curves as a TensorBoard event file: tags val_loss, train_loss, learning_rate, grad_norm.
 * TFRecord framing (length, masked CRC-32C of it, payload, masked CRC-32C of that) around `Event` messages, encoded by
 * hand from TensorFlow's event.proto and summary.proto: Event { wall_time = 1 double, step = 2 int64,
 * file_version = 3 string, summary = 5 }, Summary { value = 1 }, Value { tag = 1, simple_value = 2 float }.
 * Values are float32 there. metrics.jsonl has no clock: wall times run evenly from the start over the run's seconds.
 */
import { writeAtomic } from '../atomic.ts';
import type { MetricRow, RunRecord } from '../record.ts';
import { maskedCrc32c } from './crc32c.ts';

/** Name of the event file of `record`; the same for each export, so that a second one replaces the first. */
export function eventFileName(record: RunRecord): string {
  const seconds = String(Math.floor(startSeconds(record))).padStart(10, '0');
  return `events.out.tfevents.${seconds}.scaling-lab`;
}

/** Writes `rows` of the run `record` to `path`; returns how many scalars. Throws `storage`, then leaves no file. */
export function writeEvents(path: string, record: RunRecord, rows: Iterable<MetricRow>): number {
  let count = 0;
  const start = startSeconds(record);
  const secondsPerStep = record.step > 0 ? record.wall_seconds / record.step : 0;
  writeAtomic(
    path,
    (write) => {
      write(frame([...double(1, start), ...text(3, 'brain.Event:2')]));
      for (const row of rows) {
        for (const [tag, value] of scalarsOf(row)) {
          write(frame(scalarEvent({ wallTime: start + row.step * secondsPerStep, step: row.step, tag, value })));
          count += 1;
        }
      }
    },
    { durable: false },
  );
  return count;
}

const NONFINITE = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };

function scalarsOf(row: MetricRow): [tag: string, value: number][] {
  const loss = row.loss ?? (row.nonfinite === undefined ? null : NONFINITE[row.nonfinite]);
  const scalars: [string, number | null | undefined][] = [
    [row.kind === 'eval' ? 'val_loss' : 'train_loss', loss],
    ['learning_rate', row.learning_rate],
    ['grad_norm', row.grad_norm],
  ];
  return scalars.filter((scalar): scalar is [string, number] => scalar[1] !== null && scalar[1] !== undefined);
}

function startSeconds(record: RunRecord): number {
  const ms = Date.parse(record.started_at);
  return Number.isNaN(ms) ? 0 : ms / 1000;
}

function scalarEvent(event: { wallTime: number; step: number; tag: string; value: number }): number[] {
  const value = [...text(1, event.tag), ...float(2, event.value)];
  return [...double(1, event.wallTime), ...integer(2, event.step), ...message(5, message(1, value))];
}

/** A TFRecord: uint64 length, uint32 masked CRC of the length, payload, uint32 masked CRC of the payload. */
function frame(payload: number[]): Uint8Array {
  const record = Buffer.allocUnsafe(payload.length + 16);
  record.writeBigUInt64LE(BigInt(payload.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(payload, 12);
  const end = payload.length + 12;
  record.writeUInt32LE(maskedCrc32c(record.subarray(12, end)), end);
  return record;
}

/** Protocol Buffers wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** A field's key; field numbers here are below 16, so one byte. */
const key = (field: number, wireType: number) => (field << 3) | wireType;

/** A whole number >= 0 in groups of seven bits, lowest first; by division, since shifts stop at 32 bits. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

const scratch = Buffer.alloc(8);

function double(field: number, value: number): number[] {
  scratch.writeDoubleLE(value);
  return [key(field, FIXED64), ...scratch];
}

function float(field: number, value: number): number[] {
  scratch.writeFloatLE(value);
  return [key(field, FIXED32), ...scratch.subarray(0, 4)];
}

const integer = (field: number, value: number) => [key(field, VARINT), ...varint(value)];

const message = (field: number, content: number[]) => [key(field, LENGTH), ...varint(content.length), ...content];

const text = (field: number, value: string) => message(field, [...Buffer.from(value)]);

/** @file Where two runs of one spec first differ: in the rows of their logs, in their records, in their weights.
 * Bit for bit: numbers are equal or they differ, there is no tolerance. What the clock decides (speed, times, and the
 * checksum over a log that holds speeds) is left out.
 */
import type { Checkpoint } from './checkpoint.ts';
import type { MetricRow, RunRecord } from './record.ts';

/** The first difference: at which step, in which column of which row (`train row`), record field or tensor. */
export interface Difference {
  where: string;
  step: number | null;
  column: string;
  recorded: unknown;
  repeated: unknown;
}

/** What the clock decides in a row. */
const TIMED = new Set(['tokens_per_second']);

/** Results of a record that the same training gives again, in the order in which they come to be. */
const RESULTS = [
  'train_loss',
  'true_val_loss',
  'entropy_nats',
  'step',
  'status',
  'val_loss',
  'val_bpb',
  'ood_loss',
  'ood_bpb',
] as const;

/** The first row and column at which `repeated` differs from `recorded`, and how many rows agree before. Rows that only
 * `repeated` has are no difference: a run may have been stopped. */
export function firstDifference(
  recorded: Iterable<MetricRow>,
  repeated: Iterable<MetricRow>,
): { num_same: number; difference: Difference | null } {
  const others = repeated[Symbol.iterator]();
  let num_same = 0;
  for (const row of recorded) {
    const next = others.next();
    const other: MetricRow | undefined = next.done ? undefined : next.value;
    const where = `${row.kind} row`;
    if (other === undefined) {
      const difference = { where, step: row.step, column: 'row', recorded: 'is there', repeated: 'is missing' };
      return { num_same, difference };
    }
    const column = differingColumn(row, other);
    if (column !== null) {
      return {
        num_same,
        difference: { where, step: row.step, column, recorded: row[column] ?? null, repeated: other[column] ?? null },
      };
    }
    num_same++;
  }
  return { num_same, difference: null };
}

function differingColumn(row: MetricRow, other: MetricRow): string | null {
  for (const column of new Set([...Object.keys(row), ...Object.keys(other)])) {
    if (!TIMED.has(column) && row[column] !== other[column]) return column;
  }
  return null;
}

/** The first evaluation or result at which the record `repeated` differs from `recorded`; null where none does. A run
 * that was stopped is compared as far as it came. */
export function recordDifference(recorded: RunRecord, repeated: RunRecord): Difference | null {
  for (const [i, { step, val_loss }] of recorded.eval_curve.entries()) {
    const other = repeated.eval_curve[i];
    if (other?.step === step && other.val_loss === val_loss) continue;
    const column = other?.step === step ? 'val_loss' : 'step';
    const [was, is] = column === 'step' ? [step, other?.step ?? null] : [val_loss, other?.val_loss ?? null];
    return { where: 'evaluation', step, column, recorded: was, repeated: is };
  }
  if (recorded.status !== 'finished' && recorded.status !== 'diverged') return null;
  const column = RESULTS.find((field) => recorded[field] !== repeated[field]);
  if (column === undefined) return null;
  return { where: 'record', step: recorded.step, column, recorded: recorded[column], repeated: repeated[column] };
}

/** The first value at which the tensors of two checkpoints of one step differ, as `column` `name[index]`. */
export function weightDifference(recorded: Checkpoint, repeated: Checkpoint): Difference | null {
  const { step } = recorded.state;
  for (const [name, { values }] of Object.entries(recorded.tensors)) {
    const other = repeated.tensors[name]?.values;
    if (other === undefined || other.length !== values.length) {
      return { where: 'checkpoint', step, column: name, recorded: values.length, repeated: other?.length ?? null };
    }
    // Bytes, so that equal NaNs are equal.
    const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    if (bytes(values).equals(bytes(other))) continue;
    const i = values.findIndex((value, at) => !Object.is(value, other[at]));
    return { where: 'checkpoint', step, column: `${name}[${i}]`, recorded: values[i], repeated: other[i] };
  }
  return null;
}

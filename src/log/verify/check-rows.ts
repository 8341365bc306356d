/** @file Checks of metrics.jsonl: against the steps that its run logs, its record, and the checksum named there.
 * A row that is missing shifts all that follow, so the order is followed to its first fault only.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { RunSpec } from '../../config/config.ts';
import { LabError, storageError } from '../../lib/errors.ts';
import { loggedRows } from '../logged-steps.ts';
import { metricsPath } from '../paths.ts';
import { readMetrics } from '../reader.ts';
import type { MetricRow, RunRecord } from '../record.ts';
import type { Report } from './finding.ts';

type Expected = ReturnType<typeof loggedRows>;

/** The runs of a sweep mostly have few lengths. */
const known = new Map<string, Expected>();

function expectedRows({ num_steps, eval: { num_evals } }: RunSpec): Expected {
  const key = `${num_steps}/${num_evals}`;
  const found = known.get(key) ?? loggedRows(num_steps, num_evals);
  if (known.size > 100) known.clear();
  known.set(key, found);
  return found;
}

const nameOf = ({ kind, step }: { kind: string; step: number }) => `the ${kind} row of step ${step}`;

/** Checks the log of the run in `dir`. Returns how many rows it has. */
export function checkRows(
  dir: string,
  { record, spec, report }: { record: RunRecord; spec: RunSpec; report: Report },
): number {
  const path = metricsPath(dir);
  const { size, is_torn } = tailOf(path);
  const is_over = record.status === 'finished' || record.status === 'diverged';
  let rows: MetricRow[];
  try {
    rows = [...readMetrics(dir)];
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    report(path, 'rows_unreadable', error.message);
    return 0;
  }
  if (size < 0) {
    if (is_over) report(path, 'rows_missing', `the run is ${record.status} and has no metrics.jsonl`);
    return 0;
  }
  if (is_torn && is_over) report(path, 'rows_unreadable', 'the last line is torn, and the run is over');
  else if (is_torn) report(path, 'note_torn_row', 'the last line is a part of a row');
  checkOrder(rows, path, { record, spec, report });
  checkValues(rows, path, { record, spec, report });
  if (is_over) checkAgainstRecord(rows, path, record, report);
  checkSum(path, record, report);
  return rows.length;
}

function checkOrder(
  rows: readonly MetricRow[],
  path: string,
  { record, spec, report }: { record: RunRecord; spec: RunSpec; report: Report },
): void {
  const expected = expectedRows(spec);
  const at = rows.findIndex(({ kind, step }, i) => kind !== expected[i]?.kind || step !== expected[i].step);
  if (at >= 0) {
    const row = rows[at]!;
    const is_same = (other: { kind: string; step: number }) => other.kind === row.kind && other.step === row.step;
    const before = rows.slice(0, at).findIndex(is_same);
    const line = `(row ${at + 1})`;
    if (before >= 0) report(path, 'rows_doubled', `${nameOf(row)} ${line} is there before, as row ${before + 1}`);
    else if (!expected.some(is_same))
      report(path, 'rows_unexpected', `${nameOf(row)} ${line} is not one that is logged`);
    else if (
      rows.some((other, i) => i > at && other.kind === expected[at]!.kind && other.step === expected[at]!.step)
    ) {
      report(path, 'rows_order', `${nameOf(row)} ${line} stands before ${nameOf(expected[at]!)}`);
    } else report(path, 'rows_missing', `${nameOf(expected[at]!)} is missing before ${nameOf(row)} ${line}`);
    return;
  }
  const next = expected[rows.length];
  const is_due = record.status === 'finished' || (next !== undefined && next.step <= record.step);
  // Divergence ends a run at the row that shows it.
  const has_diverged = record.status === 'diverged' && rows.at(-1)?.step === record.step;
  if (next !== undefined && is_due && !has_diverged) {
    report(path, 'rows_missing', `${nameOf(next)} is missing at the end: the record is at step ${record.step}`);
  }
}

function checkValues(
  rows: readonly MetricRow[],
  path: string,
  { record, spec, report }: { record: RunRecord; spec: RunSpec; report: Report },
): void {
  const perStep = spec.batch_size * spec.model.n_ctx;
  const wrong = rows.find(({ step, tokens }) => tokens !== step * perStep);
  if (wrong) report(path, 'rows_tokens', `${nameOf(wrong)} says ${wrong.tokens} tokens, not ${wrong.step * perStep}`);
  const last = rows.length - 1;
  rows.forEach((row, i) => {
    if (row.loss !== null && row.nonfinite === undefined) return;
    const ends = i === last && record.status === 'diverged';
    if (row.loss !== null) report(path, 'rows_nonfinite', `${nameOf(row)} has a loss and says ${row.nonfinite}`);
    else if (row.nonfinite === undefined)
      report(path, 'rows_nonfinite', `${nameOf(row)} does not say why it has no loss`);
    else if (!ends && record.status !== 'running') {
      report(path, 'rows_nonfinite', `the loss of ${nameOf(row)} is ${row.nonfinite}, and the run is ${record.status}`);
    }
  });
  if (record.status === 'diverged' && rows.length > 0 && rows[last]!.loss !== null) {
    report(path, 'rows_nonfinite', `the run diverged, and the loss of its last row is ${rows[last]!.loss}`);
  }
}

function checkAgainstRecord(rows: readonly MetricRow[], path: string, record: RunRecord, report: Report): void {
  const evals = rows.filter(({ kind }) => kind === 'eval');
  const differing = record.eval_curve.findIndex(
    ({ step, val_loss }, i) => evals[i]?.step !== step || evals[i].loss !== val_loss,
  );
  if (differing >= 0 || evals.length !== record.eval_curve.length) {
    const [row, point] = [evals[Math.max(differing, 0)], record.eval_curve[Math.max(differing, 0)]];
    const says =
      differing < 0 ? `has ${record.eval_curve.length} evaluations` : `says ${point?.val_loss} at step ${point?.step}`;
    const logs = differing < 0 ? `${evals.length}` : `${row?.loss} at step ${row?.step}`;
    report(path, 'rows_record', `the record ${says}, the log ${logs}`);
  }
  const train = rows.findLast(({ kind }) => kind === 'train');
  if (train !== undefined && train.loss !== record.train_loss) {
    report(path, 'rows_record', `the record says train_loss ${record.train_loss}, the last train row ${train.loss}`);
  }
}

function checkSum(path: string, { metrics_sha256: wanted }: RunRecord, report: Report): void {
  if (wanted === undefined) return;
  const found = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (found !== wanted) report(path, 'rows_checksum', `its SHA-256 is ${found}, the record names ${wanted}`);
}

/** Size of a file and whether its last line lacks its newline; size -1 where there is no such file. */
function tailOf(path: string): { size: number; is_torn: boolean } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { size: -1, is_torn: false };
    throw storageError(error, path, 'read');
  }
  try {
    const { size } = fstatSync(file);
    return { size, is_torn: size > 0 && !endsRow(file, size) };
  } finally {
    closeSync(file);
  }
}

/** Whether byte `length` of the open file follows a newline, or is its start. */
function endsRow(file: number, length: number): boolean {
  const byte = Buffer.alloc(1);
  return length === 0 || (readSync(file, byte, 0, 1, length - 1) === 1 && byte[0] === 0x0a);
}

/** Whether a row of metrics.jsonl in `dir` ends at byte `length`. */
export function rowEndsAt(dir: string, length: number): boolean {
  let file: number;
  try {
    file = openSync(metricsPath(dir), 'r');
  } catch {
    return false;
  }
  try {
    return length <= fstatSync(file).size && endsRow(file, length);
  } finally {
    closeSync(file);
  }
}

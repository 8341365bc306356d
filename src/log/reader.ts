/** @file Reads what runs left on disk, tolerant of what a crash or another version does to it.
 * Unknown keys are kept; a newer schema_version is refused by name, since its fields may mean something else; a file
 * that was never written is simply absent; a torn last line of metrics.jsonl is passed over. Anything else that does
 * not fit is damage: `readRecord` throws, `readSweep` goes on and lists it.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LabError, storageError } from '../lib/errors.ts';
import { archivePath, metricsPath, namesIn, planPath, recordPath } from './paths.ts';
import { type PlanFile, planFileSchema } from './plan-file.ts';
import { type Parser, quickly } from './quick-check.ts';
import { type MetricRow, type RunRecord, runRecordSchema, SCHEMA_VERSION } from './record.ts';

/** Records as they stand in their files. */
export const recordParser = quickly(runRecordSchema);

/** A file that could not be used, and why. */
export interface Problem {
  path: string;
  message: string;
}

export interface Sweep<Kept = RunRecord, Plan = PlanFile> {
  dir: string;
  /** null where there is no readable plan.json. */
  plan: Plan | null;
  /** In the plan's order, then by run_id. */
  records: Kept[];
  problems: Problem[];
}

/** run.json of the run in `dir`; null where there is none. Throws `storage` where it is damaged or newer than us. */
export function readRecord(dir: string): RunRecord | null {
  return readVersioned(recordPath(dir), recordParser);
}

/** plan.json of the sweep in `dir`; null where there is none. Throws `storage` where it is damaged or newer than us. */
export function readPlan(dir: string): PlanFile | null {
  return readVersioned(planPath(dir), planFileSchema);
}

/** The plan and all records of the sweep in `dir`. A run without run.json is fine, a file that cannot be used becomes
 * a problem. Throws `usage` where there is no such folder, `storage` where it cannot be listed. */
export function readSweep(dir: string): Sweep {
  return readSweepAs(dir, runRecordSchema, planFileSchema);
}

/** As `readSweep`, with of the plan and of each record what the schemas keep of them: of ten thousand whole ones the checks take half of the
 * time, and they weigh 100 MB. */
export function readSweepAs<Kept extends { run_id: string }, Plan extends { runs: { run_id: string }[] }>(
  dir: string,
  schema: Parser<Kept>,
  planSchema: Parser<Plan>,
): Sweep<Kept, Plan> {
  const problems: Problem[] = [];
  const plan = attempt(problems, planPath(dir), () => readVersioned(planPath(dir), planSchema));
  const records = [...readRecords(dir, schema, problems)];
  const place = new Map((plan?.runs ?? []).map((run, i) => [run.run_id, i]));
  const rank = ({ run_id }: Kept) => place.get(run_id) ?? Number.POSITIVE_INFINITY;
  records.sort((a, b) => (rank(a) === rank(b) ? (a.run_id < b.run_id ? -1 : 1) : rank(a) - rank(b)));
  return { dir, plan, records, problems };
}

/** The value, or null where `read` throws an error for people, which becomes a problem. */
function attempt<T>(problems: Problem[], path: string, read: () => T | null): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    problems.push({ path, message: error.message });
    return null;
  }
}

/** What `schema` keeps of the records of the sweep in `dir`, one by one: those of its folders, then those of an archive
 * that no folder has. What cannot be used goes to `problems`. Throws as `readSweep`. */
export function* readRecords<Kept extends { run_id: string }>(
  dir: string,
  schema: Parser<Kept>,
  problems: Problem[] = [],
): Generator<Kept> {
  const own = new Set<string>();
  for (const runDir of subfolders(dir)) {
    const path = recordPath(runDir);
    const record = attempt(problems, path, () => readVersioned(path, schema));
    if (record === null) continue;
    if (record.run_id === basename(runDir)) {
      own.add(record.run_id);
      yield record;
    } else {
      // A copied folder would count its run twice in every fit.
      problems.push({ path, message: `${path} is of run ${record.run_id}, not of its folder; left out` });
    }
  }
  for (const [i, line] of readArchive(dir).entries()) {
    const path = `${archivePath(dir)}, line ${i + 1}`;
    const record = attempt(problems, path, () => parseVersioned(line, path, schema));
    if (record !== null && !own.has(record.run_id)) yield record;
  }
}

/** The record of `run_id` in the archive in `dir`; null where there is none. Throws `storage` where it is damaged. */
export function readArchived(dir: string, run_id: string): RunRecord | null {
  const named = JSON.stringify(run_id);
  for (const [i, line] of readArchive(dir).entries()) {
    if (!line.includes(named)) continue;
    const record = parseVersioned(line, `${archivePath(dir)}, line ${i + 1}`, runRecordSchema);
    if (record.run_id === run_id) return record;
  }
  return null;
}

/** The lines of runs.jsonl of a study that was archived; none where there is no such file. */
export function readArchive(dir: string): string[] {
  return (readText(archivePath(dir)) ?? '').split('\n').filter((line) => line !== '');
}

/** Names of the folders under `runsFolder` that hold a sweep (a plan.json), sorted; none where there is no such folder,
 * or it is a sweep itself. Throws `storage`. */
export function listSweeps(runsFolder: string): string[] {
  if (existsSync(planPath(runsFolder))) return [];
  return namesIn(runsFolder).filter((name) => existsSync(planPath(join(runsFolder, name))));
}

/** The rows of the run in `dir`, in order, read a block at a time; none where there is no metrics.jsonl. A last line
 * that is not a whole row is passed over; such a line before the last throws `storage`, naming file and line. */
export function* readMetrics(dir: string): Generator<MetricRow> {
  const path = metricsPath(dir);
  let line = 0;
  let held: { text: string; line: number } | null = null;
  for (const lines of readLines(path)) {
    for (const text of lines) {
      line += 1;
      if (held !== null) throw damagedRow(path, held);
      if (text.trim() === '') continue;
      const row = parseRow(text);
      if (row !== null) yield row;
      // Whether it is the last one shows only when another follows.
      else held = { text, line };
    }
  }
}

/** JSON of `path`, checked; null where there is no such file. */
function readVersioned<T>(path: string, schema: Parser<T>): T | null {
  const text = readText(path);
  return text === null ? null : parseVersioned(text, path, schema);
}

/** `text` as `schema` has it; errors name it `path` and say what to do with a damaged one. */
export function parseVersioned<T>(
  text: string,
  path: string,
  schema: Parser<T>,
  advice = 'restore it, or delete it to start over',
): T {
  const damaged = (why: string) => new LabError('storage', `damaged file ${path}: ${why}; ${advice}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(text.trim() === '' ? 'it is empty' : `not JSON (${(error as Error).message})`);
  }
  const version = (value as { schema_version?: unknown } | null)?.schema_version;
  if (typeof version === 'number' && version > SCHEMA_VERSION) {
    const versions = `it has schema_version ${version}, this scaling-lab reads up to ${SCHEMA_VERSION}`;
    throw new LabError('storage', `cannot read ${path}: ${versions}; use the newer scaling-lab that wrote it`);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw damaged(faults.join('; '));
}

/** Text of a file; null where there is no such file. Throws `storage`. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw storageError(error, path, 'read');
  }
}

/** Folders, and links that may be some, in `dir`. Throws `usage` where there is no such folder, `storage`. */
export function subfolders(dir: string): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => join(dir, entry.name));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw storageError(error, dir, 'read');
    throw new LabError('usage', `no sweep folder ${dir}; name one under runs/, or run a sweep first`);
  }
}

const NEWLINE = 0x0a;

/** Measured: parsing from 128 KiB blocks takes 10% less time than from 1 MiB ones, which fall out of the cache. */
const BLOCK_BYTES = 1 << 17;

/** The lines of a file, a block of 128 KiB (growing with the longest line) at a time; bytes after the last newline make a line of their own.
 * Blocks end at a newline, so no character of several bytes is ever cut. */
function* readLines(path: string): Generator<string[]> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw storageError(error, path, 'read');
  }
  try {
    // Most logs are far shorter than a block.
    let block = Buffer.alloc(Math.min(BLOCK_BYTES, fstatSync(file).size + 1));
    let kept = 0;
    for (;;) {
      if (kept === block.length) block = Buffer.concat([block, Buffer.alloc(block.length)]);
      const got = readSync(file, block, kept, block.length - kept, null);
      if (got === 0) break;
      const end = kept + got;
      const newline = block.subarray(0, end).lastIndexOf(NEWLINE);
      kept = end;
      if (newline < 0) continue;
      yield block.toString('utf8', 0, newline).split('\n');
      block.copyWithin(0, newline + 1, end);
      kept = end - newline - 1;
    }
    if (kept > 0) yield [block.toString('utf8', 0, kept)];
  } catch (error) {
    throw storageError(error, path, 'read');
  } finally {
    closeSync(file);
  }
}

/** A row, or null where the text is not one. Checked by hand: a million rows a second, where the schema takes twice
 * as long as parsing. */
function parseRow(text: string): MetricRow | null {
  let row: Partial<MetricRow> | null;
  try {
    row = JSON.parse(text) as Partial<MetricRow> | null;
  } catch {
    return null;
  }
  if (row === null || typeof row !== 'object') return null;
  const { kind, step, tokens, loss } = row;
  const known = (kind === 'train' || kind === 'eval') && typeof step === 'number' && typeof tokens === 'number';
  return known && (loss === null || typeof loss === 'number') ? (row as MetricRow) : null;
}

function damagedRow(path: string, { text, line }: { text: string; line: number }): LabError {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
  return new LabError('storage', `damaged file ${path}, line ${line}: ${shown} is not a metric row; remove the line`);
}

/** Bytes at the end of metrics.jsonl that surely hold several rows. */
const TAIL_BYTES = 4096;

/** The last whole train row of the run in `dir`, read from the end of its log; null where there is none yet. */
export function lastTrainRow(dir: string): MetricRow | null {
  let text: string;
  try {
    const file = openSync(metricsPath(dir), 'r');
    try {
      const { size } = fstatSync(file);
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, tail, 0, tail.length, size - tail.length);
      text = tail.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
  for (const line of text.split('\n').slice(0, -1).reverse()) {
    if (!line.startsWith('{"kind":"train"')) continue;
    const row = parseRow(line);
    if (row) return row;
  }
  return null;
}

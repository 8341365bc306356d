/** @file Checks everything that a sweep left on disk, or an archive: plan, records, logs, checkpoints, claims, leftovers.
 * Reads, changes nothing. Each file is held against the others and against what can be computed again (identity, counts,
 * which rows a run logs, checksums). What is wrong is a finding by rule; only a folder that is no sweep is an error.
 */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { canonicalJson, loadConfig } from '../../config/config.ts';
import { LabError } from '../../lib/errors.ts';
import { archivePath, fitPath, listCheckpoints, metricsPath, namesIn, planPath, recordPath } from '../paths.ts';
import type { PlanFile } from '../plan-file.ts';
import { parseVersioned, readArchive, readPlan, readRecord, readText, recordParser, subfolders } from '../reader.ts';
import { RUN_STATES, type RunRecord, SCHEMA_VERSION } from '../record.ts';
import { checkCheckpoints } from './check-checkpoints.ts';
import { checkLeftovers, heldBy } from './check-leftovers.ts';
import { checkPlan } from './check-plan.ts';
import { type Counter, checkRecord } from './check-record.ts';
import { checkRows } from './check-rows.ts';
import type { Finding, Report } from './finding.ts';

/** What a check found. */
export interface Verification {
  schema_version: number;
  dir: string;
  /** No problem was found; notes do not count. */
  is_sound: boolean;
  /** Runs of plan.json; null where it cannot be read. */
  num_planned: number | null;
  /** Records by status. */
  counts: Partial<Record<RunRecord['status'], number>>;
  /** What was read. */
  num_records: number;
  num_metric_rows: number;
  num_checkpoints: number;
  problems: Finding[];
  notes: Finding[];
}

interface Check extends Verification {
  plan: PlanFile | null;
  planned: Map<string, PlanFile['runs'][number]>;
  /** Path of the record of each run that was met. */
  seen: Map<string, string>;
  num_over: number;
  is_held: boolean;
  counter: Counter;
  report: Report;
}

/** Checks the sweep or archive in `dir`; `counter` knows the counts of a shape. Throws `usage` where `dir` holds no
 * sweep, `storage` where it cannot be read. */
export function verifySweep(dir: string, counter: Counter): Verification {
  const problems: Finding[] = [];
  const notes: Finding[] = [];
  const report: Report = (path, rule, message) => {
    (rule.startsWith('note_') ? notes : problems).push({ path, rule, message });
  };
  const folders = subfolders(dir);
  const names = namesIn(dir);
  const held = heldBy(dir, names);
  const is_held = held !== 'nobody';
  const plan = planOf(dir, counter, report);
  const planned = new Map((plan?.runs ?? []).map((run) => [run.run_id, run]));
  const check: Check = {
    ...{ schema_version: SCHEMA_VERSION, dir, is_sound: false, num_planned: plan?.runs.length ?? null, counts: {} },
    ...{ num_records: 0, num_metric_rows: 0, num_checkpoints: 0, problems, notes },
    ...{ plan, planned, seen: new Map(), num_over: 0, is_held, counter, report },
  };
  for (const folder of folders) checkRunFolder(folder, check);
  checkArchive(dir, check);
  if (check.seen.size === 0 && !names.includes('plan.json') && problems.every(({ rule }) => rule === 'plan_missing')) {
    throw new LabError('usage', `${dir} holds no study: neither plan.json nor runs; name the folder of one`);
  }
  if (held === 'alive') report(dir, 'note_running', 'check again when it is done');
  checkLeftovers(dir, names, { is_running: is_held, report });
  checkBeside(dir, names, report);
  const unfinished = planned.size - check.num_over;
  if (unfinished > 0)
    report(planPath(dir), 'note_unfinished', `${unfinished} of ${planned.size} runs are not over yet`);
  const { schema_version, num_planned, counts, num_records, num_metric_rows, num_checkpoints } = check;
  const read = { num_planned, counts, num_records, num_metric_rows, num_checkpoints };
  return { schema_version, dir, is_sound: problems.length === 0, ...read, problems, notes };
}

function planOf(dir: string, counter: Counter, report: Report): PlanFile | null {
  const path = planPath(dir);
  const plan = attempt(
    () => readPlan(dir),
    (message) => report(path, 'plan_unreadable', message),
  );
  if (plan === null) report(path, 'plan_missing', 'there is none');
  else if (plan !== undefined) checkPlan(plan, path, { counter, report });
  return plan ?? null;
}

/** The value, or undefined where `read` throws an error for people, which `onError` is told. */
function attempt<T>(read: () => T, onError: (message: string) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    onError(error.message);
    return undefined;
  }
}

function checkRunFolder(dir: string, check: Check): void {
  const { report, counter } = check;
  const path = recordPath(dir);
  const record = attempt(
    () => readRecord(dir),
    (message) => report(path, 'record_unreadable', message),
  );
  const names = namesIn(dir);
  const is_running = check.is_held || heldBy(dir, names) !== 'nobody';
  if (record === null) {
    // Not every folder is a run's: exports lie beside them.
    const has_rows = names.includes(basename(metricsPath(dir))) && (readText(metricsPath(dir)) ?? '') !== '';
    const has_work = has_rows || listCheckpoints(dir).length > 0;
    if (has_work && !is_running) report(path, 'record_missing', 'there is none, beside rows or checkpoints');
    if (!has_work && !check.planned.has(basename(dir))) return;
  }
  checkLeftovers(dir, names, { is_running, report });
  if (record === null || record === undefined) return;
  if (record.run_id !== basename(dir)) {
    report(path, 'record_place', `it is of run ${record.run_id}, not of its folder`);
    return;
  }
  if (record.status === 'running' && !is_running) {
    report(path, 'note_not_running', `step ${record.step} of ${record.num_steps}; start the sweep again to go on`);
  }
  const spec = checkOne(record, path, check);
  if (spec === null) return;
  check.num_metric_rows += checkRows(dir, { record, spec, report });
  check.num_checkpoints += checkCheckpoints(dir, { record, spec, counter, report });
}

function checkOne(record: RunRecord, path: string, check: Check): ReturnType<typeof checkRecord> {
  const { run_id, status } = record;
  const { planned, seen, counter, report } = check;
  check.num_records += 1;
  check.counts[status] = (check.counts[status] ?? 0) + 1;
  const first = seen.get(run_id);
  if (first !== undefined) report(path, 'record_place', `run ${run_id} has a record in ${first} too`);
  seen.set(run_id, path);
  const entry = planned.get(run_id);
  if (entry === undefined && check.plan !== null) report(path, 'record_unplanned', `plan.json has no run ${run_id}`);
  const is_over = status === 'finished' || status === 'diverged';
  if (entry !== undefined && is_over && first === undefined) check.num_over += 1;
  return checkRecord(record, path, { planned: entry, counter, report });
}

function checkArchive(dir: string, check: Check): void {
  readArchive(dir).forEach((line, i) => {
    const path = `${archivePath(dir)}, line ${i + 1}`;
    const record = attempt(
      () => parseVersioned(line, path, recordParser),
      (message) => check.report(path, 'record_unreadable', message),
    );
    if (record === undefined) return;
    const { status } = record;
    if (status !== 'finished' && status !== 'diverged') check.report(path, 'archive_status', `it is ${status}`);
    checkOne(record, path, check);
  });
}

/** The files beside the runs. */
function checkBeside(dir: string, names: readonly string[], report: Report): void {
  const study = join(dir, 'study.yaml');
  if (names.includes('study.yaml')) {
    attempt(
      () => loadConfig([study]),
      (message) => report(study, 'study_unreadable', message),
    );
  }
  const fit = fitPath(dir);
  if (names.includes(basename(fit)) && jsonOf(fit) === undefined) report(fit, 'fit_unreadable', 'it is not JSON');
  for (const [name, rule] of [
    ['claims', 'claims_hash'],
    ['forecasts', 'forecasts_hash'],
  ] as const) {
    if (names.includes(`${name}.json`))
      checkFrozen(join(dir, `${name}.json`), name, (why) => report(join(dir, `${name}.json`), rule, why));
  }
}

/** A file that was frozen: what it holds under `name` has the hash that stands beside it. */
function checkFrozen(path: string, name: 'claims' | 'forecasts', report: (why: string) => void): void {
  const frozen = jsonOf(path) as Record<string, unknown> | null | undefined;
  const content = frozen?.[name];
  if (!Array.isArray(content)) {
    report(`it holds no ${name}`);
    return;
  }
  const found = attempt(
    () => createHash('sha256').update(canonicalJson(content)).digest('hex'),
    () => {},
  );
  if (found !== frozen?.['sha256']) report(`its ${name} have hash ${found}, it names ${frozen?.['sha256']}`);
}

/** The JSON of a file; undefined where it is none. */
function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readText(path) ?? '');
  } catch (error) {
    if (error instanceof LabError) throw error;
    return undefined;
  }
}

/** Records by status, in the order of a run's life, as `3 finished, 1 diverged`. */
export function countLine(counts: Verification['counts']): string {
  const parts = RUN_STATES.filter((state) => counts[state] !== undefined).map((state) => `${counts[state]} ${state}`);
  return parts.join(', ') || 'no records';
}

/** @file How far a sweep is, from its files alone: states, share of the compute done, what failed and why.
 * Works on a sweep that is running, was killed, or has no plan. A planned run without a record counts as planned.
 * Compute is weighed by `flops.exact`; an unfinished run counts for its share of steps.
 */
import { basename } from 'node:path';
import { z } from 'zod';
import { formatDuration, formatFlops, formatNumber } from '../lib/format.ts';
import { runPath } from './paths.ts';
import { planKeysSchema } from './plan-file.ts';
import { lastTrainRow, type Problem, readSweepAs } from './reader.ts';
import { RUN_STATES, type RunStatus, runRecordSchema, SCHEMA_VERSION } from './record.ts';

type Counts = Record<RunStatus, number>;

interface GroupStatus {
  group: string;
  num_runs: number;
  counts: Counts;
  flops_done: number;
  flops_total: number;
}

export interface SweepStatus {
  schema_version: number;
  sweep: string;
  dir: string;
  has_plan: boolean;
  num_runs: number;
  counts: Counts;
  flops_done: number;
  /** Planned FLOPs of all runs. Where a run has neither record nor planned FLOPs it is missing here. */
  flops_total: number;
  /** flops_done / flops_total, 0 to 1; null where nothing is planned. */
  share_done: number | null;
  /** Latest change of any record, ISO 8601; null before the first. */
  updated_at: string | null;
  groups: GroupStatus[];
  running: { run_id: string; group: string; step: number; num_steps: number; train_loss: number | null }[];
  /** Runs that ended without a result: failed and diverged. */
  failures: { run_id: string; group: string; status: RunStatus; step: number; reason: string }[];
  /** Files that could not be read. */
  problems: Problem[];
}

/** What the status reads of a record; whether the rest is sound is for `verify` to say. */
const recordPart = z.object(
  runRecordSchema.pick({
    run_id: true,
    sweep: true,
    group: true,
    status: true,
    error: true,
    flops: true,
    step: true,
    num_steps: true,
    train_loss: true,
    updated_at: true,
  }).shape,
);
type RecordPart = z.output<typeof recordPart>;

/** The status of the sweep in `dir`. Throws `usage` where there is no such folder. */
export function sweepStatus(dir: string): SweepStatus {
  const { plan, records: stored, problems } = readSweepAs(dir, recordPart, planKeysSchema);
  const records = stored.map((record) => (record.status === 'running' ? withProgress(dir, record) : record));
  const groups = new Map<string, GroupStatus>();
  const groupOf = (name: string): GroupStatus => {
    let group = groups.get(name);
    if (group === undefined) {
      group = { group: name, num_runs: 0, counts: noCounts(), flops_done: 0, flops_total: 0 };
      groups.set(name, group);
    }
    return group;
  };
  const recordOf = new Map(records.map((record) => [record.run_id, record]));
  const planned = new Set<string>();
  for (const run of plan?.runs ?? []) {
    if (planned.has(run.run_id)) continue;
    planned.add(run.run_id);
    const record = recordOf.get(run.run_id);
    const group = groupOf(record?.group ?? run.group ?? '');
    if (record === undefined) addRun(group, 'planned', run.flops?.exact ?? 0, 0);
    else addRun(group, record.status, record.flops.exact, doneShare(record));
  }
  for (const record of records) {
    if (planned.has(record.run_id)) continue;
    addRun(groupOf(record.group), record.status, record.flops.exact, doneShare(record));
  }
  const all = [...groups.values()];
  const sum = (pick: (group: GroupStatus) => number) => all.reduce((total, group) => total + pick(group), 0);
  const counts = noCounts();
  for (const state of RUN_STATES) counts[state] = sum((group) => group.counts[state]);
  const flopsTotal = sum((group) => group.flops_total);
  return {
    schema_version: SCHEMA_VERSION,
    sweep: records[0]?.sweep ?? basename(dir),
    dir,
    has_plan: plan !== null,
    num_runs: sum((group) => group.num_runs),
    counts,
    flops_done: sum((group) => group.flops_done),
    flops_total: flopsTotal,
    share_done: flopsTotal > 0 ? sum((group) => group.flops_done) / flopsTotal : null,
    updated_at: records.reduce<string | null>(
      (last, { updated_at: at }) => (last === null || at > last ? at : last),
      null,
    ),
    groups: all,
    running: records
      .filter(({ status }) => status === 'running')
      .map(({ run_id, group, step, num_steps, train_loss }) => ({ run_id, group, step, num_steps, train_loss })),
    failures: records
      .filter(({ status }) => status === 'failed' || status === 'diverged')
      .map(({ run_id, group, status, step, error }) => ({
        run_id,
        group,
        status,
        step,
        reason: error ?? 'not recorded',
      })),
    problems,
  };
}

/** The status as lines for a terminal: a table of the groups, then what runs, what failed and what could not be read.
 * At most `maxListed` lines of each list. `nowMs` (milliseconds since 1970) tells how long ago the last change was. */
export function statusLines(
  status: SweepStatus,
  { nowMs, maxListed = 10 }: { nowMs: number; maxListed?: number },
): string[] {
  const states = RUN_STATES.filter((state) => status.counts[state] > 0);
  const share = (done: number, total: number) => (total > 0 ? `${((100 * done) / total).toFixed(1)}%` : '');
  const row = (name: string, part: Omit<GroupStatus, 'group'>) => [
    name,
    String(part.num_runs),
    ...states.map((state) => String(part.counts[state])),
    formatFlops(part.flops_done, 3),
    formatFlops(part.flops_total, 3),
    share(part.flops_done, part.flops_total),
  ];
  const table = [['group', 'runs', ...states, 'FLOPs done', 'of', 'share']];
  for (const group of status.groups) table.push(row(group.group || '-', group));
  if (status.groups.length !== 1) table.push(row('total', status));
  const lines = [`${status.sweep}  ${status.dir}`, '', ...alignTable(table), ''];
  if (status.updated_at !== null) {
    const ago = formatDuration(Math.max(0, (nowMs - Date.parse(status.updated_at)) / 1000));
    lines.push(`last change ${status.updated_at} (${ago} ago)`);
  } else lines.push('no run has started');
  if (!status.has_plan) lines.push('no plan.json: only runs that have a record are counted');
  const list = (title: string, items: string[]) => {
    if (items.length === 0) return;
    lines.push('', title, ...items.slice(0, maxListed).map((item) => `  ${item}`));
    if (items.length > maxListed) lines.push(`  and ${items.length - maxListed} more (--json lists all)`);
  };
  list(
    'running',
    status.running.map((run) => {
      const steps = `step ${run.step} of ${run.num_steps}`;
      return `${run.run_id}  ${steps}  train loss ${formatNumber(run.train_loss)}`;
    }),
  );
  list(
    'without a result',
    status.failures.map((run) => `${run.run_id}  ${run.status} at step ${run.step}: ${oneLine(run.reason)}`),
  );
  list(
    'not readable',
    status.problems.map((problem) => oneLine(problem.message)),
  );
  return lines;
}

/** A running run with the step and loss of its log: run.json is rewritten at checkpoints only. */
function withProgress(dir: string, record: RecordPart): RecordPart {
  const row = lastTrainRow(runPath(dir, record.run_id));
  return row === null ? record : { ...record, step: row.step, train_loss: row.loss };
}

const noCounts = () => Object.fromEntries(RUN_STATES.map((state) => [state, 0])) as Counts;

function addRun(group: GroupStatus, state: RunStatus, flops: number, share: number): void {
  group.num_runs += 1;
  group.counts[state] += 1;
  group.flops_done += flops * share;
  group.flops_total += flops;
}

function doneShare(record: RecordPart): number {
  if (record.status === 'finished') return 1;
  return record.num_steps > 0 ? Math.min(1, record.step / record.num_steps) : 0;
}

/** First column to the left, numbers to the right. */
function alignTable(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** A message from a file as one printable line: no terminal codes, at most 160 characters. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here.
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return plain.length > 160 ? `${plain.slice(0, 157)}...` : plain;
}

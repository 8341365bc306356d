/** @file The plan as the `plan` verb prints it: a table of runs, what was dropped or planned twice, totals, warnings.
 * Plain text with aligned columns and no colour, at most about 120 columns wide for usual names; with a
 * column of seeds where the runs differ in them.
 */
import { formatCount, formatDuration, formatFlops, formatNumber } from '../lib/format.ts';
import type { Plan, PlannedRun } from './plan.ts';

const HEADER = [
  'run',
  'd_model',
  'N',
  'N non-emb',
  'D',
  'batch x steps',
  'rate',
  '6ND',
  '6ND non-emb',
  'exact',
  'memory',
  'time',
];

/** Lines of each list that are printed; --json has all. */
const MAX_LISTED = 500;

/** Columns that are aligned on the left. */
const NUM_LEFT = 1;

/** The plan in print; runs whose id is in `finished` are marked as done. */
export function formatPlan(plan: Plan, finished: ReadonlySet<string> = new Set()): string {
  const { runs, duplicates, dropped, totals, warnings } = plan;
  const numFinished = runs.filter((run) => finished.has(run.run_id)).length;
  const rows = runs.slice(0, MAX_LISTED).map((run) => row(run, finished.has(run.run_id)));
  const seeds = runs.map(({ spec }) => seedsOf(spec));
  // One seed for all says nothing of a run.
  const table =
    new Set(seeds).size > 1
      ? [HEADER, ...rows].map(([id = '', ...cells], i) => [id, i === 0 ? 'seed' : seeds[i - 1]!, ...cells])
      : [HEADER, ...rows];
  const lines = [...align(table), ...more(runs.length, 'runs')];
  const notes = runs.flatMap((run) => run.notes.map((note) => `  ${run.run_id}: ${note}`));
  if (notes.length > 0) lines.push('', 'Notes', ...listed(notes, 'notes'));
  if (dropped.length > 0) {
    const numRuns = dropped.reduce((sum, d) => sum + d.num_runs, 0);
    lines.push('', `Dropped: ${countOf(numRuns, 'run')} of ${countOf(dropped.length, 'cell')}`);
    lines.push(
      ...listed(
        dropped.map((d) => `  ${d.group}, ${d.cell}: ${d.reason}`),
        'cells',
      ),
    );
  }
  if (duplicates.length > 0) {
    lines.push(
      '',
      `Duplicates, planned once: ${duplicates.length}`,
      ...listed(
        duplicates.map((d) => `  ${d.run_id}: ${d.cell}`),
        'duplicates',
      ),
    );
  }
  if (warnings.length > 0) {
    lines.push(
      '',
      'Warnings',
      ...listed(
        warnings.map((warning) => `  ${warning}`),
        'warnings',
      ),
    );
  }
  const { flops } = totals;
  lines.push(
    '',
    `Study ${plan.name}: ${countOf(totals.num_runs, 'run')}${numFinished > 0 ? `, ${numFinished} finished` : ''}, ` +
      `${formatCount(totals.num_tokens)} tokens`,
    `FLOPs: 6ND ${formatFlops(flops.six_n_total, 3)}, ` +
      `6ND non-embedding ${formatFlops(flops.six_n_non_embedding, 3)}, ` +
      `exact ${formatFlops(flops.exact, 3)}`,
    `Memory of the largest run: ${formatCount(totals.memory_bytes)}B; time of one worker: ${totalTime(plan)}`,
  );
  return `${lines.join('\n')}\n`;
}

function row(run: PlannedRun, isFinished: boolean): string[] {
  const { spec, num_params, flops, estimated_minutes } = run;
  return [
    run.run_id,
    String(spec.model.d_model),
    formatCount(num_params.total),
    formatCount(num_params.non_embedding),
    formatCount(spec.num_tokens),
    `${spec.batch_size} x ${spec.num_steps}`,
    formatNumber(spec.optimizer.learning_rate, 3),
    formatFlops(flops.six_n_total, 3),
    formatFlops(flops.six_n_non_embedding, 3),
    formatFlops(flops.exact, 3),
    `${formatCount(run.memory_bytes)}B`,
    isFinished ? 'finished' : estimated_minutes === null ? 'unmeasured' : formatDuration(estimated_minutes * 60),
  ];
}

/** The seed of a run; both where parameters and batches have their own. */
function seedsOf({ init_seed, data_seed }: PlannedRun['spec']): string {
  return init_seed === data_seed ? String(init_seed) : `${init_seed}/${data_seed}`;
}

function totalTime({ totals }: Plan): string {
  if (totals.estimated_minutes === null) return 'unmeasured';
  const rest = totals.num_unmeasured === 0 ? '' : ` and ${countOf(totals.num_unmeasured, 'run')} unmeasured`;
  return `${formatDuration(totals.estimated_minutes * 60)}${rest}`;
}

/** The first lines of a list, and how many more there are. */
const listed = (lines: readonly string[], what: string): string[] => [
  ...lines.slice(0, MAX_LISTED),
  ...more(lines.length, what),
];

const more = (num: number, what: string): string[] =>
  num > MAX_LISTED ? [`  and ${num - MAX_LISTED} more ${what} (--json lists all)`] : [];

function countOf(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Rows with their columns padded to one width, two spaces between. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i < NUM_LEFT ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

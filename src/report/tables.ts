/** @file Tables as data, written as HTML and, column by column the same, as aligned text for a terminal.
 * One builder a subject: every run (from its RunRecord), the fitted laws parameter by parameter, the exponents a and b
 * by approach and counting. Columns in which no row has anything to say are left out.
 */
import {
  formatCount,
  formatDuration,
  formatFixed,
  formatFlops,
  formatInterval,
  formatNumber,
  MISSING,
} from '../lib/format.ts';
import { lateModule } from '../lib/late-module.ts';
import type { RunRecord } from '../log/record.ts';
import { escapeMarkup } from './document.ts';
import type { ExponentRow } from './figures/exponents.ts';

const stringWidth = lateModule<typeof import('string-width')>('string-width');

interface Column {
  title: string;
  align: 'left' | 'right';
}

interface TableRow {
  cells: string[];
  /** Rows that need attention: a run that did not finish, a fit that was refused. */
  isMarked?: boolean;
}

export interface Table {
  caption: string;
  columns: Column[];
  rows: TableRow[];
}

/** One fitted law under one counting. */
export interface LawRow {
  law: string;
  counting: string;
  /** By name, in the order to show them. */
  params: Record<string, { value: number | null; interval: readonly [number, number] | null }>;
  objective: number | null;
  num_points: number;
  num_left_out: number;
  /** False marks the row. */
  has_converged: boolean;
}

/** Columns of the run table that fit on a terminal. */
const MAIN = ['run', 'status', 'budget', 'd_model', 'N total', 'D', 'val_loss', 'tokens/s', 'time', 'error'];

/** Every run: sizes, data, compute, training, result, speed; by group, compute budget, size and seed. */
export function runTable(runs: readonly RunRecord[], show: 'all' | 'main' = 'all'): Table {
  const sorted = [...runs].sort(
    (a, b) =>
      a.group.localeCompare(b.group) ||
      (a.budget_flops ?? 0) - (b.budget_flops ?? 0) ||
      a.num_params.total - b.num_params.total ||
      a.num_tokens - b.num_tokens ||
      a.init_seed - b.init_seed ||
      a.run_id.localeCompare(b.run_id),
  );
  const all: (Column & { cell: (run: RunRecord) => string })[] = [
    { title: 'run', align: 'left', cell: (r) => r.run_id.slice(0, 10) },
    { title: 'status', align: 'left', cell: (r) => r.status },
    { title: 'budget', align: 'right', cell: (r) => formatFlops(r.budget_flops, 3) },
    { title: 'd_model', align: 'right', cell: (r) => String(r.model.d_model) },
    { title: 'N total', align: 'right', cell: (r) => formatCount(r.num_params.total) },
    { title: 'D', align: 'right', cell: (r) => formatCount(r.num_tokens) },
    { title: 'val_loss', align: 'right', cell: (r) => formatFixed(r.val_loss, 4) },
    { title: 'above entropy', align: 'right', cell: aboveEntropy },
    { title: 'val_bpb', align: 'right', cell: (r) => formatFixed(r.val_bpb, 4) },
    { title: 'seed', align: 'right', cell: seedOf },
    { title: 'learning_rate', align: 'right', cell: (r) => formatNumber(r.optimizer.learning_rate, 3) },
    { title: 'batch_size', align: 'right', cell: (r) => String(r.batch_size) },
    { title: 'steps', align: 'right', cell: stepsOf },
    { title: 'epochs', align: 'right', cell: (r) => formatNumber(r.epochs, 2) },
    { title: 'n_layer', align: 'right', cell: (r) => String(r.model.n_layer) },
    { title: 'N non_embedding', align: 'right', cell: (r) => formatCount(r.num_params.non_embedding) },
    { title: 'FLOPs 6ND', align: 'right', cell: (r) => formatFlops(r.flops.six_n_total, 3) },
    { title: 'FLOPs exact', align: 'right', cell: (r) => formatFlops(r.flops.exact, 3) },
    { title: 'tokens/s', align: 'right', cell: (r) => formatCount(r.tokens_per_second) },
    { title: 'time', align: 'right', cell: (r) => (r.train_seconds > 0 ? formatDuration(r.train_seconds) : MISSING) },
    { title: 'backend', align: 'left', cell: (r) => r.backend || MISSING },
    { title: 'error', align: 'left', cell: (r) => r.error ?? MISSING },
  ];
  const columns = show === 'all' ? all : all.filter((c) => MAIN.includes(c.title));
  return compact({
    caption: `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`,
    columns: columns.map(({ title, align }) => ({ title, align })),
    rows: sorted.map((r) => ({ cells: columns.map((c) => c.cell(r)), isMarked: r.status !== 'finished' })),
  });
}

const seedOf = (r: RunRecord): string =>
  r.init_seed === r.data_seed ? String(r.init_seed) : `${r.init_seed}/${r.data_seed}`;

const stepsOf = (r: RunRecord): string => (r.step === r.num_steps ? String(r.step) : `${r.step}/${r.num_steps}`);

/** Loss above the true loss of the tokens scored, where the language's entropy is known. */
function aboveEntropy(r: RunRecord): string {
  const floor = r.true_val_loss ?? r.entropy_nats;
  return r.val_loss === null || floor === null ? MISSING : formatFixed(r.val_loss - floor, 4);
}

/** The fitted laws, one line a parameter with its 90% interval, the objective last. */
export function lawTable(laws: readonly LawRow[]): Table {
  const rows = laws.flatMap(({ law, counting, params, objective, num_points, num_left_out, has_converged }) => {
    const points = `${num_points}${num_left_out > 0 ? ` (${num_left_out} left out)` : ''}`;
    const lines = Object.entries(params).map(([name, { value, interval }]) => [
      name,
      formatNumber(value),
      interval === null ? MISSING : `[${formatNumber(interval[0], 3)}, ${formatNumber(interval[1], 3)}]`,
    ]);
    lines.push(['objective', formatNumber(objective), has_converged ? MISSING : 'not converged']);
    return lines.map((line, i) => ({
      cells: [...(i === 0 ? [law, counting, points] : ['', '', '']), ...line],
      isMarked: i === lines.length - 1 && !has_converged,
    }));
  });
  const titles = ['law', 'counting', 'points', 'parameter', 'value', '90% interval'];
  const columns = titles.map((title, i): Column => ({ title, align: i === 2 || i === 4 ? 'right' : 'left' }));
  return compact({ caption: 'Fitted laws', columns, rows });
}

/** The exponents, a and b side by side, one line an approach and counting. */
export function exponentTable(rows: readonly ExponentRow[]): Table {
  const lines = new Map<string, { approach: string; counting: string; a?: ExponentRow; b?: ExponentRow }>();
  for (const row of rows) {
    const key = JSON.stringify([row.approach, row.counting]);
    const line = lines.get(key) ?? { approach: row.approach, counting: row.counting };
    line[row.exponent] = row;
    lines.set(key, line);
  }
  const cell = (row: ExponentRow | undefined): string =>
    row === undefined ? MISSING : formatInterval(row.value, row.interval);
  return compact({
    caption: 'Exponents of N_opt ~ C^a and D_opt ~ C^b with 90% intervals',
    columns: [
      { title: 'approach', align: 'left' },
      { title: 'counting', align: 'left' },
      { title: 'a', align: 'left' },
      { title: 'b', align: 'left' },
      { title: 'note', align: 'left' },
    ],
    rows: [...lines.values()].map(({ approach, counting, a, b }) => {
      const notes = [...new Set([a?.note, b?.note].filter((n) => n !== undefined && n !== ''))];
      const isMarked = [a, b].some((row) => row !== undefined && row.value === null);
      return { cells: [approach, counting, cell(a), cell(b), notes.join('; ') || MISSING], isMarked };
    }),
  });
}

/** Without the columns that hold nothing but dashes and blanks. */
function compact({ caption, columns, rows }: Table): Table {
  const isUsed = columns.map((_, i) => rows.length === 0 || rows.some((r) => !['', MISSING].includes(r.cells[i]!)));
  const keep = <T>(items: T[]): T[] => items.filter((_, i) => isUsed[i]);
  return { caption, columns: keep(columns), rows: rows.map((r) => ({ ...r, cells: keep(r.cells) })) };
}

/** The table as HTML with header scopes; every text escaped. */
export function tableToHtml({ caption, columns, rows }: Table): string {
  const className = (align: Column['align']): string => (align === 'right' ? ' class="num"' : '');
  const head = columns.map((c) => `<th scope="col"${className(c.align)}>${escapeMarkup(c.title)}</th>`).join('');
  const body = rows.map(({ cells, isMarked }) => {
    const inner = cells.map((text, i) => `<td${className(columns[i]!.align)}>${escapeMarkup(text)}</td>`).join('');
    return `<tr${isMarked ? ' class="marked"' : ''}>${inner}</tr>`;
  });
  return (
    `<table>\n<caption>${escapeMarkup(caption)}</caption>\n<thead><tr>${head}</tr></thead>\n` +
    `<tbody>\n${body.join('\n')}\n</tbody>\n</table>`
  );
}

/** The table as lines of aligned text, two spaces between columns, a rule under the head; no trailing newline. */
export function tableToText({ columns, rows }: Table): string {
  const lines = [columns.map((c) => c.title), ...rows.map((r) => r.cells.map((c) => c.replace(/\s+/g, ' ')))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => stringWidth.default(line[i]!))));
  const format = (cells: readonly string[]): string =>
    cells
      .map((text, i) => {
        const space = ' '.repeat(widths[i]! - stringWidth.default(text));
        return columns[i]!.align === 'right' ? space + text : text + space;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((w) => '─'.repeat(w)).join('  ');
  return [format(lines[0]!), rule, ...lines.slice(1).map(format)].join('\n');
}

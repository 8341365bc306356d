/** @file Progress for a terminal: a table that stays in place, redrawn at most four times a second.
 * `renderTable` is a pure function of the picture and the terminal's size. Columns are dropped from the least needed
 * as the terminal narrows, rows as it shortens; no line is ever wider than the terminal, since a wrapped line breaks
 * the redraw. Notes and failures are printed above the table and stay in the scrollback.
 */
import { createLogUpdate } from 'log-update';
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { formatCount, formatDuration, formatFixed, MISSING } from '../../lib/format.ts';
import type { RunStatus } from '../../log/record.ts';
import { emptyPicture, foldEvent, type SweepPicture, secondsLeft, shareDone } from './events.ts';
import { describeEvent, numEnded } from './lines.ts';
import type { Renderer, RendererOptions } from './progress.ts';

const REDRAW_MS = 250;

/** Without news the clock still moves. */
const CLOCK_MS = 1_000;

type Colors = ReturnType<typeof picocolors.createColors>;

export interface TableSize {
  columns: number;
  rows: number;
}

/** The live table on `stream`. */
export function tableRenderer({ stream, is_color }: RendererOptions): Renderer {
  const colors = picocolors.createColors(is_color);
  const terminal = createLogUpdate(stream as NodeJS.WriteStream);
  const picture = emptyPicture();
  let isDirty = false;
  let drawn_ms = 0;
  const draw = () => {
    const now_ms = performance.now();
    const size = { columns: stream.columns ?? 80, rows: stream.rows ?? 24 };
    terminal(renderTable(picture, { ...size, now_ms, colors }).join('\n'));
    isDirty = false;
    drawn_ms = now_ms;
  };
  const timer = setInterval(() => {
    if (isDirty || performance.now() - drawn_ms >= CLOCK_MS) draw();
  }, REDRAW_MS);
  return {
    show: (event) => {
      foldEvent(picture, event, performance.now());
      isDirty = true;
      const isKept = ['note', 'run_failed', 'worker_lost', 'sweep_stopping'].includes(event.event);
      const line = isKept ? describeEvent(event, picture, colors) : null;
      if (line !== null) terminal.persist(line);
    },
    close: () => {
      clearInterval(timer);
      draw();
      terminal.done();
    },
  };
}

/** The table's lines: head, one line a worker, what ended lately. At most `rows - 1` lines of at most `columns - 1`
 * cells each, so that the cursor never wraps or scrolls. */
export function renderTable(
  picture: SweepPicture,
  { columns, rows, now_ms, colors }: TableSize & { now_ms: number; colors: Colors },
): string[] {
  const width = Math.max(1, columns - 1);
  const lines = [
    ...renderHead(picture, { width, now_ms, colors }),
    ...renderWorkers(picture, { width, colors }),
    ...picture.recent.map((run) => {
      const result = run.val_loss === null ? run.status : `loss ${formatFixed(run.val_loss, 4)}`;
      return `${mark(run.status, colors)} ${cut(`${run.run_id}  ${result}  ${formatDuration(run.seconds)}`, width - 2)}`;
    }),
  ];
  return lines.slice(0, Math.max(1, rows - 1)).map((line) => (stringWidth(line) > width ? '' : line));
}

function renderHead(
  picture: SweepPicture,
  { width, now_ms, colors }: { width: number; now_ms: number; colors: Colors },
): string[] {
  const share = shareDone(picture);
  const elapsed = formatDuration(Math.max(0, Math.round((now_ms - picture.started_ms) / 1000)));
  const left = secondsLeft(picture, now_ms);
  const parts = [
    `${Math.floor(share * 100)}%`,
    `${numEnded(picture)} runs`,
    elapsed,
    picture.is_stopping ? 'stopping' : left === null ? '' : `${formatDuration(Math.ceil(left))} left`,
  ];
  const text = parts.filter((part) => part !== '').join('  ');
  const barWidth = Math.min(30, width - stringWidth(text) - 2);
  const title = [picture.out_dir, picture.backend ?? 'starting'].join('  ');
  if (barWidth < 5) return [colors.bold(cut(title, width)), cut(text, width)];
  const filled = Math.round(share * barWidth);
  const bar = colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(barWidth - filled));
  return [colors.bold(cut(title, width)), `${bar}  ${text}`];
}

type WorkerPicture = SweepPicture['workers'][number];

interface Column {
  title: string;
  width: number;
  cell(worker: WorkerPicture): string;
}

/** Beside the run's name; the first are kept longest. */
const COLUMNS: readonly Column[] = [
  { title: 'step', width: 15, cell: ({ progress }) => (progress ? `${progress.step}/${progress.num_steps}` : '') },
  { title: 'loss', width: 8, cell: ({ progress }) => (progress ? formatFixed(progress.train_loss, 4) : '') },
  { title: 'tokens/s', width: 8, cell: ({ progress }) => (progress ? formatCount(progress.tokens_per_second) : '') },
  { title: 'val loss', width: 8, cell: ({ progress }) => (progress ? formatFixed(progress.val_loss, 4) : '') },
];

const NAME_MIN = 10;
const NAME_MAX = 48;

function renderWorkers(picture: SweepPicture, { width, colors }: { width: number; colors: Colors }): string[] {
  const number = String(picture.workers.length).length;
  const shown: Column[] = [];
  let room = width - number - 1 - NAME_MIN;
  for (const column of COLUMNS) {
    room -= column.width + 2;
    if (room < 0) break;
    shown.push(column);
  }
  // Of all runs, not of those in flight: columns that move with each run are hard to read.
  let longest = NAME_MIN;
  for (const run_id of picture.runs.keys()) longest = Math.max(longest, run_id.length);
  const nameWidth = Math.max(1, Math.min(longest, NAME_MAX, NAME_MIN + Math.max(0, room)));
  const row = (index: string, name: string, cells: string[]) =>
    [
      index.padStart(number),
      ' ',
      pad(cut(name, nameWidth), nameWidth),
      ...cells.map((cell, i) => `  ${padLeft(cell, shown[i]?.width ?? 0)}`),
    ]
      .join('')
      .trimEnd();
  const head = row(
    '',
    'run',
    shown.map((column) => column.title),
  );
  return [
    colors.dim(cut(head, width)),
    ...picture.workers.map((worker, i) =>
      cut(
        row(
          String(i + 1),
          worker.run_id ?? MISSING,
          shown.map((column) => column.cell(worker)),
        ),
        width,
      ),
    ),
  ];
}

function mark(status: RunStatus, colors: Colors): string {
  if (status === 'finished') return colors.green('✓');
  return status === 'failed' ? colors.red('✗') : colors.yellow('!');
}

/** `text` in at most `width` terminal cells, the loss marked by an ellipsis. */
function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (stringWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return width < 1 ? '' : `${kept}…`;
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)));

const padLeft = (text: string, width: number): string => ' '.repeat(Math.max(0, width - stringWidth(text))) + text;

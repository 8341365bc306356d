/** @file A table of points, from another program or a paper, into the points that laws are fitted to.
 * Reads text, not files. Columns are named on the command line (`N=Model Size,C=Training FLOP,L=loss`) or carry the
 * symbols themselves; S, U and B (steps, unique tokens, tokens a batch) are for the laws that read them. What follows
 * from other columns may be absent: D = C/(6 N), C = 6 N D, S = D/B, B = D/S, U = D/epochs. Every fault of the table is
 * reported in one go with its place, since a table has seldom only one.
 */
import path from 'node:path';
import { suggest } from '../config/config.ts';
import type { FitPoint } from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { type Cell, parseCsv } from './csv.ts';

export interface PointsFile {
  text: string;
  /** Name for messages. */
  file: string;
  /** `symbol=column, ...`; a symbol that is not named is looked for under its own name. */
  columns?: string;
  /** The quantities that the rows must give, besides L. Default N and D. */
  needs?: readonly string[];
}

/** What a column can be. */
const SYMBOLS = ['N', 'D', 'C', 'L', 'S', 'U', 'B', 'epochs', 'weight', 'group', 'id'] as const;
type Quantity = (typeof SYMBOLS)[number];

/** What a quantity is, for messages. */
const MEANINGS: Partial<Record<Quantity, string>> = {
  N: 'parameters',
  D: 'training tokens',
  C: 'training FLOPs',
  L: 'loss in nats a token',
  S: 'training steps',
  U: 'unique training tokens',
  B: 'tokens a batch',
  epochs: 'passes over the unique tokens',
};

/** Columns from which an absent one follows, each way by itself. */
const FOLLOWS: Partial<Record<Quantity, readonly (readonly Quantity[])[]>> = {
  D: [
    ['N', 'C'],
    ['S', 'B'],
  ],
  C: [['N', 'D']],
  S: [['D', 'B']],
  B: [['D', 'S']],
  U: [['D', 'epochs']],
};

/** What other tables call them; for suggestions only. */
const ALIASES: Partial<Record<Quantity, readonly string[]>> = {
  N: ['model size', 'params', 'parameters', 'num_params', 'n_params', 'size'],
  D: ['tokens', 'num_tokens', 'training tokens', 'train_tokens'],
  C: ['training flop', 'training flops', 'flops', 'flop', 'compute'],
  L: ['loss', 'val_loss', 'validation loss', 'test_loss', 'eval_loss', 'final loss'],
  S: ['steps', 'num_steps', 'training steps'],
  U: ['unique tokens', 'unique_tokens', 'num_unique_tokens'],
  B: ['batch', 'batch size', 'batch_tokens', 'batch tokens'],
  epochs: ['epoch', 'num_epochs'],
};

/** Faults listed before the rest is only counted. */
const MAX_LISTED = 20;

/** A wider table is something else. */
const MAX_COLUMNS = 10_000;

/** A number as programs write it. */
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** Text of the table in a message: at most 60 characters. */
const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);
const quoted = (text: string): string => `"${short(text)}"`;

/** The first 20 names. */
const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_LISTED).map(quoted).join(', ') + (names.length > MAX_LISTED ? ', ...' : '');

/** Something wrong with a cell. */
interface Fault {
  cell: Cell;
  problem: string;
}

/** The points of a table, one a row, each with the id `file:line` where the table has none. N, D or C that the rows
 * need not give and do not is NaN.
 * @throws LabError('usage') with `file:line:column: symbol: problem` for every fault, the first 20 in words.
 */
export function readPoints({ text, file, columns, needs = ['N', 'D'] }: PointsFile): FitPoint[] {
  const [header, ...rows] = parseCsv(text, file);
  if (!header) throw new LabError('usage', `${file} is empty; it needs a header line and one line a run`);
  const places = findColumns(header, { file, columns, needs: needs as readonly Quantity[] });
  if (rows.length === 0) throw new LabError('usage', `${file} has a header but no rows; it needs one line a run`);
  const faults: Fault[] = [];
  const points = rows.map((row) => readRow(row, header.length, places, file, faults));
  if (faults.length > 0) {
    faults.sort((x, y) => x.cell.line - y.cell.line || x.cell.column - y.cell.column);
    const lines = faults.map(({ cell, problem }) => `${file}:${cell.line}:${cell.column}: ${problem}`);
    const more = lines.length > MAX_LISTED ? [`and ${lines.length - MAX_LISTED} more`] : [];
    throw new LabError('usage', [...lines.slice(0, MAX_LISTED), ...more].join('\n'));
  }
  return points;
}

/** `N=Model Size,C=Training FLOP` as symbols and names; a comma inside a name is kept. */
function parseColumns(columns: string): Map<Quantity, string> {
  const wanted = new Map<Quantity, string>();
  for (const part of columns.split(/,(?=\s*\w+\s*=)/)) {
    const [, symbol, name] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (symbol === undefined || !name)
      throw new LabError(
        'usage',
        `invalid --columns: ${quoted(part.trim())} is not symbol=column, as in "N=params,L=loss"`,
      );
    if (!SYMBOLS.includes(symbol as Quantity))
      throw new LabError(
        'usage',
        `invalid --columns: unknown symbol ${short(symbol)}; the symbols are ${SYMBOLS.join(', ')}`,
      );
    if (wanted.has(symbol as Quantity)) throw new LabError('usage', `invalid --columns: ${symbol} is named twice`);
    wanted.set(symbol as Quantity, name);
  }
  return wanted;
}

/** The position of each symbol's column. */
function findColumns(
  header: readonly Cell[],
  { file, columns, needs }: { file: string; columns: string | undefined; needs: readonly Quantity[] },
): Map<Quantity, number> {
  if (header.length > MAX_COLUMNS) {
    const place = `${file}:${header[0]!.line}:1`;
    throw new LabError('usage', `${place}: a header of ${header.length} columns; at most ${MAX_COLUMNS} are read`);
  }
  const names = header.map((cell) => cell.text.trim());
  const wanted = columns === undefined ? new Map<Quantity, string>() : parseColumns(columns);
  const places = new Map<Quantity, number>();
  const faults: string[] = [];
  for (const symbol of SYMBOLS) {
    const name = wanted.get(symbol) ?? symbol;
    const at = names.indexOf(name);
    if (at >= 0) places.set(symbol, at);
    else if (wanted.has(symbol)) faults.push(`${symbol}: no column ${quoted(name)}${meant(name, names)}`);
    if (at !== names.lastIndexOf(name)) faults.push(`${symbol}: two columns are named ${quoted(name)}`);
  }
  const is_given = (symbol: Quantity): boolean => places.has(symbol) || wanted.has(symbol);
  const absent = [...new Set<Quantity>([...needs, 'L'])].filter(
    (symbol) => !is_given(symbol) && !FOLLOWS[symbol]?.some((others) => others.every(is_given)),
  );
  faults.push(...absent.map(lacks));
  if (faults.length > 0) {
    const place = `${file}:${header[0]!.line}:1`;
    const lines = [`the columns are ${listed(names)}`];
    if (absent.length > 0) lines.push(`name what is missing with ${example(absent, wanted, names)}`);
    throw new LabError('usage', [...faults, ...lines].map((line) => `${place}: ${line}`).join('\n'));
  }
  return places;
}

/** `no column for U (unique training tokens), nor for epochs beside D`. */
function lacks(symbol: Quantity): string {
  const others = (FOLLOWS[symbol] ?? []).map((columns) => columns.join(' and '));
  const instead = others.length === 0 ? '' : `; ${others.join(', or ')} would do too`;
  return `no column for ${symbol} (${MEANINGS[symbol] ?? 'its variable'})${instead}`;
}

/** The option that names the absent columns, with those that probably hold them, besides those named already. */
function example(absent: readonly Quantity[], wanted: ReadonlyMap<Quantity, string>, names: readonly string[]): string {
  const parts = new Map<Quantity, string>(wanted);
  const likely = (symbol: Quantity): string | undefined =>
    names.find((name) => name.toLowerCase() === symbol.toLowerCase() || ALIASES[symbol]?.includes(name.toLowerCase()));
  for (const symbol of absent) {
    const others = likely(symbol) === undefined ? (FOLLOWS[symbol] ?? []) : [];
    const inferred = others.find((columns) => columns.every((c) => wanted.has(c) || likely(c) !== undefined));
    for (const column of inferred ?? [symbol]) if (!parts.has(column)) parts.set(column, likely(column) ?? '...');
  }
  const own = [...parts].filter(([symbol, name]) => symbol !== name);
  return `--columns "${own.map(([symbol, name]) => `${symbol}=${short(name)}`).join(',')}"`;
}

function meant(name: string, names: readonly string[]): string {
  const near = suggest(name, names);
  return near === undefined ? '' : ` (did you mean ${quoted(near)}?)`;
}

function readRow(
  row: readonly Cell[],
  width: number,
  places: ReadonlyMap<Quantity, number>,
  file: string,
  faults: Fault[],
): FitPoint {
  const line = row[0]!.line;
  if (row.length !== width) {
    faults.push({ cell: row.at(-1)!, problem: `${row.length} cells, the header has ${width}` });
    return { N: 1, D: 1, C: 1, L: 1 };
  }
  const cellOf = (symbol: Quantity): Cell | undefined => {
    const at = places.get(symbol);
    return at === undefined ? undefined : row[at];
  };
  const number = (symbol: Quantity): number | undefined => {
    const cell = cellOf(symbol);
    if (!cell) return undefined;
    const text = cell.text.trim();
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    const problem = faultOf(symbol, text, value);
    if (problem) faults.push({ cell, problem: `${symbol}: ${problem}` });
    return value;
  };
  const [N, L, weight] = [number('N') ?? Number.NaN, number('L')!, number('weight')];
  let [D, C, S, U, B] = [number('D'), number('C'), number('S'), number('U'), number('B')];
  const epochs = number('epochs');
  D ??= C === undefined ? undefined : C / (6 * N);
  if (S !== undefined && B !== undefined && !(D! > 0)) D = S * B;
  C ??= 6 * N * (D ?? Number.NaN);
  if (D !== undefined && B !== undefined) S ??= D / B;
  if (D !== undefined && S !== undefined) B ??= D / S;
  if (D !== undefined && epochs !== undefined) U ??= D / epochs;
  D ??= Number.NaN;
  const group = cellOf('group')?.text.trim();
  const id = cellOf('id')?.text.trim() || `${path.basename(file)}:${line}`;
  return {
    ...{ N, D, C, L, id },
    ...(S === undefined ? {} : { S }),
    ...(U === undefined ? {} : { U }),
    ...(B === undefined ? {} : { B }),
    ...(weight === undefined ? {} : { weight }),
    ...(group ? { group } : {}),
  };
}

/** What is wrong with a number; undefined where nothing is. */
function faultOf(symbol: Quantity, text: string, value: number): string | undefined {
  if (text === '') return 'the cell is empty';
  if (Number.isNaN(value)) return `${quoted(text)} is not a number`;
  if (!Number.isFinite(value)) return `${short(text)} is too large`;
  if (symbol === 'weight') return value < 0 ? `${short(text)} is negative` : undefined;
  return value > 0 ? undefined : `${short(text)} is not positive`;
}

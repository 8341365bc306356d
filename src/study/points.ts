/** @file A table of points, from another program or a paper, into the points that laws are fitted to.
 * Reads text, not files. Columns are named on the command line (`N=Model Size,C=Training FLOP,L=loss`) or carry the
 * symbols themselves; S, U and B (steps, unique tokens, tokens a batch) are for the laws that read them. D = C/(6 N)
 * where D is absent, C = 6 N D where C is. Every fault of the table is reported in one go with its place, since a
 * table has seldom only one.
 */
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
}

/** What a column can be. */
const SYMBOLS = ['N', 'D', 'C', 'L', 'S', 'U', 'B', 'weight', 'group', 'id'] as const;
type Quantity = (typeof SYMBOLS)[number];

/** What other tables call them; for suggestions only. */
const ALIASES: Partial<Record<Quantity, readonly string[]>> = {
  N: ['model size', 'params', 'parameters', 'num_params', 'n_params', 'size'],
  D: ['tokens', 'num_tokens', 'training tokens', 'train_tokens'],
  C: ['training flop', 'training flops', 'flops', 'flop', 'compute'],
  L: ['loss', 'val_loss', 'validation loss', 'test_loss', 'eval_loss', 'final loss'],
  S: ['steps', 'num_steps', 'training steps'],
  U: ['unique tokens', 'unique_tokens', 'num_unique_tokens'],
  B: ['batch', 'batch size', 'batch_tokens'],
};

/** Faults listed before the rest is only counted. */
const MAX_LISTED = 20;

/** A number as programs write it. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Something wrong with a cell. */
interface Fault {
  cell: Cell;
  problem: string;
}

/** The points of a table, one a row, each with the id `file:line` where the table has none.
 * @throws LabError('usage') with `file:line:column: symbol: problem` for every fault, the first 20 in words.
 */
export function readPoints({ text, file, columns }: PointsFile): FitPoint[] {
  const [header, ...rows] = parseCsv(text, file);
  if (!header) throw new LabError('usage', `${file} is empty; it needs a header line and one line a run`);
  const places = findColumns(header, file, columns);
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
      throw new LabError('usage', `invalid --columns: "${part.trim()}" is not symbol=column, as in "N=params,L=loss"`);
    if (!SYMBOLS.includes(symbol as Quantity))
      throw new LabError('usage', `invalid --columns: unknown symbol ${symbol}; the symbols are ${SYMBOLS.join(', ')}`);
    if (wanted.has(symbol as Quantity)) throw new LabError('usage', `invalid --columns: ${symbol} is named twice`);
    wanted.set(symbol as Quantity, name);
  }
  return wanted;
}

/** The position of each symbol's column. */
function findColumns(header: readonly Cell[], file: string, columns: string | undefined): Map<Quantity, number> {
  const names = header.map((cell) => cell.text.trim());
  const wanted = columns === undefined ? new Map<Quantity, string>() : parseColumns(columns);
  const places = new Map<Quantity, number>();
  const faults: string[] = [];
  for (const symbol of SYMBOLS) {
    const name = wanted.get(symbol) ?? symbol;
    const at = names.indexOf(name);
    if (at >= 0) places.set(symbol, at);
    else if (wanted.has(symbol)) faults.push(`${symbol}: no column "${name}"${meant(name, names)}`);
    if (at !== names.lastIndexOf(name)) faults.push(`${symbol}: two columns are named "${name}"`);
  }
  const absent = (symbol: Quantity): boolean => !places.has(symbol) && !wanted.has(symbol);
  for (const symbol of ['N', 'L'] as const) if (absent(symbol)) faults.push(needs(symbol, names));
  if (absent('D') && absent('C')) faults.push(`${needs('D', names)}, or ${needs('C', names)}`);
  if (faults.length > 0) {
    const place = `${file}:${header[0]!.line}:1`;
    const listed = `${place}: the columns are ${names.map((name) => `"${name}"`).join(', ')}`;
    throw new LabError('usage', [...faults.map((fault) => `${place}: ${fault}`), listed].join('\n'));
  }
  return places;
}

function meant(name: string, names: readonly string[]): string {
  const near = suggest(name, names);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** What is missing for a symbol, with the column that probably holds it. */
function needs(symbol: Quantity, names: readonly string[]): string {
  const known = ALIASES[symbol] ?? [];
  const likely = names.find(
    (name) => name.toLowerCase() === symbol.toLowerCase() || known.includes(name.toLowerCase()),
  );
  return `no column for ${symbol}${likely === undefined ? `; name it with --columns "${symbol}=..."` : `; did you mean --columns "${symbol}=${likely}"?`}`;
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
  const [N, L, weight] = [number('N')!, number('L')!, number('weight')];
  let [D, C] = [number('D'), number('C')];
  D ??= C! / (6 * N);
  C ??= 6 * N * D;
  const [S, U, B] = [number('S'), number('U'), number('B')];
  const group = cellOf('group')?.text.trim();
  const id = cellOf('id')?.text.trim() || `${file}:${line}`;
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
  if (Number.isNaN(value)) return `"${text}" is not a number`;
  if (!Number.isFinite(value)) return `${text} is too large`;
  if (symbol === 'weight') return value < 0 ? `${text} is negative` : undefined;
  return value > 0 ? undefined : `${text} is not positive`;
}

/** @file Reads comma-separated text into cells that know where they stand.
 * RFC 4180: quoted cells with doubled quotes, line breaks inside quotes, CRLF, LF or CR, an optional byte-order mark.
 * Blank lines are skipped. Where the header holds no comma, tabs or else semicolons separate. Nothing is guessed about
 * the cells themselves: they are text.
 */
import { LabError } from '../lib/errors.ts';

/** One cell with its place in the file, both counted from 1. */
export interface Cell {
  text: string;
  line: number;
  column: number;
}

/** The rows of `text`, the header first; rows may differ in length.
 * @throws LabError('usage') naming `file:line:column` for a quote that is not closed or is followed by text.
 */
export function parseCsv(text: string, file: string): Cell[][] {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const separator = separatorOf(source);
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let at = 0;
  let line = 1;
  let lineStart = 0;
  const fail = (cell: Cell, problem: string): never => {
    throw new LabError('usage', `${file}:${cell.line}:${cell.column}: ${problem}`);
  };
  const newline = (): void => {
    at += source[at] === '\r' && source[at + 1] === '\n' ? 2 : 1;
    line++;
    lineStart = at;
  };
  const isBreak = (c: string | undefined): boolean => c === '\n' || c === '\r';
  while (at < source.length) {
    const cell: Cell = { text: '', line, column: at - lineStart + 1 };
    if (source[at] === '"') {
      at++;
      while (source[at] !== '"' || source[at + 1] === '"') {
        if (at >= source.length) fail(cell, 'the quote that opens here is never closed');
        if (isBreak(source[at])) {
          const from = at;
          newline();
          cell.text += source.slice(from, at);
        } else {
          cell.text += source[at];
          at += source[at] === '"' ? 2 : 1;
        }
      }
      at++;
      if (at < source.length && source[at] !== separator && !isBreak(source[at]))
        fail({ ...cell, line, column: at - lineStart + 1 }, 'text follows a closing quote');
    } else {
      const from = at;
      while (at < source.length && source[at] !== separator && !isBreak(source[at])) at++;
      cell.text = source.slice(from, at);
    }
    row.push(cell);
    if (source[at] === separator) {
      at++;
      // A separator at the very end still opens an empty cell.
      if (at < source.length && !isBreak(source[at])) continue;
      row.push({ text: '', line, column: at - lineStart + 1 });
    }
    if (row.length > 1 || row[0]!.text.trim() !== '') rows.push(row);
    row = [];
    if (at < source.length) newline();
  }
  return rows;
}

/** Comma, or what the first line holds in its place. */
function separatorOf(source: string): string {
  const header = source.split(/[\r\n]/, 1)[0]!;
  return [',', '\t', ';'].find((mark) => header.includes(mark)) ?? ',';
}

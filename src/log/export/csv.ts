/** @file Writes a table as CSV (RFC 4180, but lines end with a plain newline).
 * A missing value is an empty cell, an empty string a quoted one; numbers are the shortest text that reads back to the
 * same double. UTF-8 without a byte-order mark.
 */
import { writeAtomic } from '../atomic.ts';
import type { Cell, Column, Row } from './columns.ts';

/** Characters handed on at once. */
const CHUNK_CHARS = 1 << 16;

/** Writes `rows` to `path`, a header first, and returns how many. Throws `storage`, and then leaves no file. */
export function writeCsv(path: string, columns: readonly Column[], rows: Iterable<Row>): number {
  let count = 0;
  writeAtomic(
    path,
    (write) => {
      let text = `${columns.map(({ name }) => name).join(',')}\n`;
      for (const row of rows) {
        text += `${row.map(csvCell).join(',')}\n`;
        count += 1;
        if (text.length < CHUNK_CHARS) continue;
        write(text);
        text = '';
      }
      write(text);
    },
    { durable: false },
  );
  return count;
}

/** One cell; quoted where it must be, or where a reader might trim it. */
export function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  return cell === '' || /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

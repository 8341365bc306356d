/** @file A table of the report on a terminal: the same rows as on the page, indented under what stands above. */
import { type Table, tableToText } from '../report/report.ts';

/** The rows, a line an element, without the caption. */
export function tableLines(table: Table): string[] {
  const lines = tableToText(table).split('\n');
  return lines.map((line) => `  ${line}`);
}

/** The caption and the rows below it. */
export const captionedLines = (table: Table): string[] => [`${table.caption}:`, ...tableLines(table)];

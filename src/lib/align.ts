/** @file Rows of text in columns, for terminals. */

/** Rows with their cells padded to columns two spaces apart; the first row is the header. */
export function alignRows(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) => (indent + row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')).trimEnd());
}

/** @file docs/diagnostics.md: a row for every diagnostic that the code can give, and none for another. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

describe('the table of diagnostics', () => {
  const type = /export type DiagnosticName =([\s\S]*?);/.exec(read('src/fit/diagnostic.ts'))![1]!;
  const names = [...type.matchAll(/\| '(\w+)'/g)].map(([, name]) => name!);
  const rows = read('docs/diagnostics.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('has a row for each name of the code, in its order', () => {
    expect(names.length).toBeGreaterThan(30);
    expect(rows.map(([, name]) => name)).toEqual(names.map((name) => `\`${name}\``));
  });

  it('says of each what it means, when it fires and what to do', () => {
    for (const row of rows) {
      expect(row, row[1]).toHaveLength(6);
      for (const cell of row.slice(1, 5)) expect(cell.length, row[1]).toBeGreaterThan(3);
    }
  });

  it('is linked from README', () => {
    expect(read('README.md')).toContain('(docs/diagnostics.md)');
  });
});

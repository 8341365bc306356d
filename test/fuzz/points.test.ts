/** @file Tables of points under fuzz: as CSV, JSON and JSON lines; every fault with its place, and `fit` writes a whole file
 * or none.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readPoints } from '../../src/study/study.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { bentText, documented, expectClean, expectReadable, FUZZ_TIMEOUT, fuzz, fuzzAsync } from './hostile.ts';

const ROWS = [1e4, 3e4, 1e5, 3e5].flatMap((N) =>
  [1e6, 1e7, 1e8].map((D) => ({ N, D, L: 1.5 + 80 / N ** 0.4 + 400 / D ** 0.4 })),
);
const CSV = `N,D,L\n${ROWS.map(({ N, D, L }) => `${N},${D},${L}`).join('\n')}\n`;
const QUOTED = `"Model Size","Training FLOP",loss,weight\r\n${ROWS.map(({ N, D, L }) => `"${N}",${6 * N * D},"${L}",1`).join('\r\n')}`;
const JSON_TEXT = JSON.stringify(ROWS, null, 1);
const JSONL = `${ROWS.map((row) => JSON.stringify(row)).join('\n')}\n`;
const COLUMNS = 'N=Model Size,C=Training FLOP,L=loss';

it(
  'are read, or every fault is told',
  () => {
    fuzz(15, fc.tuple(bentText(CSV, QUOTED, JSON_TEXT, JSONL), fc.option(bentText(COLUMNS))), ([text, columns]) => {
      const points = documented(() => readPoints({ text, file: 'p.csv', ...(columns === null ? {} : { columns }) }));
      for (const { N, D, L } of points ?? []) expect(N > 0 && D > 0 && L > 0).toBe(true);
    });
  },
  FUZZ_TIMEOUT,
);

it('of a megabyte are refused as fast as they are read', () => {
  for (const text of ['"', '""', ',', '\n', '\t;', 'a', '" ', '1,', '\r', '"\n', '{"N":']) {
    for (const head of ['', 'N,D,L\n', '"N']) {
      documented(() => readPoints({ text: head + text.repeat(1e6 / text.length), file: 'p.csv' }));
    }
    documented(() => readPoints({ text: CSV, file: 'p.csv', columns: text.repeat(1e6 / text.length) }));
  }
});

it(
  'give a fit in a whole file, or a message and no file',
  async () => {
    const dir = temporaryFolder();
    const [points, out] = [join(dir, 'points.csv'), join(dir, 'fit.json')];
    const args = fc.constantFrom(
      ['--bootstrap', '0'],
      ['--bootstrap', '3'],
      ['--law', 'kaplan_n'],
      ['--approach', '2'],
    );
    await fuzzAsync(1, fc.tuple(bentText(CSV), args), async ([text, options]) => {
      writeFileSync(points, text);
      rmSync(out, { force: true });
      const { code, err } = await lab('fit', points, '--out', out, ...options);
      expect([0, 2, 4]).toContain(code);
      expectClean();
      if (code === 0) JSON.parse(readFileSync(out, 'utf8'));
      else expect(existsSync(out)).toBe(false);
      if (code !== 0) expectReadable(err);
      expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    });
  },
  FUZZ_TIMEOUT,
);

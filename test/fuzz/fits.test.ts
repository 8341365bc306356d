/** @file fit.json under fuzz: `predict` gives an answer, or says what is wrong with the file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { bentJson, bentText, expectClean, expectReadable, FUZZ_TIMEOUT, fuzzAsync } from './hostile.ts';

const STUDY_FIT = fileURLToPath(new URL('../../runs/reference/quickstart/fit.json', import.meta.url));
const ASKED = [
  ['--compute', '1e12'],
  ['--params', '1e5', '--tokens', '1e7'],
  ['--loss', '2.5'],
];

const files: string[] = [];
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'scaling-lab-'));
  const rows = [1e4, 3e4, 1e5, 3e5].flatMap((N) =>
    [1e6, 1e7, 1e8].map((D) => `${N},${D},${1.5 + 80 / N ** 0.4 + 400 / D ** 0.4}`),
  );
  writeFileSync(join(dir, 'points.csv'), `N,D,L\n${rows.join('\n')}\n`);
  for (const [i, options] of [
    ['--bootstrap', '3'],
    ['--law', 'kaplan_n', '--bootstrap', '0'],
  ].entries()) {
    const out = join(dir, `fit-${i}.json`);
    expect((await lab('fit', join(dir, 'points.csv'), '--out', out, ...options)).code).toBe(0);
    files.push(readFileSync(out, 'utf8'));
  }
  const groups = (JSON.parse(readFileSync(STUDY_FIT, 'utf8')) as { groups: { name: string }[] }).groups;
  rmSync(dir, { recursive: true });
  files.push(JSON.stringify({ schema_version: 1, groups: groups.filter(({ name }) => name === 'lexicon') }));
});

it(
  'gives a prediction, or a message',
  async () => {
    const path = join(temporaryFolder(), 'fit.json');
    const bent = fc.oneof(
      bentText(...files),
      ...files.map((file) => bentJson(JSON.parse(file)).map((value) => JSON.stringify(value) ?? '')),
    );
    await fuzzAsync(2, fc.tuple(bent, fc.constantFrom(...ASKED)), async ([text, asked]) => {
      writeFileSync(path, text);
      const { code, err } = await lab('predict', path, ...asked);
      expectClean();
      if (![0, 2, 4].includes(code)) throw new Error(`exit ${code}: ${err}`);
      if (code !== 0) expectReadable(err);
    });
  },
  FUZZ_TIMEOUT,
);

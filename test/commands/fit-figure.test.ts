/** @file `fit --figure`: every procedure draws what it fitted, as SVG or PNG; what cannot be drawn into is refused first. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAbsent, tablePath } from '../fit/tables.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/run-record.ts';

const law = (N: number, D: number): number => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;
const wiggle = (i: number): number => 1 + 0.003 * Math.sin(7.3 * i);

/** Writes a table and gives its path. */
function table(name: string, header: string, rows: readonly (readonly number[])[]): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`);
  return file;
}

const SIZES = [1e4, 3e4, 1e5, 3e5, 1e6];
/** Runs at five sizes and four horizons. */
const grid = (): string =>
  table(
    'grid.csv',
    'N,D,B,L',
    SIZES.flatMap((N, i) => [1e6, 1e7, 1e8, 1e9].map((D, j) => [N, D, 1e4, law(N, D) * wiggle(4 * i + j)])),
  );
/** Five budgets of nine sizes. */
const isoflops = (): string =>
  table(
    'isoflop.csv',
    'N,D,L',
    [1e12, 3e12, 1e13, 3e13, 1e14].flatMap((C, b) =>
      Array.from({ length: 9 }, (_, j) => {
        const N = 3.5e5 * (C / 1e13) ** 0.467 * 1.4 ** (j - 4);
        return [N, C / (6 * N), law(N, C / (6 * N)) * wiggle(9 * b + j)];
      }),
    ),
  );

/** Fits with a figure and gives the SVG. */
async function figure(...args: string[]): Promise<string> {
  const file = join(temporaryFolder(), 'fit.svg');
  const { code, err } = await lab('fit', ...args, '--bootstrap', '0', '--no-checks', '--figure', file);
  expect(code, err).toBe(0);
  return readFileSync(file, 'utf8');
}

const labelOf = (svg: string): string => /aria-label="([^"]*)"/.exec(svg)![1]!;

describe('fit --figure', () => {
  it('writes SVG or PNG by the name, whole, beside what is printed', async () => {
    const [runs, folder] = [grid(), temporaryFolder()];
    for (const name of ['fit.svg', 'made/fit.PNG']) {
      const file = join(folder, name);
      const { code, out } = await lab('fit', runs, '--bootstrap', '0', '--no-checks', '--figure', file);
      expect(code).toBe(0);
      expect(out).toMatch(/^chinchilla: L = E/m);
      const bytes = readFileSync(file);
      if (name.endsWith('svg')) expect(bytes.toString()).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
      else expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    }
  });

  it('draws a law of runs along what it is about', async () => {
    const file = grid();
    for (const [name, words] of [
      ['chinchilla', 'loss against training tokens, a line a size; 20 runs, lines at 10k, 30k, 100k, 300k, 1M'],
      ['power_mean', 'loss against training tokens'],
      ['kaplan', 'The law kaplan_nd: loss against training tokens'],
      ['kaplan_ns', 'loss against steps, a line a size; 20 runs'],
      ['over_training', 'reducible loss against compute, a line for each ratio M = D/N; 20 runs'],
    ] as const)
      expect(labelOf(await figure(file, '--law', name)), name).toContain(words);
  });

  it('draws repeated data over epochs, a panel for unique tokens, dashed as if all were fresh', async () => {
    const rows = SIZES.flatMap((N, i) =>
      [1e6, 5e6, 3e7].flatMap((U, j) =>
        [1, 4, 16, 64].map((epochs, k) => {
          const D = U * (1 + 15 * (1 - Math.exp(-(epochs - 1) / 15)));
          return [N, epochs * U, U, law(N, D) * wiggle(12 * i + 4 * j + k)];
        }),
      ),
    );
    const svg = await figure(
      table('repeated.csv', 'N,D,U,L', rows),
      '--law',
      'data_constrained',
      '--tie',
      'alpha=beta',
    );
    expect(labelOf(svg)).toContain('loss against epochs, a panel for unique tokens, a line a size; 60 runs');
    for (const words of [
      ' = 1M unique tokens',
      ' = 5M unique tokens',
      ' = 30M unique tokens',
      '>if every token were fresh<',
    ])
      expect(svg).toContain(words);
    // A size in each panel.
    expect(svg.match(/<g aria-label="line"[^>]*stroke-dasharray/g)).toHaveLength(3 * SIZES.length);
  });

  it('draws a curve, with a break its place and the law without', async () => {
    const rows = Array.from({ length: 24 }, (_, i) => {
      const x = 1e4 * 10 ** (i / 6);
      return [x, (1 + 20 * x ** -0.1 * (1 + (x / 1e6) ** 4) ** (-0.2 / 4)) * wiggle(i)];
    });
    const file = table('curve.csv', 'S,L', rows);
    expect(labelOf(await figure(file, '--law', 'saturating', '--x', 'S'))).toMatch(
      /^Laws in one variable .*; L\(S\) α = /,
    );
    const svg = await figure(file, '--law', 'broken_power_law', '--x', 'S');
    for (const words of ['>with a break<', '>without<', ', justified (p = ']) expect(svg).toContain(words);
    // In the panel of losses and in that of residuals.
    expect(svg.match(/<g aria-label="rule"[^>]*stroke-dasharray="2,3"/g)).toHaveLength(2);
  });

  it('draws approaches 1 and 2 and the critical batch as a report does', async () => {
    expect(labelOf(await figure(isoflops(), '--approach', '2'))).toContain('IsoFLOP valleys');
    const ends = [0, 1, 2, 3, 4, 5, 6].flatMap((i) =>
      [0, 1, 2, 3, 4, 5].map((j) => [5e4 * 2 ** i, 1e6 * 3 ** j, law(5e4 * 2 ** i, 1e6 * 3 ** j)]),
    );
    const ladder = table('ladder.csv', 'N,D,L', ends);
    expect(labelOf(await figure(ladder, '--approach', '1', '--ends'))).toContain('Approach 1');
    const rows = [1e5, 1e6, 1e7].flatMap((N) =>
      [2e3, 1e4, 5e4, 2.5e5].flatMap((B, i) =>
        Array.from({ length: 10 }, (_, k) => {
          const L = (1e8 / N) ** 0.1 + (3e4 / (300 * 1.6 ** k)) ** 0.5;
          return [N, B, 300 * 1.6 ** k * (1 + (2e6 * L ** -3) / B) * wiggle(10 * i + k), L];
        }),
      ),
    );
    const batches = table('batches.csv', 'N,B,S,L', rows);
    expect(labelOf(await figure(batches, '--law', 'critical_batch'))).toContain('Critical batch');
    expect(await figure(batches, '--law', 'kaplan_ns', '--critical-batch', 'kaplan-2020')).toContain(
      'steps at a huge batch',
    );
  });

  it('refuses what it cannot draw into or does not draw, before anything is written', async () => {
    const [runs, folder] = [grid(), temporaryFolder()];
    const out = join(folder, 'never.json');
    for (const name of ['fit.gif', 'fit', '.svg', 'png', 'fit.svg.txt']) {
      const file = join(folder, name);
      const { code, err } = await lab('fit', runs, '--out', out, '--figure', file);
      expect(code, name).toBe(2);
      expect(err).toContain(`'${file}' is invalid. a file that ends in .svg or .png is needed.`);
    }
    for (const [args, kind] of [
      [['--compare', 'chinchilla,power_mean'], '--compare'],
      [['--all-countings'], '--all-countings'],
    ] as const) {
      const { code, err } = await lab('fit', runs, ...args, '--out', out, '--figure', join(folder, 'never.svg'));
      expect([code, err]).toEqual([2, expect.stringContaining(`--figure is for one fit, not for ${kind}`)]);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.skipIf(isAbsent('muennighoff_182.csv'))('of the runs of Muennighoff et al. (needs the public tables)', () => {
  it('shows the best covered amounts and sizes and says of how many', async () => {
    const constants = ['E=1.87', 'A=521', 'B=1488', 'alpha=0.353', 'beta=0.353', 'R_N_star=5.3'];
    const held = constants.flatMap((constant) => ['--fix', constant]);
    const svg = await figure(
      tablePath('muennighoff_182.csv'),
      '--columns',
      'L=loss,id=name',
      '--law',
      'data_constrained',
      ...held,
    );
    expect(svg).toContain('3 of 38 amounts of unique tokens U, the best covered; lines at 6 of 17 sizes N');
    for (const U of ['100M', '400M', '1.5B']) expect(svg).toContain(` = ${U} unique tokens`);
  });
});

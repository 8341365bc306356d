/** @file Diagnostics that take a second fit, each triggered once and quiet on clean points. */
import { describe, expect, it } from 'vitest';
import { type FitPoint, fitIsoflop, fitLaw, judgeApproaches, judgeBreak, judgeOffsets } from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, rectangle, trueLoss, trueOptimum } from './known-law.ts';

const clean = noisy(isoflopGrid(), 1, 0.003);
const one = (found: { name: string; message: string }[], name: string) => {
  expect(found.map((d) => d.name)).toEqual([name]);
  return found[0]!.message;
};

describe('floor_unidentified', () => {
  it('where a law without a floor fits as well, but the fit found one', () => {
    const floorless = rectangle(5, (N, D) => 300 / N ** 0.25 + 500 / D ** 0.25);
    const fits = [1, 2, 3, 4, 5, 6].map((seed) => fitLaw(noisy(floorless, seed, 0.01), { loss: 'mse' }));
    const found = fits.filter((fit) => fit.params['E']! > 0);
    expect(found.length).toBeGreaterThan(0);
    for (const fit of found)
      expect(fit.diagnostics.find((d) => d.name === 'floor_unidentified')!.message).toMatch(/open at 0 at 90%/);
  });

  it('not where the floor shows', () => {
    expect(fitLaw(clean).diagnostics).toEqual([]);
  });
});

describe('outliers', () => {
  it('are named with their distance, and the fit is told without them', () => {
    const points = clean.map((p, i) => ({ ...p, id: `run ${i}`, L: i === 5 ? p.L * 1.2 : i === 30 ? p.L * 0.9 : p.L }));
    const fit = fitLaw(points, { loss: 'mse' });
    const found = fit.diagnostics.find((d) => d.name === 'outliers')!;
    expect(found.values['ids']).toEqual(['run 30', 'run 5']);
    expect(found.message).toMatch(/run 30 -1?\d\.\d%, run 5 \+1?\d\.\d%.*without them a is 0\.\d+ in place of 0\.\d+/);
    const without = fitLaw(
      points.filter(({ id }) => id !== 'run 5' && id !== 'run 30'),
      { loss: 'mse' },
    );
    expect(found.values['a_with']).toBeCloseTo(fit.exponents!.a, 10);
    expect(found.values['a_without']).toBeCloseTo(without.exponents!.a, 6);
  });
});

describe('shape_offset', () => {
  const options = { bootstrap: 60, seed: 2 };

  it('where the runs of a size share an error', () => {
    const points = noisy(rectangle(9, trueLoss, 2.5), 3, 0.001, 0.01);
    const fit = fitLaw(points, options);
    expect(one(judgeOffsets(points, fit, options), 'shape_offset')).toMatch(
      /over sizes is \d\.\d times that over runs/,
    );
  });

  it('not where every run errs by itself, nor without a bootstrap over sizes', () => {
    const points = noisy(rectangle(9, trueLoss, 2.5), 3, 0.005);
    expect(judgeOffsets(points, fitLaw(points, options), options)).toEqual([]);
    const byRuns = { ...options, cluster: 'runs' as const };
    expect(judgeOffsets(points, fitLaw(points, byRuns), byRuns)).toEqual([]);
    expect(judgeOffsets(points, fitLaw(points), {})).toEqual([]);
  });
});

describe('approaches_disagree', () => {
  const pair = (a: number, standard_error: number | null) => [
    { approach: 'Approach 2', a: 0.5, standard_error },
    { approach: 'Approach 3', a, standard_error },
  ];

  it('beyond the margin and their errors', () => {
    expect(one(judgeApproaches(pair(0.56, null)), 'approaches_disagree')).toContain('Approach 3 0.560');
    expect(judgeApproaches(pair(0.54, null))).toEqual([]);
    expect(judgeApproaches(pair(0.56, 0.01))).toHaveLength(1);
    expect(judgeApproaches(pair(0.56, 0.04))).toEqual([]);
  });

  it('where the additive law fakes an exponent: made with q = 2, it gives .44 where .52 is true', () => {
    const q = 2;
    const loss = (N: number, D: number) => 1.5 + ((200 / N ** 0.3) ** q + (2000 / D ** 0.33) ** q) ** (1 / q);
    const points = Array.from({ length: 7 }, (_, i) => 1e19 * 10 ** ((2.5 * i) / 6)).flatMap((C) =>
      Array.from({ length: 9 }, (_, j): FitPoint => {
        const N = 1e9 * (C / 1e20) ** 0.5 * 1.5 ** (j - 4);
        return { N, D: C / (6 * N), C, L: loss(N, C / (6 * N)) };
      }),
    );
    const [two, three, mean] = [fitIsoflop(points), fitLaw(points), fitLaw(points, { law: 'power_mean' })];
    expect(two.exponents!.a).toBeCloseTo(0.33 / 0.63, 2);
    expect(mean.exponents!.a).toBeCloseTo(0.33 / 0.63, 4);
    const exponents = [
      { approach: 'Approach 2', a: two.exponents!.a, standard_error: null },
      { approach: 'Approach 3', a: three.exponents!.a, standard_error: null },
    ];
    expect(one(judgeApproaches(exponents), 'approaches_disagree')).toMatch(/one of the forms does not hold/);
  });
});

describe('break_suspected', () => {
  const bent = (slope: number): FitPoint[] =>
    noisy(
      isoflopGrid(7, 7, (N, D) => trueLoss(N, D) * (1 + slope * Math.max(0, Math.log10((6 * N * D) / 3e20)))),
      3,
      0.003,
    );

  it('where the large half leaves the line of the small half', () => {
    expect(one(judgeBreak(bent(0.05), {}), 'break_suspected')).toMatch(/too low on the larger ones/);
    expect(one(judgeBreak(bent(-0.05), {}), 'break_suspected')).toMatch(/too high on the larger ones/);
  });

  it('gives no warning in the small half: its own fit is clean', () => {
    const small = bent(0.05).filter(({ C }) => C <= 3.2e20);
    const fit = fitLaw(small);
    expect(fit.residuals.rms).toBeLessThan(0.004);
    expect(fit.diagnostics.map(({ name }) => name)).not.toContain('lack_of_fit');
  });

  it('not where the line goes on, nor where half is too little', () => {
    for (const seed of [1, 2, 3]) expect(judgeBreak(noisy(isoflopGrid(), seed, 0.003), {})).toEqual([]);
    expect(judgeBreak(isoflopGrid(), {})).toEqual([]);
    expect(judgeBreak(clean.slice(0, 8), {})).toEqual([]);
    expect(judgeBreak([], {})).toEqual([]);
  });
});

describe('window_sensitive', () => {
  it('where the valleys are no parabolas', () => {
    // A cubic part that grows with compute moves the minimum of wide windows more than that of narrow ones.
    const loss = (N: number, D: number): number => {
      const C = 6 * N * D;
      const x = Math.log(N / trueOptimum(C));
      return 2 + 0.05 * x ** 2 + 0.012 * Math.log10(C / 1e19) * x ** 3 + 50 / C ** 0.1;
    };
    const fit = fitIsoflop(isoflopGrid(6, 11, loss));
    expect(fit.windows.map(({ window }) => window)).toEqual([5, 6, 7, 8, 9, 10, 11]);
    expect(fit.windows.at(-1)!.a).toBeCloseTo(fit.exponents!.a, 10);
    const found = fit.diagnostics.find(({ name }) => name === 'window_sensitive')!;
    expect(found.message).toMatch(/a moves by 0\.\d\d \(0\.\d\d to 0\.\d\d\)/);
  });

  it('not on exact valleys of the law', () => {
    expect(fitIsoflop(isoflopGrid(6, 9)).diagnostics.map(({ name }) => name)).not.toContain('window_sensitive');
  });
});

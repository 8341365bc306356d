/** @file Diagnostics of points, optima, valleys and second fits, each triggered and quiet on sound points. */
import { describe, expect, it } from 'vitest';
import {
  type Diagnostic,
  type FitPoint,
  fitIsoflop,
  fitLaw,
  fitValleys,
  judgeApproaches,
  judgeBreak,
  judgeOffsets,
  judgeScan,
  recutIsoflops,
  scanMinTokens,
} from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, rectangle, TRUE_A, trueLoss, trueOptimum } from './known-law.ts';

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

describe('phase_change', () => {
  /** A plateau at 3.9 nats until some 4e9 tokens, then the law. */
  const plateau = (N: number, D: number): number => {
    const before = 1 / (1 + (D / 4e9) ** 4);
    return before * Math.max(trueLoss(N, D), 3.9) + (1 - before) * trueLoss(N, D);
  };
  const ofPlateau = noisy(rectangle(8, plateau, 2.2), 1, 0.005);

  it('where the loss falls faster than before, all sizes alike', () => {
    const found = fitLaw(ofPlateau, { loss: 'mse' }).diagnostics.find(({ name }) => name === 'phase_change')!;
    expect(found.message).toMatch(
      /the loss falls faster than before it: -d ln L\/d ln D rises by 0\.\d\d \(\d+ sizes\)/,
    );
    const rises = found.values['D'] as number[];
    for (const D of rises) {
      expect(D).toBeGreaterThan(1e9);
      expect(D).toBeLessThan(1e10);
    }
  });

  it('where the exponent moves as the shortest runs are left out', () => {
    const scan = scanMinTokens(ofPlateau);
    expect(scan.map(({ num_points }) => num_points)).toEqual([64, 56, 48, 40, 32]);
    const found = one(judgeScan(scan), 'phase_change');
    expect(found).toMatch(/without the runs below D = [\d.]+e9 the exponent is 0\.\d+ in place of 0\.\d+/);
    expect(scan.at(-1)!.rms).toBeLessThan(0.5 * scan[0]!.rms);
  });

  it('not on points of one law, nor without enough of them', () => {
    const scan = scanMinTokens(noisy(rectangle(8, trueLoss), 4, 0.01));
    expect(judgeScan(scan)).toEqual([]);
    for (const { exponent, standard_error } of scan)
      expect(Math.abs(exponent - TRUE_A)).toBeLessThan(4 * standard_error);
    expect(judgeScan(scanMinTokens(rectangle(4, trueLoss)))).toEqual([]);
    expect(scanMinTokens(isoflopGrid(3, 2))).toEqual([]);
    expect(scanMinTokens([])).toEqual([]);
  });
});

describe('seed_noise_dominates', () => {
  const repeated = (loss: (N: number, D: number) => number, sd: number): FitPoint[] =>
    noisy(
      rectangle(6, loss).flatMap((p) => [p, p]),
      2,
      sd,
    );
  const find = (fit: { diagnostics: Diagnostic[] }) =>
    fit.diagnostics.filter(({ name }) => name === 'seed_noise_dominates');

  it('where the loss hardly depends on D and runs of one cell differ as much', () => {
    const faint = repeated((N) => 1.7 + 400 / N ** 0.34, 0.02);
    const found = find(fitLaw(faint, { loss: 'mse' }));
    expect(found.map(({ values }) => values['input'])).toEqual(['D']);
    expect(found[0]!.message).toMatch(
      /changes by 0\.\d+% over all D, and runs that differ in the seed alone by [12]\.\d%/,
    );
    expect(find(fitLaw(repeated(trueLoss, 0.02), { loss: 'mse' }))).toEqual([]);
  });

  it('where the valleys are no deeper than the runs scatter', () => {
    const narrow = [1e19, 3e19, 1e20, 3e20].flatMap((C) =>
      [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((k): FitPoint => {
        const N = trueOptimum(C) * 1.12 ** k;
        return { N, D: C / (6 * N), C, L: trueLoss(N, C / (6 * N)) };
      }),
    );
    const [drowned] = find(fitValleys(noisy(narrow, 5, 0.01), { interior: 'keep' }));
    expect(drowned!.message).toMatch(/% of the loss deep over half of their sizes, and runs scatter by [01]\.\d+%/);
    expect(find(fitValleys(noisy(narrow, 5, 0.0005), { interior: 'keep' }))).toEqual([]);
    expect(find(fitValleys(noisy(isoflopGrid(), 5, 0.01)))).toEqual([]);
  });
});

describe('flat_direction', () => {
  it('names what moves together where the range is short', () => {
    const found = fitLaw(noisy(rectangle(6, trueLoss, 1), 1, 0.01)).diagnostics.find(
      (d) => d.name === 'flat_direction',
    )!;
    expect(found.values['condition']).toBeGreaterThan(100);
    expect(found.message).toMatch(/do not hold E and B in place \(condition number 120\): they move together/);
  });

  it('names a constant that the points do not bound', () => {
    const noD = fitLaw(
      noisy(
        rectangle(6, (N) => 1 + 5 * N ** -0.2),
        2,
        0.003,
      ),
    );
    const found = noD.diagnostics.find((d) => d.name === 'flat_direction')!;
    expect(found.values['open']).toContain('beta');
  });

  it('not where the ranges hold all, and not without noise', () => {
    for (const points of [clean, rectangle(6, trueLoss, 1)])
      expect(fitLaw(points).diagnostics.map(({ name }) => name)).not.toContain('flat_direction');
  });
});

describe('repeated_tokens', () => {
  const epochs = (most: number) => clean.map((p, i) => ({ ...p, U: i < 5 ? p.D / most : p.D }));

  it('above four epochs, in laws and valleys that take every token as fresh', () => {
    expect(fitLaw(epochs(9)).diagnostics).toMatchObject([
      { name: 'repeated_tokens', values: { count: 5, most: expect.closeTo(9, 6) } },
    ]);
    expect(one(fitIsoflop(epochs(9)).diagnostics, 'repeated_tokens')).toMatch(/5 of 49 runs .* \(up to 9\.0\)/);
  });

  it('not up to four, nor in the law that models them', () => {
    expect(fitLaw(epochs(4)).diagnostics).toEqual([]);
    const law = fitLaw(epochs(9), { law: 'data_constrained' });
    expect(law.diagnostics.map(({ name }) => name)).not.toContain('repeated_tokens');
  });

  it('also after the isoFLOPs are cut anew', () => {
    const grid = rectangle(8, trueLoss, 1.5).map((p) => ({ ...p, U: 1.5e9 }));
    const { points, budgets } = recutIsoflops(grid);
    expect(fitValleys(points, { budgets }).diagnostics.map(({ name }) => name)).toContain('repeated_tokens');
  });
});

describe('mixed_countings', () => {
  const found = (points: FitPoint[]) =>
    fitLaw(points).diagnostics.filter(({ name }) => name === 'mixed_countings' || name === 'uneven_flops');

  it('where C is 6 N D for some sizes and something else for others', () => {
    const mixed = clean.map((p) => (p.N < 1e9 ? { ...p, C: 1.3 * p.C } : p));
    expect(one(found(mixed), 'mixed_countings')).toMatch(/C is 6 N D at \d+ sizes and more than 10% off it at \d+/);
  });

  it('where runs of one size are counted in two ways', () => {
    const mixed = clean.map((p, i) => (i % 2 ? { ...p, C: 1.2 * p.C } : { ...p, C: 1.05 * p.C }));
    expect(one(found(mixed), 'mixed_countings')).toMatch(/differs by 14% among runs of one size/);
  });

  it('not where every product is counted: that is one counting, if an uneven one', () => {
    const exact = clean.map((p) => ({ ...p, C: p.C * (1 + 1e8 / p.N) }));
    one(found(exact), 'uneven_flops');
    expect(found(clean)).toEqual([]);
  });
});

describe('recut_not_interior', () => {
  it('where a change of counting moves the minima beyond the sizes', () => {
    // Small sizes only: the larger the budget, the further its best size lies beyond them.
    const ladder = [0, 1, 2, 3, 4].flatMap((k) =>
      [9, 9.5, 10, 10.5, 11, 11.5, 12].map((decades): FitPoint => {
        const [N, D] = [3e7 * 1.5 ** k, 10 ** decades];
        return { N, D, C: 6 * N * D, L: trueLoss(N, D) };
      }),
    );
    const cut = recutIsoflops(ladder, { budgets: [6e17, 3e19, 1e20] });
    expect(cut.cells.map(({ interior }) => interior)).toEqual([true, false, false]);
    expect(one(cut.diagnostics, 'recut_not_interior')).toMatch(
      /cut anew in this counting, 2 of 3 budgets \(3e19, 1e20\) have no minimum/,
    );
  });

  it('not where the budgets are chosen among those that have one', () => {
    expect(recutIsoflops(rectangle(9, trueLoss, 2.5)).diagnostics).toEqual([]);
  });
});

/** @file Approach 2: minima, refusals, budgets, any counting of C, and cutting anew. */
import { describe, expect, it } from 'vitest';
import { type FitPoint, fitIsoflop, fitValleys, recutIsoflops } from '../../src/fit/fit.ts';
import { monotoneCubic } from '../../src/fit/math/interpolate.ts';
import { isoflopGrid, noisy, rectangle, TRUE_A, trueLoss, trueOptimum } from './known-law.ts';

/** Exact parabolas in ln N about `optimum(C)`. */
function valleys(optimum: (C: number) => number, offsets: number[], k = 6): FitPoint[] {
  return [1e18, 1e19, 1e20, 1e21].flatMap((C) =>
    offsets.map((x) => {
      const N = optimum(C) * Math.exp(x);
      return { N, D: C / (k * N), C, L: 2 + 1e17 / C + 0.05 * x * x };
    }),
  );
}

const law = (C: number): number => 0.1 * C ** 0.47;

describe('minima', () => {
  it('of exact parabolas are exact, and so are the exponents', () => {
    const fit = fitIsoflop(valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]));
    expect(fit.exponents!.a).toBeCloseTo(0.47, 10);
    expect(fit.exponents!.b).toBeCloseTo(0.53, 10);
    expect(fit.coefficients!.N).toBeCloseTo(0.1, 9);
    for (const v of fit.budgets) {
      expect(v.N_opt! / law(v.C)).toBeCloseTo(1, 9);
      expect(v.D_opt! / (v.C / (6 * law(v.C)))).toBeCloseTo(1, 9);
      expect(v.L_opt).toBeCloseTo(2 + 1e17 / v.C, 9);
      expect(2 * v.parabola!.c2).toBeCloseTo(0.1, 9);
    }
    expect(fit.diagnostics).toEqual([]);
  });

  it('D_opt follows the counting of the points: C = 8 N D, and C/(N D) that falls with N', () => {
    const eight = fitIsoflop(valleys(law, [-1, -0.4, 0.1, 0.6, 1.2], 8));
    for (const v of eight.budgets) expect(v.N_opt! * v.D_opt! * 8).toBeCloseTo(v.C, -Math.log10(v.C) + 9);
    const falling = valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]).map((p) => ({
      ...p,
      D: p.C / (6 * p.N * (p.N / 1e8) ** -0.2),
    }));
    for (const v of fitIsoflop(falling).budgets) {
      const N = law(v.C);
      expect(v.D_opt! / (v.C / (6 * N * (N / 1e8) ** -0.2))).toBeCloseTo(1, 6);
    }
  });

  it('are not moved by one bad run, but for robust: false', () => {
    const points = valleys(law, [-1.2, -0.8, -0.4, 0, 0.4, 0.8, 1.2]).map((p, i) =>
      i % 7 === 6 ? { ...p, L: p.L + 0.3 } : p,
    );
    const off = (robust: boolean) =>
      Math.max(
        ...fitIsoflop(points, { robust, interior: 'keep' }).budgets.map((v) => Math.abs(Math.log(v.N_opt! / law(v.C)))),
      );
    expect(off(true)).toBeLessThan(0.02);
    expect(off(false)).toBeGreaterThan(0.2);
  });

  it('a window leaves out far sizes, where a valley is no parabola', () => {
    const lopsided = valleys(law, [-2, -1, -0.5, 0, 0.5, 1]).map((p) =>
      p.N < law(p.C) * 0.2 ? { ...p, L: p.L + 0.4 } : p,
    );
    const [narrow, wide] = [
      fitIsoflop(lopsided, { window: 5, robust: false }),
      fitIsoflop(lopsided, { robust: false }),
    ];
    expect(narrow.budgets[0]!.N_opt! / law(1e18)).toBeCloseTo(1, 8);
    expect(Math.abs(Math.log(wide.budgets[0]!.N_opt! / law(1e18)))).toBeGreaterThan(0.05);
  });
});

describe('budgets', () => {
  it('are found where runs meet them only nearly', () => {
    const points = valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]).map((p, i) => ({ ...p, C: p.C * (1 + 0.01 * Math.sin(i)) }));
    const found = fitIsoflop(points).budgets;
    expect(found.map((v) => v.points.length)).toEqual([5, 5, 5, 5]);
    found.forEach((v, i) => {
      expect(Math.log10(v.C)).toBeCloseTo(18 + i, 2);
    });
  });

  it('given ones take the points within the tolerance and count the others', () => {
    const points = valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]);
    const fit = fitIsoflop(points, { budgets: [1e20, 1.05e18] });
    expect(fit.budgets.map((v) => [v.C, v.points.length])).toEqual([
      [1.05e18, 5],
      [1e20, 5],
    ]);
    expect(fit.num_outside).toBe(10);
    expect(fit.diagnostics.map((d) => d.name)).toEqual(['too_few_budgets']);
  });

  it('say which points they hold, by their place in the list that was given', () => {
    const points = valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]);
    const fit = fitIsoflop([{ ...points[0]!, L: Number.NaN }, ...points, { ...points[0]!, D: 1 }], { min_tokens: 10 });
    expect(fit.budgets.map((v) => v.points)).toEqual([0, 1, 2, 3].map((b) => [1, 2, 3, 4, 5].map((i) => 5 * b + i)));
    expect(fit.dropped).toHaveLength(2);
  });

  it('without an interior minimum are refused by name, with the side to extend', () => {
    // In the last two budgets all sizes lie below the optimum.
    const points = valleys(law, [-1, -0.4, 0.1, 0.6, 1.2]).filter((p) => p.C < 1e20 || p.N < law(p.C));
    const more = points.flatMap((p) => (p.C < 1e20 ? [p] : [p, { ...p, N: p.N * 0.9, D: p.D / 0.9, L: p.L + 0.02 }]));
    const fit = fitIsoflop(more);
    expect(fit.budgets.map((v) => v.refused)).toEqual([null, null, 'no_interior_minimum', 'no_interior_minimum']);
    const refusal = fit.diagnostics.find((d) => d.name === 'no_interior_minimum')!;
    expect(refusal).toMatchObject({ severity: 'refuse', values: { C: expect.closeTo(1e20, -15) } });
    expect(refusal.message).toContain('add sizes on that side');
  });

  it('with the minimum beside the smallest size are kept with a warning', () => {
    const fit = fitIsoflop(valleys(law, [-0.1, 0.2, 0.6, 1.2, 1.8]));
    expect(fit.budgets.every((v) => v.interior)).toBe(true);
    const beside = fit.diagnostics.filter((d) => d.name === 'minimum_near_edge');
    expect(beside.map((d) => d.severity)).toEqual(['warn', 'warn', 'warn', 'warn']);
  });

  it('none left is an error with every reason, or valleys without exponents', () => {
    const monotone = [1e18, 1e19, 1e20].flatMap((C) => [1, 2, 3, 4].map((N) => ({ N, D: C / (6 * N), C, L: 5 - N })));
    expect(() => fitIsoflop(monotone)).toThrow(
      expect.objectContaining({
        exit: 'too_little_data',
        message: expect.stringMatching(/1e18: no min.*1e19: no min.*1e20: no min/),
      }),
    );
    const shown = fitValleys(monotone);
    expect(shown).toMatchObject({ exponents: null, intervals: null, bias: null });
    expect(shown.budgets).toHaveLength(3);
    expect(() => fitIsoflop([])).toThrow('found 0 among 0 points');
  });

  it('two sizes make no parabola', () => {
    const points = valleys(law, [-1, 0.1, 1.2]).filter((p) => p.C < 1e21 || p.N > law(p.C));
    const fit = fitIsoflop(points, { budgets: [1e18, 1e19, 1e20, 1e21] });
    expect(fit.budgets[3]).toMatchObject({ refused: 'too_few_sizes', parabola: null, N_opt: null });
  });

  it.each([
    [{ budgets: [-1] }, 'invalid budgets: -1'],
    [{ tolerance: 2 }, 'invalid tolerance: 2'],
    [{ window: 2 }, 'invalid window: 2'],
  ])('refuses %o', (options, message) => {
    expect(() => fitIsoflop(isoflopGrid(), options)).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }),
    );
  });
});

describe('a known law', () => {
  it('comes back from a centred grid, with next to no bias', () => {
    const fit = fitIsoflop(isoflopGrid());
    expect(Math.abs(fit.exponents!.a - TRUE_A)).toBeLessThan(0.003);
    expect(Math.abs(fit.bias!.a)).toBeLessThan(0.003);
  });

  it('an off-centre grid is biased without any noise, and says by how much', () => {
    // Sizes centred above the optimum at the small end and below it at the large end.
    const points = [1e19, 1e20, 1e21].flatMap((C, i) =>
      [-3, -2, -1, 0, 1, 2, 3].map((x) => {
        const N = trueOptimum(C) * Math.exp(x + 2 * (1 - i));
        return { N, D: C / (6 * N), C, L: trueLoss(N, C / (6 * N)) };
      }),
    );
    const fit = fitIsoflop(points, { robust: false });
    const shift = fit.exponents!.a - TRUE_A;
    expect(Math.abs(shift)).toBeGreaterThan(0.02);
    expect(fit.bias!.a).toBeCloseTo(shift, 8);
    expect(fit.diagnostics.map((d) => d.name)).toContain('parabola_bias');
  });

  it('lies in the bootstrap interval, whose draws cover the whole procedure', () => {
    const points = noisy(isoflopGrid(), 2, 0.004);
    const fit = fitIsoflop(points, { bootstrap: 100, seed: 1, keep_draws: true });
    const [low, high] = fit.intervals!['a']!;
    expect(low).toBeLessThan(TRUE_A);
    expect(high).toBeGreaterThan(TRUE_A);
    expect(high - low).toBeLessThan(0.15);
    expect(Object.keys(fit.intervals!).filter((name) => name.startsWith('N_opt@'))).toHaveLength(7);
    expect(fitIsoflop(points, { bootstrap: 100, seed: 1, keep_draws: true })).toEqual(fit);
    expect(JSON.parse(JSON.stringify(fit))).toEqual(fit);
  });
});

describe('cutting anew', () => {
  /** A counting in which small models have fewer parameters: what leaving out embeddings does. */
  const recount = (p: FitPoint): FitPoint => {
    const N = p.N - 20 * p.N ** 0.7;
    return { ...p, N, C: 6 * N * p.D };
  };

  it('at the old budgets gives the old points back', () => {
    const points = isoflopGrid();
    const budgets = [...new Set(points.map((p) => p.C))];
    const cut = recutIsoflops(points, { budgets });
    expect(cut.points).toHaveLength(points.length);
    for (const p of cut.points) expect(p.L).toBeCloseTo(trueLoss(p.N, p.D), 12);
    expect(cut.cells.every((cell) => cell.interior && cell.num_sizes === 7)).toBe(true);
  });

  it('under another counting interpolates along D to .1% and finds interior minima', () => {
    const cut = recutIsoflops(isoflopGrid(9, 9).map(recount));
    expect(cut.budgets.length).toBeGreaterThanOrEqual(5);
    expect(cut.cells.every((cell) => cell.interior && cell.num_sizes >= 4)).toBe(true);
    // The total count that goes with a new N.
    const total = (N: number): number => {
      let old = N;
      for (let i = 0; i < 200; i++) old = N + 20 * old ** 0.7;
      return old;
    };
    for (const p of cut.points) {
      expect(p.C / (6 * p.N * p.D)).toBeCloseTo(1, 6);
      expect(Math.abs(p.L / trueLoss(total(p.N), p.D) - 1)).toBeLessThan(1e-3);
    }
    const fit = fitIsoflop(cut.points, { budgets: cut.budgets });
    expect(fit.budgets.every((v) => v.refused === null)).toBe(true);
    // Fewer parameters at the small end make N_opt steeper in C.
    expect(fit.exponents!.a).toBeGreaterThan(TRUE_A);
  });

  it('never extrapolates, averages repeats, and keeps groups apart', () => {
    const ladder = [1e9, 2e9, 4e9].map((D) => ({ N: 1e6, D, C: 6e6 * D, L: 4 - Math.log10(D / 1e9), group: 'a' }));
    const repeated = [...ladder, { ...ladder[1]!, L: ladder[1]!.L + 0.2 }, { ...ladder[0]!, group: 'b' }];
    const cut = recutIsoflops(repeated, { budgets: [5e15, 1.2e16, 6e15, 3e16] });
    expect(cut.points.map((p) => [p.C, p.group])).toEqual([
      [6e15, 'a'],
      [6e15, 'b'],
      [1.2e16, 'a'],
    ]);
    expect(cut.points[2]!.L).toBeCloseTo(ladder[1]!.L + 0.1, 10);
    expect(cut.cells.map((cell) => cell.num_sizes)).toEqual([0, 2, 1, 0]);
  });

  it.each([
    ['6 sizes by 4 horizons', 6, 4, 2.2, 2.2],
    ['6 sizes by 4 horizons over 1.5 by 2.5 decades', 6, 4, 1.5, 2.5],
    ['6 by 6', 6, 6, 2.2, 2.2],
    ['8 by 5', 8, 5, 2.2, 2.2],
  ])('of a rectangle, %s, are four budgets or more with five sizes, minima well inside', (_name, n, m, inN, inD) => {
    const points = Array.from({ length: n * m }, (_, k) => {
      const [N, D] = [5e7 * 10 ** ((inN * Math.floor(k / m)) / (n - 1)), 1e9 * 10 ** ((inD * (k % m)) / (m - 1))];
      return { N, D, C: 6 * N * D, L: trueLoss(N, D) };
    });
    const { points: cut, budgets, cells } = recutIsoflops(points);
    expect(cells.length).toBeGreaterThanOrEqual(4);
    for (const { num_sizes, interior } of cells) {
      expect(interior).toBe(true);
      expect(num_sizes).toBeGreaterThanOrEqual(5);
    }
    // Neighbours that a budget's tolerance tells apart.
    for (const [i, C] of budgets.slice(1).entries()) expect(C / budgets[i]!).toBeGreaterThan(1.5);
    const fit = fitValleys(cut, { budgets });
    expect(fit.diagnostics.map(({ name }) => name)).toEqual([]);
    expect(Math.abs(fit.exponents!.a - TRUE_A)).toBeLessThan(0.01);
  });

  it('of a small rectangle are what there is: three sizes a budget rather than one budget', () => {
    const { cells } = recutIsoflops(rectangle(4, trueLoss));
    expect(cells.map(({ num_sizes, interior }) => [num_sizes, interior])).toEqual(Array(4).fill([3, true]));
    expect(recutIsoflops(rectangle(6, trueLoss), { num_budgets: 2, min_sizes: 6 }).budgets).toHaveLength(1);
  });

  it('without points or overlap chooses nothing', () => {
    expect(recutIsoflops([])).toEqual({ points: [], budgets: [], cells: [], diagnostics: [] });
    const apart = [1, 10, 100].map((N) => ({ N, D: 1e6, C: 6e6 * N, L: 2 }));
    expect(recutIsoflops(apart).budgets).toEqual([]);
  });
});

describe('monotone cubic', () => {
  it('passes through its points, reproduces lines, stays monotone, never extrapolates', () => {
    const x = [0, 1, 3, 4, 7];
    const line = monotoneCubic(
      x,
      x.map((v) => 2 - 0.5 * v),
    );
    for (const v of [0, 0.3, 2.2, 6.9, 7]) expect(line(v)).toBeCloseTo(2 - 0.5 * v, 12);
    const steps = monotoneCubic(x, [5, 4.9, 1, 0.99, 0.5]);
    let last = Number.POSITIVE_INFINITY;
    for (let v = 0; v <= 7; v += 0.05) {
      expect(steps(v)!).toBeLessThanOrEqual(last + 1e-12);
      last = steps(v)!;
    }
    expect([steps(-0.01), steps(7.01)]).toEqual([null, null]);
    expect(x.map((v) => steps(v))).toEqual([5, 4.9, 1, 0.99, 0.5]);
  });

  it('halves the error of a straight line on a loss curve many times over', () => {
    const x = [0, 1, 2, 3, 4, 5];
    const f = (v: number) => 1 + Math.exp(-0.5 * v);
    const cubic = monotoneCubic(x, x.map(f));
    const chord = (f(2) + f(3)) / 2 - f(2.5);
    expect(Math.abs(cubic(2.5)! - f(2.5))).toBeLessThan(Math.abs(chord) / 20);
  });
});

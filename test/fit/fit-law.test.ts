/** @file Approach 3 on laws that are known: exact recovery, zero terms, weights, refusals and warnings by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DiagnosticName, type FitPoint, fitLaw, type LawFit, optimum } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { isoflopGrid, noisy, rectangle, TRUE_A, TRUTH, trueLoss } from './known-law.ts';

const names = (fit: LawFit): DiagnosticName[] => fit.diagnostics.map((d) => d.name);

describe('a known law without noise', () => {
  it('chinchilla: any constants come back', () => {
    const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          E: between(0.3, 3),
          alpha: between(0.1, 0.9),
          beta: between(0.1, 0.9),
          n: between(0.1, 1),
          d: between(0.1, 1),
        }),
        ({ E, alpha, beta, n, d }) => {
          // Terms of size n and d at the middle of the grid.
          const [A, B] = [n * 6e8 ** alpha, d * 1.3e10 ** beta];
          const fit = fitLaw(rectangle(6, (N, D) => E + A / N ** alpha + B / D ** beta));
          expect(fit.converged).toBe(true);
          for (const [name, value] of Object.entries({ E, A, B, alpha, beta }))
            expect(Math.abs(fit.params[name]! / value - 1), name).toBeLessThan(1e-6);
          expect(fit.exponents!.a).toBeCloseTo(beta / (alpha + beta), 7);
        },
      ),
      { numRuns: 5 },
    );
  });

  it.each(['huber', 'lad', 'mse'] as const)('chinchilla by %s', (loss) => {
    const fit = fitLaw(isoflopGrid(), { loss });
    for (const [name, value] of Object.entries(TRUTH)) expect(fit.params[name]! / value).toBeCloseTo(1, 6);
    expect(fit.objective).toBeLessThan(1e-20);
    expect(names(fit)).toEqual([]);
    expect(fit.starts.reached_best).toBeGreaterThan(0.8 * fit.starts.run);
  });

  it('kaplan', () => {
    const truth = { N_c: 6.4e13, D_c: 1.8e13, alpha_N: 0.076, alpha_D: 0.103 };
    const points = rectangle(6, (N, D) => ((6.4e13 / N) ** (0.076 / 0.103) + 1.8e13 / D) ** 0.103, 3);
    const fit = fitLaw(points, { law: 'kaplan' });
    for (const [name, value] of Object.entries(truth)) expect(fit.params[name]! / value).toBeCloseTo(1, 6);
  });

  it.each([0.5, 2])('power_mean with q = %d', (q) => {
    const loss = (N: number, D: number) => 1.5 + ((300 / N ** 0.35) ** q + (900 / D ** 0.33) ** q) ** (1 / q);
    const fit = fitLaw(rectangle(6, loss), { law: 'power_mean' });
    const truth = { E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33, q };
    for (const [name, value] of Object.entries(truth)) expect(fit.params[name]! / value).toBeCloseTo(1, 5);
  });
});

describe('zero terms', () => {
  it('a law without a floor is fitted with E = 0 where the noise would make it negative', () => {
    const floorless = rectangle(6, (N, D) => 300 / N ** 0.25 + 500 / D ** 0.25);
    const fits = [1, 2, 3, 4, 5, 6].map((seed) => fitLaw(noisy(floorless, seed, 0.01), { loss: 'mse' }));
    expect(fits.every((fit) => fit.converged)).toBe(true);
    const zero = fits.filter((fit) => fit.params['E'] === 0);
    expect(zero.length).toBeGreaterThan(0);
    expect(zero.length).toBeLessThan(6);
    for (const fit of zero) expect(names(fit)).toContain('floor_unidentified');
  });

  it('is a minimum: no small floor lowers the objective', () => {
    const floorless = rectangle(6, (N, D) => 300 / N ** 0.25 + 500 / D ** 0.25 - 0.2);
    const fit = fitLaw(floorless, { loss: 'mse' });
    expect(fit.params['E']).toBe(0);
    const objective = (E: number): number =>
      floorless.reduce((sum, p) => {
        const { A, B, alpha, beta } = fit.params as Record<string, number>;
        return sum + 0.5 * Math.log((E + A! / p.N ** alpha! + B! / p.D ** beta!) / p.L) ** 2;
      }, 0);
    expect(objective(0)).toBeCloseTo(fit.objective, 12);
    expect(objective(1e-4)).toBeGreaterThan(objective(0));
  });

  it('a floor of a ten-thousandth of the loss is found where there is no noise to hide it', () => {
    const fit = fitLaw(rectangle(6, (N, D) => 1e-4 + 300 / N ** 0.25 + 500 / D ** 0.25));
    expect(fit.params['E']! / 1e-4).toBeCloseTo(1, 3);
  });

  it('losses that depend on nothing leave the floor alone, and say so', () => {
    const fit = fitLaw(rectangle(5, () => 2));
    expect(fit.params).toMatchObject({ E: expect.closeTo(2, 10), A: 0, B: 0 });
    expect(names(fit).filter((name) => name === 'term_at_zero')).toHaveLength(2);
  });
});

describe('points', () => {
  it('a weight of two is the point twice', () => {
    const points = noisy(isoflopGrid(5, 5), 1, 0.01);
    const weighted = fitLaw(points.map((p, i) => (i % 3 === 0 ? { ...p, weight: 2 } : p)));
    const twice = fitLaw(points.flatMap((p, i) => (i % 3 === 0 ? [p, p] : [p])));
    expect(weighted.objective).toBeCloseTo(twice.objective, 12);
    expect(weighted.params['alpha']).toBeCloseTo(twice.params['alpha']!, 8);
  });

  it('their order does not matter', () => {
    const points = noisy(isoflopGrid(5, 5), 2, 0.01);
    const [forth, back] = [fitLaw(points), fitLaw([...points].reverse())];
    expect(back.params['beta']).toBeCloseTo(forth.params['beta']!, 9);
  });

  it('what no law can use is left out, with the reason', () => {
    const good = isoflopGrid(5, 5);
    const bad: FitPoint[] = [
      { N: 1e9, D: 1e10, C: 6e19, L: Number.NaN, id: 'diverged' },
      { N: 0, D: 1e10, C: 6e19, L: 3 },
      { N: 1e9, D: 1e10, C: 6e19, L: 3, weight: 0, id: 'ignored' },
      { N: 1e9, D: 10, C: 6e10, L: 3, id: 'short' },
      { N: 1e9, D: 1e10, C: 6e19, L: 99, id: 'high' },
    ];
    const fit = fitLaw([...bad, ...good], { min_tokens: 1e6, drop_highest: 1 });
    expect(fit.dropped.map((d) => [d.id, d.reason])).toEqual([
      ['diverged', 'not_positive'],
      ['point 2', 'not_positive'],
      ['ignored', 'zero_weight'],
      ['short', 'below_min_tokens'],
      ['high', 'among_highest_losses'],
    ]);
    expect(fit.params['alpha']).toBeCloseTo(TRUTH.alpha, 6);
  });

  it('the result is plain data: JSON keeps it all', () => {
    const fit = fitLaw(noisy(isoflopGrid(4, 5), 3, 0.01), { bootstrap: 10, cluster: 'runs', keep_draws: true });
    expect(JSON.parse(JSON.stringify(fit))).toEqual(fit);
    expect(fit.draws!['alpha']).toHaveLength(10 - fit.bootstrap!.failed);
  });
});

describe('refusals', () => {
  it.each([
    ['too few points', isoflopGrid().slice(0, 5), 'too_few_points: 5 usable points for the 5 constants'],
    ['two sizes', rectangle(6, trueLoss).filter((p) => p.N < 2e8), 'too_few_sizes: 2 distinct N'],
    ['one horizon', rectangle(6, trueLoss).filter((p) => p.D < 1.5e9), 'too_few_horizons: 1 distinct D'],
    ['nothing', [], 'too_few_points: 0 usable points'],
  ])('%s', (_, points, message) => {
    expect(() => fitLaw(points)).toThrow(
      expect.objectContaining({ exit: 'too_little_data', message: expect.stringContaining(message) }),
    );
  });

  it.each([
    [{ law: 'chinchila' }, 'unknown law'],
    [{ delta: -1 }, 'invalid delta: -1'],
    [{ loss: 'mse', delta: 1e-3 }, 'the loss mse has none'],
    [{ bootstrap: 1.5 }, 'invalid bootstrap: 1.5'],
    [{ bootstrap: 5, level: 90 }, 'invalid level: 90'],
    [{ bootstrap: 5, cluster: 'x' as 'runs' }, 'invalid cluster: x'],
    [{ drop_highest: -2 }, 'invalid drop_highest: -2'],
    [{ min_tokens: Number.NaN }, 'invalid min_tokens: NaN'],
  ] as const)('%o', (options, message) => {
    expect(() => fitLaw(isoflopGrid(4, 5), options)).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('constants at infinity', () => {
    expect(() =>
      fitLaw(
        rectangle(5, () => 2),
        { law: 'kaplan' },
      ),
    ).toThrow(/bound_hit: the points do not determine [ND]_c/);
  });
});

describe('warnings', () => {
  it('a clean fit has none', () => {
    expect(names(fitLaw(noisy(isoflopGrid(), 1, 0.003), { bootstrap: 50 }))).toEqual([]);
  });

  it.each<[DiagnosticName, FitPoint[], object]>([
    ['too_few_points', isoflopGrid(3, 3), {}],
    ['too_few_sizes', rectangle(6, trueLoss).filter((p) => p.N < 1e9), {}],
    ['range_too_small', rectangle(5, trueLoss, 0.8), {}],
    ['collinear_design', rectangle(9, trueLoss).filter((p) => p.D / p.N > 15 && p.D / p.N < 25), {}],
    ['mixed_groups', isoflopGrid().map((p, i) => ({ ...p, group: i % 2 ? 'a' : 'b' })), {}],
    ['uneven_flops', isoflopGrid().map((p) => ({ ...p, C: p.C * (1 + 1e8 / p.N) })), {}],
    ['bound_hit', rectangle(5, (N, D) => 1 + N ** 0.1 / 3 + 50 * D ** -0.5), {}],
    [
      'lack_of_fit',
      noisy(
        rectangle(8, (N, D) => trueLoss(N, D) * (1 + 0.01 * Math.log(D / 1e10) ** 2)),
        1,
        0.002,
      ),
      {},
    ],
    ['outliers', noisy(isoflopGrid(), 1, 0.003).map((p, i) => (i === 5 ? { ...p, L: p.L * 1.2 } : p)), {}],
    ['too_few_clusters', noisy(rectangle(5, trueLoss), 1, 0.003), { bootstrap: 20 }],
    ['replicate_failures', noisy(rectangle(6, trueLoss, 1), 1, 0.02), { bootstrap: 40 }],
  ])('%s', (name, points, options) => {
    const fit = fitLaw(points, options);
    const found = fit.diagnostics.find((d) => d.name === name);
    expect(found, names(fit).join()).toMatchObject({ severity: 'warn', message: expect.stringMatching(/./) });
  });

  it('resamples with too few sizes are counted, and are not failures', () => {
    const fit = fitLaw(noisy(rectangle(4, trueLoss), 1, 0.003), { bootstrap: 40 });
    expect(fit.bootstrap!.undetermined).toBeGreaterThan(4);
    expect(fit.bootstrap!.failed).toBe(fit.bootstrap!.undetermined);
    expect(names(fit)).not.toContain('replicate_failures');
  });

  it('losses that do not depend on D at all: no convergence along the flat valley, few starts that agree', () => {
    const flat = fitLaw(
      noisy(
        rectangle(6, (N) => 1 + 5 * N ** -0.2),
        2,
        0.003,
      ),
    );
    expect(flat.converged).toBe(false);
    expect(flat.relative_gradient).toBeGreaterThan(1e-7);
    expect(names(flat)).toEqual(expect.arrayContaining(['not_converged', 'bound_hit', 'local_optimum']));
  });

  it('names the outlier by its id', () => {
    const points = noisy(isoflopGrid(), 1, 0.003).map((p, i) => ({
      ...p,
      id: `run ${i}`,
      L: i === 5 ? p.L * 1.2 : p.L,
    }));
    expect(fitLaw(points).diagnostics.find((d) => d.name === 'outliers')!.values['ids']).toEqual(['run 5']);
  });
});

describe('optimum', () => {
  it("is Hoffmann's closed form", () => {
    const { E, A, B, alpha, beta } = TRUTH;
    const C = 5.76e23;
    const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
    const best = optimum({ law: 'chinchilla', params: TRUTH }, C);
    expect(best.N / (G * (C / 6) ** TRUE_A)).toBeCloseTo(1, 6);
    expect(best.N * best.D * 6).toBeCloseTo(C, -18);
    expect(best.L).toBeCloseTo(E + A / best.N ** alpha + B / best.D ** beta, 10);
    expect(best.intervals).toBeNull();
  });

  it("is Kaplan's closed form", () => {
    const params = { N_c: 6.4e13, D_c: 1.8e13, alpha_N: 0.076, alpha_D: 0.103 };
    const [p, C] = [0.076 / 0.103, 1e22];
    // p (N_c/N)^p = 6 N D_c / C at the minimum.
    const N = ((p * 6.4e13 ** p * C) / (6 * 1.8e13)) ** (1 / (1 + p));
    expect(optimum({ law: 'kaplan', params }, C).N / N).toBeCloseTo(1, 6);
  });

  it('takes C/(N D) from the fit, intervals from its draws, and says how far it extrapolates', () => {
    const points = noisy(isoflopGrid(), 4, 0.005).map((p) => ({ ...p, C: (p.C * 7) / 6 }));
    const fit = fitLaw(points, { bootstrap: 40, keep_draws: true });
    expect(fit.flops_per_nd.mean).toBeCloseTo(7, 10);
    const best = optimum(fit, 1e22);
    expect(best.N * best.D * 7).toBeCloseTo(1e22, -16);
    expect(best.intervals!.N[0]).toBeLessThan(best.N);
    expect(best.intervals!.N[1]).toBeGreaterThan(best.N);
    expect(best.decades_beyond).toBeCloseTo(Math.log10(1e22 / fit.range.C[1]), 10);
  });

  it.each([
    [() => optimum({ law: 'chinchilla', params: { ...TRUTH, A: 0 } }, 1e20), 'has no best size'],
    [() => optimum({ law: 'chinchilla', params: TRUTH }, -1), 'invalid compute: -1'],
  ])('refuses %#', (call, message) => {
    expect(call).toThrow(expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }));
  });
});

describe('lack of fit', () => {
  it('with repeated cells compares their means with the spread within', () => {
    const rng = rngStream(5, 'cells');
    const cells = rectangle(5, trueLoss);
    const repeated = (shift: number) =>
      cells.flatMap((p, i) =>
        [1, 2, 3].map(() => ({ ...p, L: p.L * Math.exp(0.005 * normal(rng) + (i % 2 ? shift : -shift)) })),
      );
    const [clean, shifted] = [fitLaw(repeated(0), { loss: 'mse' }), fitLaw(repeated(0.01), { loss: 'mse' })];
    expect(clean.lack_of_fit).toMatchObject({ test: 'replicates', df: [20, 50] });
    expect(clean.lack_of_fit!.p).toBeGreaterThan(0.01);
    expect(shifted.lack_of_fit!.p).toBeLessThan(1e-4);
  });

  it('is seldom found where there is none', () => {
    const p = Array.from(
      { length: 20 },
      (_, seed) => fitLaw(noisy(rectangle(6, trueLoss), seed, 0.005), { loss: 'mse' }).lack_of_fit!.p,
    );
    expect(p.filter((x) => x < 0.1).length).toBeLessThanOrEqual(4);
    expect(p.filter((x) => x > 0.5).length).toBeGreaterThanOrEqual(2);
  });
});

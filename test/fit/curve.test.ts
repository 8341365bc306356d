/** @file Laws in one variable by Levenberg-Marquardt. */
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import { describe, expect, it } from 'vitest';
import { fitCurve, predictCurve } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const curve = (E: number, x_c: number, alpha: number, sd = 0, seed = 0, low = 1e4, high = 1e8) => {
  const rng = rngStream(seed, 'curve');
  return Array.from({ length: 12 }, (_, i) => {
    const x = low * (high / low) ** (i / 11);
    return { x, L: (E + (x_c / x) ** alpha) * Math.exp(sd * normal(rng)) };
  });
};

/** Seven rounded losses, and what SciPy's least_squares makes of their logs. */
const SEVEN = [4.92, 4.11, 3.47, 3.06, 2.71, 2.49, 2.31].map((L, i) => ({
  x: [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7][i]!,
  L,
}));

describe('the saturating power law', () => {
  it.each([
    [1.7, 4e7, 0.35],
    [0.4, 100, 1.2],
    [2, 8.8e13, 0.076],
  ])('E %d, x_c %d, alpha %d come back', (E, x_c, alpha) => {
    const fit = fitCurve(curve(E, x_c, alpha));
    expect(fit.converged).toBe(true);
    expect(fit.params['E']! / E).toBeCloseTo(1, 6);
    expect(fit.params['x_c']! / x_c).toBeCloseTo(1, 4);
    expect(fit.params['alpha']! / alpha).toBeCloseTo(1, 6);
    expect(predictCurve(fit, 1e5)).toBeCloseTo(E + (x_c / 1e5) ** alpha, 8);
  });

  it('agrees with SciPy', () => {
    const fit = fitCurve(SEVEN);
    expect(fit.objective).toBeCloseTo(6.859947295524402e-6, 14);
    expect(fit.params['E']).toBeCloseTo(1.8589876290718033, 6);
    expect(fit.params['x_c']! / 566147.9005529213).toBeCloseTo(1, 6);
    expect(fit.params['alpha']).toBeCloseTo(0.27686247933770497, 7);
    expect(fit.finished_by).toBe('levenberg_marquardt');
  });

  it('reaches the optimum that the package with its defaults silently misses', () => {
    const model =
      ([E, x_c, alpha]: number[]) =>
      (x: number) =>
        E! + (x_c! / x) ** alpha!;
    const data = { x: SEVEN.map((p) => p.x), y: SEVEN.map((p) => p.L) };
    const plain = levenbergMarquardt(data, model, { initialValues: [1.5, 1e5, 0.5] });
    const fit = fitCurve(SEVEN);
    const ours = SEVEN.reduce((sum, p) => sum + (p.L - predictCurve(fit, p.x)) ** 2, 0);
    expect(plain.parameterError).toBeGreaterThan(100 * ours);
  });

  it('has E = 0 where the losses show no floor', () => {
    const fit = fitCurve(curve(0, 8.8e13, 0.076).map((p) => ({ ...p, L: p.L - 0.05 })));
    expect(fit.params['E']).toBe(0);
    expect(fit.converged).toBe(true);
    expect(fit.diagnostics.map((d) => d.name)).toContain('floor_unidentified');
  });

  it('a weight of two is the point twice', () => {
    const points = curve(1.5, 1e6, 0.4, 0.01, 1);
    const weighted = fitCurve(points.map((p, i) => (i < 3 ? { ...p, weight: 2 } : p)));
    const twice = fitCurve([...points, ...points.slice(0, 3)]);
    expect(weighted.params['alpha']).toBeCloseTo(twice.params['alpha']!, 7);
  });

  it('90% intervals hold the truth in most draws, and JSON keeps the result', () => {
    const fits = Array.from({ length: 10 }, (_, seed) =>
      fitCurve(curve(1.5, 1e6, 0.4, 0.01, seed), { bootstrap: 40, seed }),
    );
    for (const [name, truth] of [
      ['E', 1.5],
      ['alpha', 0.4],
    ] as const) {
      const held = fits.filter(({ intervals }) => intervals![name]![0] < truth && truth < intervals![name]![1]).length;
      // Nine in ten at best; percentile intervals from twelve points are somewhat short.
      expect(held, name).toBeGreaterThanOrEqual(6);
    }
    expect(fits.every((fit) => fit.bootstrap!.failed === 0)).toBe(true);
    expect(JSON.parse(JSON.stringify(fits[0]))).toEqual(fits[0]);
  });

  it('drops what is not positive, refuses too few, warns of a short range', () => {
    const points = curve(1.5, 1e6, 0.4);
    expect(fitCurve([...points, { x: 0, L: 1 }, { x: 1, L: Number.NaN }])).toMatchObject({
      num_points: 12,
      num_dropped: 2,
    });
    expect(() => fitCurve(points.slice(0, 3))).toThrow(
      expect.objectContaining({ exit: 'too_little_data', message: expect.stringContaining('3 distinct x') }),
    );
    expect(() => fitCurve([])).toThrow('too_few_points: 0 distinct x');
    const short = fitCurve(curve(1.5, 1e6, 0.4, 0, 0, 1e5, 5e5));
    expect(short.diagnostics.map((d) => d.name)).toEqual(['range_too_small']);
    expect(() => fitCurve(points, { law: 'chinchilla' })).toThrow('it reads other variables');
  });
});

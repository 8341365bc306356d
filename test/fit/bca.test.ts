/** @file BCa intervals: the normal distribution beneath them, textbook numbers, coverage on a skewed mean. */
import { describe, expect, it } from 'vitest';
import { fitLaw } from '../../src/fit/fit.ts';
import { normalCdf, normalQuantile } from '../../src/fit/math/normal.ts';
import { bcaShares } from '../../src/fit/resample/bca.ts';
import { bootstrap } from '../../src/fit/resample/bootstrap.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { isoflopGrid, noisy } from './known-law.ts';

describe('the normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1.959963984540054, 0.025],
    [3, 0.9986501019683699],
    [-5, 2.8665157187919333e-7],
  ])('P(Z <= %d) = %d', (z, p) => {
    expect(Math.abs(normalCdf(z) - p)).toBeLessThan(1e-14);
    expect(normalQuantile(p)).toBeCloseTo(z, 7);
  });

  it('has no tails beyond eight', () => {
    expect([normalCdf(-9), normalCdf(9)]).toEqual([0, 1]);
  });
});

describe('shares', () => {
  const draws = Array.from({ length: 1000 }, (_, i) => i);
  const flat = [1, 2, 3, 4, 5].map((value) => ({ value, stratum: 0, stratum_size: 5 }));

  it('are the percentile ones where nothing is biased or skewed', () => {
    const [low, high] = bcaShares(draws, 499.5, flat, 0.9);
    expect([low, high]).toEqual([expect.closeTo(0.05, 10), expect.closeTo(0.95, 10)]);
  });

  it('shift twice by the bias: 60% of the draws below', () => {
    const z0 = normalQuantile(0.6);
    const [low, high] = bcaShares(draws, 599.5, flat, 0.9);
    expect(low).toBeCloseTo(normalCdf(2 * z0 - 1.6448536), 6);
    expect(high).toBeCloseTo(normalCdf(2 * z0 + 1.6448536), 6);
  });

  it('lean with the acceleration: a sixth of the skewness of what leaving out does', () => {
    const skewed = [0, 0, 0, 0, -10].map((value) => ({ value, stratum: 0, stratum_size: 5 }));
    // Influences -2,-2,-2,-2,8: sum of cubes 480, of squares 80.
    const a = 480 / (6 * 80 ** 1.5);
    const z = 1.6448536269514722;
    const [low, high] = bcaShares(draws, 499.5, skewed, 0.9);
    expect(low).toBeCloseTo(normalCdf(-z / (1 + a * z)), 8);
    expect(high).toBeCloseTo(normalCdf(z / (1 - a * z)), 8);
  });

  it('stay within the draws for an estimate beyond them, and where all are equal', () => {
    for (const estimate of [-1, 2000]) {
      const [low, high] = bcaShares(draws, estimate, flat, 0.9);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(low).toBeLessThanOrEqual(high);
    }
    expect(bcaShares([0, 0, 0], 0, [], 0.9)).toEqual([expect.closeTo(0.05, 10), expect.closeTo(0.95, 10)]);
  });
});

describe('intervals', () => {
  it('of a skewed mean hold the truth more often than percentile ones', () => {
    const held = { percentile: 0, bca: 0 };
    const rng = rngStream(1, 'skewed');
    const trials = 300;
    for (let trial = 0; trial < trials; trial++) {
      // Exponential of a normal: mean exp(1/2).
      const sample = Array.from({ length: 20 }, () => Math.exp(normal(rng)));
      const units = sample.map((_, i) => ({ N: i + 1, D: 1 }));
      for (const interval of ['percentile', 'bca'] as const) {
        const { intervals } = bootstrap(units, { bootstrap: 200, seed: trial, interval }, (m) => ({
          mean: sample.reduce((sum, x, i) => sum + m[i]! * x, 0) / m.reduce((sum, w) => sum + w, 0),
        }))!;
        const [low, high] = intervals['mean']!;
        if (low < Math.exp(0.5) && Math.exp(0.5) < high) held[interval]++;
      }
    }
    expect(held.bca).toBeGreaterThan(held.percentile);
    expect(held.bca / trials).toBeGreaterThan(0.78);
  });

  it('of a fit are reported as such, near the percentile ones, and need sizes or cells to leave out', () => {
    const points = noisy(isoflopGrid(), 1, 0.005);
    const options = { bootstrap: 80, seed: 1 };
    const percentile = fitLaw(points, options);
    const bca = fitLaw(points, { ...options, interval: 'bca' });
    expect([percentile.bootstrap!.interval, bca.bootstrap!.interval]).toEqual(['percentile', 'bca']);
    expect(bca.standard_errors).toEqual(percentile.standard_errors);
    const width = ([low, high]: [number, number]) => high - low;
    for (const name of ['alpha', 'beta', 'a']) {
      const ratio = width(bca.intervals![name]!) / width(percentile.intervals![name]!);
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    }
  });

  it('over seeds within cells leave out one seed at a time', () => {
    const cells = isoflopGrid(5, 5).flatMap((p) => [p, p, p]);
    const fit = fitLaw(noisy(cells, 7, 0.004), { bootstrap: 40, cluster: 'seeds', interval: 'bca' });
    expect(fit.bootstrap).toMatchObject({ cluster: 'seeds', num_clusters: 25, failed: 0 });
    const [low, high] = fit.intervals!['a']!;
    expect(low).toBeLessThan(fit.exponents!.a);
    expect(high).toBeGreaterThan(fit.exponents!.a);
  });

  it('refuse a kind there is not', () => {
    expect(() => fitLaw(isoflopGrid(), { bootstrap: 5, interval: 'exact' as 'bca' })).toThrow(
      'invalid interval: exact',
    );
  });
});

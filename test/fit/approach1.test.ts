/** @file Approach 1 on curves of a known law: exact envelopes, edges, decaying rates, resampled sizes. */
import { describe, expect, it } from 'vitest';
import { curvesOfPoints, fitEnvelope, type TrainingCurve } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { rectangle, TRUE_A, trueLoss, trueOptimum } from './known-law.ts';

/** Curves of twelve sizes over three decades of D, at a constant rate, around the optimum of 1e18 to 1e21 FLOPs. */
function curves(excess: (share: number) => number = () => 1, decays = false, sd = 0): TrainingCurve[] {
  const rng = rngStream(1, 'curves');
  return Array.from({ length: 12 }, (_, i) => {
    const N = trueOptimum(1e18) * 1.75 ** (i - 1);
    const last = 1e11 * 1.4 ** i;
    const offset = Math.exp(sd * normal(rng));
    const points = Array.from({ length: 40 }, (_, j) => {
      const D = last * 10 ** (-3 * (1 - j / 39));
      return { D, L: trueLoss(N, D) * excess(D / last) * offset };
    });
    return { N, flops_per_token: 6 * N, points, decays_at: decays ? last : null, id: `run ${i}` };
  });
}

describe('the envelope of exact curves', () => {
  it('has the exponents of the law, to the coarseness of the ladder', () => {
    const fit = fitEnvelope(curves());
    expect(fit.exponents.a).toBeCloseTo(TRUE_A, 2);
    expect(fit.exponents.b).toBeCloseTo(1 - TRUE_A, 2);
    expect(fit.coefficients.N * 1e20 ** fit.exponents.a).toBeGreaterThan(0.9 * trueOptimum(1e20));
    expect(fit.coefficients.N * 1e20 ** fit.exponents.a).toBeLessThan(1.1 * trueOptimum(1e20));
    expect(fit.diagnostics).toEqual([]);
  });

  it('steps from size to size upwards, every loss the lowest of all curves there', () => {
    const { steps, num_bins, num_edge } = fitEnvelope(curves());
    const sizes = steps.map(({ N }) => N);
    expect(sizes).toEqual([...sizes].sort((x, y) => x - y));
    expect(num_bins + num_edge).toBe(1500);
    expect(steps.reduce((sum, step) => sum + step.num_bins, 0)).toBe(1500);
    for (const { C, L } of steps)
      for (const { N } of curves()) expect(L[0]).toBeLessThan(trueLoss(N, C[0] / (6 * N)) * (1 + 1e-4));
  });

  it('leaves out the bins at the edge of the ladder, which would bend the line', () => {
    const [refused, kept] = [fitEnvelope(curves()), fitEnvelope(curves(), { interior: 'keep' })];
    expect(refused.num_edge).toBeGreaterThan(0);
    expect(kept.num_edge).toBe(0);
    expect(Math.abs(kept.exponents.a - TRUE_A)).toBeGreaterThan(Math.abs(refused.exponents.a - TRUE_A));
    expect(refused.steps.find((step) => !step.interior)).toBeDefined();
  });

  it('counts FLOPs as it is told', () => {
    const fit = fitEnvelope(curves().map((c) => ({ ...c, flops_per_token: 7 * c.N })));
    expect(fit.coefficients.N * 1e20 ** fit.exponents.a).toBeLessThan(trueOptimum(1e20));
  });
});

describe('points of decaying runs', () => {
  it('are warned of where they win the envelope', () => {
    // Above the loss of a run made for that horizon, until the rate has decayed.
    const fit = fitEnvelope(curves((share) => 1 + 0.06 * (1 - share), true));
    expect(fit.diagnostics).toContainEqual(
      expect.objectContaining({ name: 'intermediate_points', message: expect.stringContaining('had not decayed') }),
    );
    expect(fit.diagnostics[0]!.values['share']).toBeGreaterThan(0.5);
  });

  it('are not in curves through the ends of runs', () => {
    const points = rectangle(9, trueLoss, 3);
    const ends = curvesOfPoints([...points, ...points.map((p) => ({ ...p, L: p.L * 1.001 }))]);
    expect(ends).toHaveLength(9);
    expect(ends[0]!.points).toHaveLength(9);
    const fit = fitEnvelope(ends);
    expect(fit.exponents.a).toBeCloseTo(TRUE_A, 1);
    expect(fit.diagnostics.map(({ name }) => name)).not.toContain('intermediate_points');
  });
});

describe('intervals and refusals', () => {
  it('resample sizes, and say how few there are', () => {
    const fit = fitEnvelope(curves(undefined, false, 0.002), { bootstrap: 100, seed: 3 });
    const [low, high] = fit.intervals!['a']!;
    expect(low).toBeLessThan(fit.exponents.a);
    expect(high).toBeGreaterThan(fit.exponents.a);
    expect(fit.bootstrap).toMatchObject({ cluster: 'sizes', num_clusters: 12 });
    const few = fitEnvelope(curves().slice(2, 9), { bootstrap: 20 });
    expect(few.diagnostics.map(({ name }) => name)).toEqual(expect.arrayContaining(['too_few_clusters']));
  });

  it.each([
    ['no curves', [], 'no training curve'],
    ['two sizes', curves().slice(4, 6), '0 sizes win a bin'],
    ['losses that are not', curves().map((c) => ({ ...c, points: [{ D: 1, L: Number.NaN }] })), 'no training curve'],
  ])('%s', (_, input, message) => {
    expect(() => fitEnvelope(input)).toThrow(
      expect.objectContaining({ exit: 'too_little_data', message: expect.stringContaining(message) }),
    );
  });

  it('is plain data', () => {
    const fit = fitEnvelope(curves(), { bootstrap: 5 });
    expect(JSON.parse(JSON.stringify(fit))).toEqual(fit);
  });
});

/** @file The critical batch from curves of a known law: exact and noisy recovery, S_min, C_min and L(C_min). */
import { describe, expect, it } from 'vitest';
import {
  atCriticalBatch,
  type BatchCurve,
  criticalBatch,
  fitCriticalBatch,
  fitLaw,
  fitMinimumCompute,
} from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

/** Kaplan's constants: L(N, S_min) and B_crit(L). */
const LAW = { N_c: 6.5e13, S_c: 2.1e3, alpha_N: 0.077, alpha_S: 0.76 };
const CRITICAL = { B_star: 2e8, alpha_B: 0.21 };
const BATCHES = [2 ** 10, 2 ** 13, 2 ** 15, 2 ** 17, 2 ** 20];

/** Curves over three decades of S_min; `sd` is the noise of log L. */
function curves(sizes: readonly number[], sd = 0, seed = 0, batches = BATCHES): BatchCurve[] {
  const rng = rngStream(seed, 'batches');
  return sizes.flatMap((N) =>
    batches.map((B) => ({
      N,
      B,
      points: Array.from({ length: 60 }, (_, i) => {
        const S_min = 100 * 10 ** ((3 * i) / 59);
        const L = (LAW.N_c / N) ** LAW.alpha_N + (LAW.S_c / S_min) ** LAW.alpha_S;
        return { S: S_min * (1 + criticalBatch(CRITICAL, L) / B), L: L * Math.exp(sd * normal(rng)) };
      }),
    })),
  );
}

describe('the critical batch', () => {
  it('comes back from curves without noise, in each hyperbola and over losses', () => {
    const fit = fitCriticalBatch(curves([1e7, 1e8]));
    expect(fit.converged).toBe(true);
    expect(fit.hyperbolas).toHaveLength(24);
    for (const { L, N, S_min, E_min, B_crit, rms } of fit.hyperbolas) {
      const steps = LAW.S_c / (L - (LAW.N_c / N) ** LAW.alpha_N) ** (1 / LAW.alpha_S);
      expect(S_min / steps).toBeCloseTo(1, 3);
      expect(B_crit! / criticalBatch(CRITICAL, L)).toBeCloseTo(1, 3);
      expect(E_min / S_min).toBeCloseTo(B_crit!, 6);
      // What interpolating the curves leaves.
      expect(rms).toBeLessThan(1e-4);
    }
    expect(fit.B_star / 2e8).toBeCloseTo(1, 3);
    expect(fit.alpha_B / 0.21).toBeCloseTo(1, 4);
    expect(fit.diagnostics).toEqual([]);
  });

  it('runs at their own batch become S_min and C_min, on which kaplan_ns fits exactly', () => {
    const points = curves([1e7, 3e7, 1e8, 3e8]).flatMap(({ N, B, points: own }) =>
      own.slice(5).map(({ S, L }) => ({ N: N!, D: B * S, C: 6 * N! * B * S, B, S, L })),
    );
    const least = atCriticalBatch(points, CRITICAL);
    for (const [i, p] of least.entries()) {
      // (S/S_min - 1)(E/E_min - 1) = 1, and C_min is the compute of E_min.
      const [s, e] = [points[i]!.S / p.S!, points[i]!.C / p.C];
      expect((s - 1) * (e - 1)).toBeCloseTo(1, 8);
    }
    const fit = fitLaw(least, { law: 'kaplan_ns' });
    for (const [name, value] of Object.entries(LAW)) expect(fit.params[name]! / value, name).toBeCloseTo(1, 5);
    expect(() => atCriticalBatch([{ N: 1, D: 1, C: 6, L: 3, id: 'run 7' }], CRITICAL)).toThrow('run 7 has no B');
  });

  it('L(C_min) follows from the curves: its exponent is 1/(1/alpha_S + 1/alpha_B + 1/alpha_N)', () => {
    const sizes = Array.from({ length: 9 }, (_, i) => 1e5 * 10 ** (i / 2));
    const fit = fitMinimumCompute(curves(sizes), CRITICAL, 60);
    // Kaplan's eq. 6.6.
    const alpha = 1 / (1 / LAW.alpha_S + 1 / CRITICAL.alpha_B + 1 / LAW.alpha_N);
    expect(alpha).toBeCloseTo(0.052, 3);
    expect(Math.abs(fit.params['alpha_C']! / alpha - 1)).toBeLessThan(0.1);
    expect(() => fitMinimumCompute(curves([1e7]), CRITICAL)).toThrow('too_few_sizes');
  });

  it('noise of .2% in the losses: the interval over curves holds the truth in most draws', () => {
    const fits = Array.from({ length: 10 }, (_, seed) =>
      fitCriticalBatch(curves([1e7, 3e7, 1e8], 0.002, seed), { bootstrap: 50, seed }),
    );
    for (const name of ['B_star', 'alpha_B'] as const) {
      const held = fits.filter((f) => f.intervals![name][0] < CRITICAL[name] && CRITICAL[name] < f.intervals![name][1]);
      expect(held.length, name).toBeGreaterThanOrEqual(6);
    }
    expect(fits.every((f) => f.converged && f.bootstrap!.failed === 0)).toBe(true);
    expect(JSON.parse(JSON.stringify(fits[0]))).toEqual(fits[0]);
  });

  it('says where the batches lie on one side of it', () => {
    const fit = fitCriticalBatch(curves([1e8], 0, 0, [2 ** 8, 2 ** 9, 2 ** 10]));
    expect(fit.diagnostics.map((d) => d.name)).toContain('batch_not_bracketed');
  });

  it('refuses too few batches, curves that do not fall, values that are not positive', () => {
    expect(() => fitCriticalBatch(curves([1e8], 0, 0, [2 ** 17, 2 ** 19]))).toThrow(
      expect.objectContaining({ exit: 'too_little_data', message: expect.stringContaining('0 losses are reached') }),
    );
    expect(() => fitCriticalBatch([{ B: 1, points: [{ S: 1, L: 2 }] }])).toThrow('no two points of falling loss');
    expect(() => fitCriticalBatch([{ B: -1, points: [] }])).toThrow('invalid B of curve 1: -1 is not positive');
  });
});

/** @file The cheapest run that reaches a loss: closed forms, Sardana's own example and direction, distances. */
import { describe, expect, it } from 'vitest';
import { fitLaw, lifetimeOptimum, optimum, predictRun, presetLaw } from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, TRUTH, trueLoss } from './known-law.ts';

const law = { law: 'chinchilla', params: TRUTH };

describe('compute to reach a loss', () => {
  it('is the inverse of the optimum of a budget', () => {
    for (const C of [1e18, 1e21, 5.76e23]) {
      const there = optimum(law, C);
      const back = lifetimeOptimum(law, { L: there.L });
      expect(back.training_flops / C).toBeCloseTo(1, 6);
      expect(back.N / there.N).toBeCloseTo(1, 4);
      expect(back.inference_flops).toBe(0);
      expect(back.saving).toBe(0);
    }
  });

  it("holds for Kaplan's law too, and takes the fit's FLOPs a parameter-token", () => {
    const kaplan = { law: 'kaplan', params: { N_c: 6.4e13, D_c: 1.8e13, alpha_N: 0.076, alpha_D: 0.103 } };
    const there = optimum(kaplan, 1e21);
    expect(lifetimeOptimum(kaplan, { L: there.L }).training_flops / 1e21).toBeCloseTo(1, 6);
    const seven = { ...law, flops_per_nd: { mean: 7, spread: 0 } };
    expect(
      lifetimeOptimum(seven, { L: 2.5 }).training_flops / lifetimeOptimum(law, { L: 2.5 }).training_flops,
    ).toBeCloseTo(7 / 6, 6);
  });

  it("follows a published line of optima where the law has one: Kaplan's L(C_min) back to C", () => {
    const kaplan = presetLaw('kaplan-2020');
    const there = optimum(kaplan, 1e22);
    const back = lifetimeOptimum(kaplan, { L: there.L });
    expect(back.training_flops / 1e22).toBeCloseTo(1, 6);
    expect(back.N / there.N).toBeCloseTo(1, 6);
    expect(lifetimeOptimum(kaplan, { L: 2.5, inference_tokens: 1e12 }).saving).toBeGreaterThan(0);
  });

  it('refuses a loss below the floor, with the floor', () => {
    expect(() => lifetimeOptimum(law, { L: 1.6 })).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining('floor is E = 1.69') }),
    );
    expect(() => lifetimeOptimum(law, { L: -1 })).toThrow('invalid loss');
    expect(() => lifetimeOptimum(law, { L: 2, inference_tokens: -5 })).toThrow('invalid inference tokens');
  });
});

describe('a lifetime of inference', () => {
  it('wants a smaller model on more tokens, the more of it there is', () => {
    const runs = [0, 1e10, 1e11, 1e12, 1e13, 1e14].map((inference_tokens) =>
      lifetimeOptimum(law, { L: 2.1, inference_tokens }),
    );
    for (let i = 1; i < runs.length; i++) {
      expect(runs[i]!.N).toBeLessThan(runs[i - 1]!.N);
      expect(runs[i]!.D).toBeGreaterThan(runs[i - 1]!.D);
      expect(runs[i]!.training_flops).toBeGreaterThan(runs[i - 1]!.training_flops);
      expect(runs[i]!.saving).toBeGreaterThan(runs[i - 1]!.saving);
      expect(trueLoss(runs[i]!.N, runs[i]!.D)).toBeCloseTo(2.1, 8);
    }
  });

  it('is a minimum: a step in N either way at the same loss costs more', () => {
    const best = lifetimeOptimum(law, { L: 2.1, inference_tokens: 1e12 });
    const { E, A, B, alpha, beta } = TRUTH;
    for (const factor of [0.97, 1.03]) {
      const N = best.N * factor;
      const D = (B / (2.1 - E - A / N ** alpha)) ** (1 / beta);
      expect(6 * N * D + 2 * N * 1e12).toBeGreaterThan(best.lifetime_flops);
    }
  });

  it('saves what Sardana et al. print: 13B and 2T tokens of inference make 7B, 1.7e22 FLOPs, 17%', () => {
    const chinchilla = { law: 'chinchilla', params: { E: 1.69, A: 406.4, B: 410.7, alpha: 0.336, beta: 0.283 } };
    const { E, A, B, alpha, beta } = chinchilla.params;
    // The loss of a 13B model at its own optimal tokens, N = G (C/6)^a.
    const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
    const D = (13e9 / G) ** ((alpha + beta) / beta) / 13e9;
    const L = E + A / 13e9 ** alpha + B / D ** beta;
    const run = lifetimeOptimum(chinchilla, { L, inference_tokens: 2e12 });
    expect(run.least_training.N / 13e9).toBeCloseTo(1, 3);
    expect(run.N / 7e9).toBeCloseTo(1, 1);
    expect(run.saving).toBeCloseTo(0.17, 2);
    expect((run.least_training.lifetime_flops - run.lifetime_flops) / 1.7e22).toBeCloseTo(1, 1);
  });
});

describe('intervals and distances', () => {
  const fit = fitLaw(noisy(isoflopGrid(), 4, 0.005), { bootstrap: 40, keep_draws: true });

  it('come from the draws, and say how far the answer lies', () => {
    const near = lifetimeOptimum(fit, { L: 2.6 });
    expect(near.intervals!.N[0]).toBeLessThan(near.N);
    expect(near.intervals!.N[1]).toBeGreaterThan(near.N);
    expect(near.diagnostics).toEqual([]);
    const far = lifetimeOptimum(fit, { L: 1.85 });
    expect(far.decades_beyond!['C']).toBeGreaterThan(1);
    expect(far.diagnostics).toMatchObject([
      { name: 'extrapolation_far', message: expect.stringMatching(/decades in .*C: no interval/) },
    ]);
  });

  it('of a run are wider than of the law, by the scatter', () => {
    const { L, intervals, decades_beyond, diagnostics } = predictRun(fit, { N: 1e9, D: 2e10 });
    const width = ([low, high]: [number, number]) => Math.log(high / low);
    expect(L).toBeCloseTo(trueLoss(1e9, 2e10), 1);
    expect(width(intervals!.run)).toBeGreaterThan(width(intervals!.law));
    // Two times 1.645 standard deviations of .5%, and a little for the law's own.
    expect(width(intervals!.run)).toBeGreaterThan(0.012);
    expect(width(intervals!.run)).toBeLessThan(0.025);
    expect(decades_beyond).toEqual({ N: 0, D: 0 });
    expect(diagnostics).toEqual([]);
  });

  it('hold nine runs of ten', () => {
    const again = noisy(isoflopGrid(), 77, 0.005);
    const held = again.filter(({ N, D, L }) => {
      const [low, high] = predictRun(fit, { N, D }).intervals!.run;
      return L > low && L < high;
    });
    expect(held.length / again.length).toBeGreaterThan(0.8);
    expect(held.length / again.length).toBeLessThan(1);
  });

  it('refuse what the law cannot read', () => {
    expect(() => predictRun(fit, { N: 1e9 })).toThrow('reads D of a run');
    expect(predictRun(law, { N: 1e9, D: 1e10 })).toMatchObject({ intervals: null, decades_beyond: null });
  });
});

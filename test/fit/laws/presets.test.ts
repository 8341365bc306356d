/** @file Published constants: what they predict, and what the data of one paper say of them. */
import { describe, expect, it } from 'vitest';
import {
  criticalBatch,
  fitLaw,
  KAPLAN_CRITICAL_BATCH,
  optimum,
  predictLoss,
  presetLaw,
  presets,
  scoreLaw,
} from '../../../src/fit/fit.ts';
import { lawByName } from '../../../src/fit/laws/registry.ts';
import { epochPoints, isAbsent, muennighoffPoints } from '../tables.ts';

const PF_DAY = 8.64e19;

describe('presets', () => {
  it('name a law each and give all its constants, with the source', () => {
    const all = presets();
    expect(new Set(all.map((p) => p.name)).size).toBe(all.length);
    for (const { law, params, reference, name } of all) {
      expect(Object.keys(params), name).toEqual(lawByName(law).params);
      expect(reference).toMatch(/arXiv \d{4}\.\d{5}/);
      expect(predictLoss(presetLaw(name), { N: 1e9, D: 1e11, S: 1e5 }), name).toBeGreaterThan(1.5);
      expect(predictLoss(presetLaw(name), { N: 1e9, D: 1e11, S: 1e5 }), name).toBeLessThan(4);
    }
    expect(() => presetLaw('kaplan')).toThrow('unknown preset: kaplan; choose one of kaplan-2020');
  });

  it('cannot be spoilt by a caller', () => {
    presetLaw('chinchilla-2022').params['E'] = 0;
    expect(presetLaw('chinchilla-2022').params['E']).toBe(1.6934);
  });

  it("kaplan-2020: the paper's lines of optima, not those of its L(N, D)", () => {
    const at = optimum(presetLaw('kaplan-2020'), PF_DAY);
    expect(at.N).toBeCloseTo(1.3e9, -2);
    expect(at.L).toBeCloseTo(3.1e8 ** 0.05, 10);
    expect(6 * at.N * at.D).toBeCloseTo(PF_DAY, -8);
    const ten = optimum(presetLaw('kaplan-2020'), 10 * PF_DAY);
    expect(Math.log10(ten.N / at.N)).toBeCloseTo(0.73, 10);
    expect(optimum(presetLaw('kaplan-2020-naive'), PF_DAY).N).toBeCloseTo(1.6e9, -2);
    expect(predictLoss(presetLaw('kaplan-2020-c-min'), { C: PF_DAY })).toBeCloseTo(at.L, 10);
    expect(predictLoss(presetLaw('kaplan-2020-n'), { N: 1.5e9 })).toBeCloseTo((8.8e13 / 1.5e9) ** 0.076, 12);
    expect(predictLoss(presetLaw('kaplan-2020-d'), { D: 22e9 })).toBeCloseTo((5.4e13 / 22e9) ** 0.095, 12);
  });

  it("Kaplan's critical batch is about a million tokens at a loss of 3", () => {
    expect(criticalBatch(KAPLAN_CRITICAL_BATCH, 3)).toBeCloseTo(2e8 * 3 ** (-1 / 0.21), 4);
    expect(criticalBatch(KAPLAN_CRITICAL_BATCH, 3) / 1.07e6).toBeCloseTo(1, 2);
  });

  it('muennighoff-2023: few unique tokens cost loss; kaplan-2020-ns: the batch gives the steps', () => {
    const fresh = optimum(presetLaw('muennighoff-2023'), 1e22);
    const scarce = optimum(presetLaw('muennighoff-2023'), 1e22, { U: 1e10 });
    expect(scarce.L).toBeGreaterThan(fresh.L);
    expect(scarce.D).toBeGreaterThan(1e10);
    expect(optimum(presetLaw('kaplan-2020-ns'), 1e22, { B: 5e5 }).N).toBeGreaterThan(1e8);
    expect(() => optimum(presetLaw('kaplan-2020-ns'), 1e22)).toThrow('kaplan_ns reads S of a run, which is not given');
  });

  it('chinchilla at 5.76e23 FLOPs: 40.4B parameters by the paper, 73.2B and 1.312T tokens by its data', () => {
    expect(Math.abs(optimum(presetLaw('chinchilla-2022'), 5.76e23).N / 40.4e9 - 1)).toBeLessThan(0.005);
    const at = optimum(presetLaw('chinchilla-epoch'), 5.76e23);
    expect(Math.abs(at.N / 73.2e9 - 1)).toBeLessThan(0.002);
    expect(Math.abs(at.D / 1.312e12 - 1)).toBeLessThan(0.002);
  });
});

describe.skipIf(isAbsent('chinchilla_epoch.csv'))('scores on chinchilla_epoch.csv (skipped where absent)', () => {
  it('rank the presets: the optimum, the mixture printed, the paper', () => {
    const score = (name: string) => scoreLaw(epochPoints(), presetLaw(name), { drop_highest: 5 }).objective;
    expect(score('chinchilla-epoch') / 0.001018274018).toBeCloseTo(1, 7);
    // Four digits of the exponents alone cost .4%.
    expect(score('chinchilla-besiroglu') / score('chinchilla-epoch')).toBeCloseTo(1.0045, 4);
    expect(score('chinchilla-2022') / score('chinchilla-epoch')).toBeGreaterThan(1.2);
    expect(scoreLaw(epochPoints(), presetLaw('chinchilla-epoch'), { drop_highest: 5 }).num_points).toBe(240);
  });
});

describe.skipIf(isAbsent('muennighoff_182.csv'))(
  'data_constrained on muennighoff_182.csv (skipped where the table is absent)',
  () => {
    const published = presetLaw('muennighoff-2023');
    const { R_D_star, R_N_star, ...base } = published.params as Record<string, number>;

    it('the published point: its objective and its prediction to six digits', () => {
      expect(muennighoffPoints()).toHaveLength(182);
      expect(scoreLaw(muennighoffPoints(), published).objective).toBeCloseTo(0.0158259, 7);
      expect(predictLoss(published, { N: 6.34e9, D: 242e9, U: 25e9 })).toBeCloseTo(2.2256440889984477, 12);
    });

    it('is a local optimum, and the fit finds the better one', () => {
      const fit = fitLaw(muennighoffPoints(), { law: 'data_constrained', fix: base });
      expect(fit.converged).toBe(true);
      expect(fit.num_free).toBe(2);
      expect(fit.objective).toBeCloseTo(0.0158047, 7);
      expect(fit.objective).toBeLessThan(scoreLaw(muennighoffPoints(), published).objective);
      expect(fit.params['R_D_star']! / 95.4).toBeCloseTo(1, 2);
      expect(fit.params['R_N_star']! / 1.71).toBeCloseTo(1, 2);
      // Five optima within .2% of each other: 15.4, 47, 52, 95 and 161 repetitions; many starts must see the best.
      expect(fit.starts.distinct).toBeGreaterThan(3);
      expect(fit.starts.reached_best).toBeGreaterThan(10);
      expect(fit.starts.next_best).toBeCloseTo(1.7185e-4, 7);
      const near = { R_D_star: [10, 18], R_N_star: [3, 8] } as const;
      const local = fitLaw(muennighoffPoints(), { law: 'data_constrained', fix: base, bounds: near });
      expect(local.params['R_D_star']! / R_D_star!).toBeCloseTo(1, 2);
      expect(local.params['R_N_star']! / R_N_star!).toBeCloseTo(1, 2);
    });

    it('the profile over R_D* is nearly flat from 15 to 300', () => {
      const profile = [15, 30, 60, 95.4, 150, 300].map(
        (value) =>
          fitLaw(muennighoffPoints(), { law: 'data_constrained', fix: { ...base, R_D_star: value } }).objective,
      );
      expect(Math.max(...profile) / Math.min(...profile) - 1).toBeLessThan(0.0025);
      expect(Math.min(...profile)).toBe(profile[3]);
    });

    it('is warned of: few starts agree', () => {
      const fit = fitLaw(muennighoffPoints(), { law: 'data_constrained', fix: base });
      expect(fit.diagnostics.map((d) => d.name)).toContain('local_optimum');
    });
  },
);

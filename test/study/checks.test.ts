/** @file A group's checks on runs of a known law: they find it, they become figures, and too few runs have none. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/log/record.ts';
import { analyseRecords, type GroupAnalysis } from '../../src/study/analyse.ts';
import { checkGroup, type GroupChecks } from '../../src/study/checks.ts';
import { groupFigures } from '../../src/study/figures.ts';
import { record } from '../report/sample.ts';
import { expectSound } from '../report/sound.ts';
import { makeRecord } from '../support/run-record.ts';

const TRUTH = { E: 1.7, A: 400, B: 410, alpha: 0.34, beta: 0.28 };
const A_TRUE = TRUTH.beta / (TRUTH.alpha + TRUTH.beta);
const lossAt = (N: number, D: number): number => TRUTH.E + TRUTH.A / N ** TRUTH.alpha + TRUTH.B / D ** TRUTH.beta;
const OPTIONS = { bootstrap: 20, cluster: 'sizes', seed: 0 } as const;

/** Five budgets of six sizes each from one ladder, a wiggle of .3% in loss, evaluated at ten points of the way. */
function records(num_budgets = 5): RunRecord[] {
  return Array.from({ length: num_budgets }, (_, i) => 1e18 * 4 ** i).flatMap((C, i) =>
    [0, 1, 2, 3, 4, 5].map((j) => {
      const N = Math.round(2e7 * 1.8 ** (i + j));
      const D = C / (6 * N);
      const wiggle = 1 + 0.003 * Math.sin(5 * i + 3 * j);
      const eval_curve = Array.from({ length: 10 }, (_, k) => {
        const tokens = D * 2 ** (k - 9);
        return { step: tokens / 512, tokens, val_loss: lossAt(N, tokens) * wiggle, val_bpb: null };
      });
      return record({ N, D, C, L: lossAt(N, D) * wiggle }, {
        run_id: `run-${i}-${j}`,
        num_steps: D / 512,
        eval_curve,
      } as Partial<RunRecord>);
    }),
  );
}

describe('a known law', () => {
  let group: GroupAnalysis;
  let checks: GroupChecks;
  beforeAll(() => {
    group = analyseRecords(records(), OPTIONS)[0]!;
    checks = checkGroup(group, OPTIONS);
  });

  it('lies within the profiles of its floor and its exponent', () => {
    const truth: Record<string, number> = { E: TRUTH.E, a: A_TRUE };
    expect(checks.profiles.map(({ param }) => param)).toEqual(['E', 'a']);
    for (const { param, interval, open } of checks.profiles) {
      expect(open).toEqual({ low: false, high: false });
      expect(truth[param]).toBeGreaterThan(interval[0]);
      expect(truth[param]).toBeLessThan(interval[1]!);
    }
  });

  it('predicts the larger half within a percent and ranks before the form that has no floor', () => {
    const errors = Object.fromEntries(checks.halves.map(({ law, rms }) => [law, rms]));
    expect(errors['chinchilla']).toBeLessThan(0.01);
    expect(errors['kaplan_nd']).toBeGreaterThan(errors['chinchilla']!);
    expect(checks.halves.map(({ rms }) => rms)).toEqual(Object.values(errors).sort((x, y) => x - y));
  });

  it('splits between budgets, never within one', () => {
    const budgets = [...new Set(group.records.map(({ budget_flops }) => budget_flops!))];
    const cut = checks.fitted_to!;
    expect(budgets.some((C) => Math.abs(cut / C - 1) < 0.01)).toBe(true);
    const { num_fitted, num_held_out } = checks.halves[0]!;
    expect([num_fitted % 6, num_held_out % 6]).toEqual([0, 0]);
    expect(num_fitted + num_held_out).toBe(30);
  });

  it('gives an envelope between the sizes, a scan that stays, a frontier that falls', () => {
    expect(checks.envelope!.fit.exponents.a).toBeGreaterThan(0.2);
    expect(checks.token_scan.length).toBeGreaterThan(2);
    for (const { exponent } of checks.token_scan) expect(Math.abs(exponent - A_TRUE)).toBeLessThan(0.1);
    const losses = checks.optima.map(({ L }) => L);
    expect(losses).toEqual([...losses].sort((x, y) => y - x));
    expect(checks.optima.at(-1)!.C / checks.optima[0]!.C).toBeCloseTo(4 ** 4 * 10, -1);
    expect(checks.optima.filter(({ intervals }) => intervals !== null).length).toBeGreaterThan(3);
  });

  it('becomes figures with names of their own', () => {
    const figures = groupFigures(group, checks);
    const ids = figures.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ['frontier', 'envelope', 'curves', 'profiles', 'sensitivity', 'hold-out', 'distance', 'half-fit'])
      expect(ids).toContain(id);
    // One batch size only.
    expect(ids).not.toContain('critical-batch');
    for (const { svg, caption } of figures) {
      expectSound(svg);
      expect(caption).toMatch(/\.$/);
    }
  });
});

describe('several batch sizes', () => {
  it('have a critical batch', () => {
    const B_crit = (L: number): number => 1e6 / L ** 3;
    const curves = [2e3, 3.2e4, 5e5].flatMap((B) =>
      [1e7, 3e7, 9e7, 2.7e8, 8.1e8].map((N, i) => {
        const eval_curve = Array.from({ length: 16 }, (_, k) => {
          const S_min = 200 * 1.5 ** k;
          const val_loss = 1 + 400 / N ** 0.34 + 20 / S_min ** 0.5;
          const step = Math.round(S_min * (1 + B_crit(val_loss) / B));
          return { step, tokens: step * B, val_loss, val_bpb: null };
        });
        const last = eval_curve.at(-1)!;
        const run = { N, D: last.tokens, C: 6 * N * last.tokens, L: last.val_loss };
        return record(run, { run_id: `batch-${B}-${i}`, num_steps: last.step, eval_curve } as Partial<RunRecord>);
      }),
    );
    const [group] = analyseRecords(curves, { ...OPTIONS, bootstrap: 0 });
    const checks = checkGroup(group!, { ...OPTIONS, bootstrap: 0 });
    expect(checks.critical_batch!.alpha_B).toBeCloseTo(1 / 3, 1);
    expect(groupFigures(group!, checks).map(({ id }) => id)).toContain('critical-batch');
  });

  it('have one at the best of several rates, where the rate is constant', () => {
    const runs = (kind: 'constant' | 'cosine') =>
      [2e3, 3.2e4, 5e5].flatMap((B) =>
        [1, 2, 3].map((k) => {
          const eval_curve = Array.from({ length: 16 }, (_, i) => {
            const S_min = 200 * 1.5 ** i;
            const L = 1 + 20 / S_min ** 0.5;
            const step = Math.round(S_min * (1 + 1e6 / L ** 3 / B));
            return { step, tokens: step * B, val_loss: k === 2 ? L : 1.3 * L };
          });
          const last = eval_curve.at(-1)!;
          return makeRecord({
            ...{
              run_id: `${B}-${k}`,
              num_tokens: last.tokens,
              num_steps: last.step,
              eval_curve,
              val_loss: last.val_loss,
            },
            ...{ batch_size: B / 100, optimizer: { ...makeRecord().optimizer, learning_rate: k / 100 } },
            schedule: { ...makeRecord().schedule, kind, warmup_steps: 0 },
          });
        }),
      );
    const found = (kind: 'constant' | 'cosine') => {
      const [group] = analyseRecords(runs(kind), { ...OPTIONS, bootstrap: 0 });
      return checkGroup(group!, { ...OPTIONS, bootstrap: 0 }).critical_batch;
    };
    expect(found('constant')!.alpha_B).toBeCloseTo(1 / 3, 1);
    expect(found('constant')!.num_curves).toBe(3);
    expect(found('cosine')).toBeNull();
  });
});

describe('too few runs', () => {
  it('have no checks, and every figure that needs none', () => {
    const [group] = analyseRecords(records(2), OPTIONS);
    const checks = checkGroup(group!, OPTIONS);
    expect(checks).toMatchObject({ profiles: [], envelope: null, halves: [], fitted_to: null, optima: [] });
    expect(groupFigures(group!, checks).map(({ id }) => id)).toContain('learning-curves');
  });

  it('not even one that finished', () => {
    const [group] = analyseRecords(
      records(2).map((run) => ({ ...run, status: 'failed' as const })),
      OPTIONS,
    );
    expect(() => groupFigures(group!, checkGroup(group!, OPTIONS))).not.toThrow();
  });
});

/** @file Simulated studies: the share of verdicts follows noise and grid, and equal seeds give equal shares. */
import { expect, it } from 'vitest';
import { type CorpusFacts, parseConfig } from '../../../src/config/config.ts';
import { planStudy } from '../../../src/plan/plan.ts';
import { simulatePower } from '../../../src/study/claims/power.ts';

const FACTS: CorpusFacts = {
  vocab_size: 64,
  live_vocab_size: 64,
  unique_tokens: null,
  bytes_per_token: null,
  entropy_nats: 0.4,
  corpus_sha256: '0',
  tokenizer_sha256: '0',
  val_tokens: 131_072,
};

const study = (value: number) =>
  parseConfig([
    {
      name: 'tiny.yaml',
      text: `
name: tiny
data: { corpus: zipf-lexicon }
sweeps:
  - name: grid
    isoflop:
      budgets: [10G, 20G, 40G, 80G, 160G]
      d_model: [8, 12, 16, 20, 24, 32, 40, 48]
      keep: { min_tokens_per_param: 3, max_tokens_per_param: 1000 }
claims:
  - { name: a, statement: x, source: x, kind: number, ours: [{ group: grid }], value: ${value}, margin: 0.05 }
`,
    },
  ]).config;

const SURFACE = { E: 0.4, A: 83, B: 97, alpha: 0.6, beta: 0.4 };

function simulate(value: number, noise: number) {
  const config = study(value);
  const plan = planStudy(config, () => FACTS);
  const power = { surfaces: { grid: SURFACE }, seed_sd: noise, size_sd: noise, draws: 6 };
  return simulatePower(plan, config.claims, power, 60)[0]!;
}

it('finds a true claim where noise is small, and is of little use where it is large', () => {
  const quiet = simulate(0.4, 1e-4);
  expect(quiet.outcomes.reproduced).toBe(1);
  expect(quiet.is_decisive).toBe(true);
  expect(quiet.mean).toBeCloseTo(0.4, 1);
  const loud = simulate(0.4, 0.05);
  expect(loud.outcomes.reproduced).toBeLessThan(0.5);
  expect(loud.sd).toBeGreaterThan(10 * quiet.sd!);
  expect(simulate(0.4, 0.05)).toEqual(loud);
});

it('contradicts a false claim where noise is small', () => {
  expect(simulate(0.6, 1e-4).outcomes['not reproduced']).toBe(1);
});

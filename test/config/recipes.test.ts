/** @file Learning rate, batch, beta2 and warmup of each recipe, against hand-computed values. */
import { describe, expect, it } from 'vitest';
import {
  BATCH_RECIPES,
  BETA2_RECIPES,
  LEARNING_RATE_RECIPES,
  type RecipeInput,
  WARMUP_RECIPES,
} from '../../src/config/config.ts';

/** A model of `N` parameters by every count. */
function model(N: number, d_model = 32, num_tokens = 1e6): RecipeInput {
  const num_params = {
    total: N,
    token_embedding: 0,
    position_embedding: 0,
    transformer: N,
    norm_and_bias: 0,
    lm_head: 0,
    non_embedding: N,
    non_embedding_head: N,
    live: N,
  };
  return { num_params, d_model, num_tokens, n_ctx: 64 };
}

describe('learning rate', () => {
  it('pilot is min(.015, .2/d)', () => {
    expect([8, 16, 32, 64].map((d) => LEARNING_RATE_RECIPES.pilot(model(1, d)))).toEqual([
      0.015, 0.0125, 0.00625, 0.003125,
    ]);
  });

  it('lexicon is .01 at d 32 and falls as d^-1/2', () => {
    expect(LEARNING_RATE_RECIPES.lexicon(model(1, 32))).toBe(0.01);
    expect(LEARNING_RATE_RECIPES.lexicon(model(1, 128))).toBe(0.005);
  });

  it('tuned_lexicon is .04 at d 8 and lies among the measured vertices', () => {
    const vertices = { 8: [0.035, 0.044], 16: [0.016, 0.022], 32: [0.0083, 0.013], 64: [0.0052, 0.007] };
    expect(LEARNING_RATE_RECIPES.tuned_lexicon(model(1, 8))).toBe(0.04);
    for (const [d, [low, high]] of Object.entries(vertices)) {
      const rate = LEARNING_RATE_RECIPES.tuned_lexicon(model(1, Number(d)));
      expect(rate).toBeGreaterThanOrEqual(low!);
      expect(rate).toBeLessThanOrEqual(high!);
    }
  });

  it('porian gives .0047 at 108M parameters and .155 at 3e3', () => {
    expect(LEARNING_RATE_RECIPES.porian(model(108e6))).toBeCloseTo(0.0047, 12);
    expect(LEARNING_RATE_RECIPES.porian(model(3e3))).toBeCloseTo(0.155, 3);
  });

  it('kaplan gives .0021 at 3e3 parameters, and an error where it is not positive', () => {
    expect(LEARNING_RATE_RECIPES.kaplan(model(3e3))).toBeCloseTo(0.0021, 4);
    expect(() => LEARNING_RATE_RECIPES.kaplan(model(2e10))).toThrow(/kaplan recipe gives -/);
  });
});

describe('batch, beta2, warmup', () => {
  it('pilot batch grows with D', () => {
    const batches = [999_999, 1e6, 4e6, 4_000_001].map((D) => BATCH_RECIPES.pilot(model(1, 32, D)));
    expect(batches).toEqual([256, 512, 512, 1024]);
  });

  it('porian batch is 160 sequences of 2,048 tokens at 108M parameters', () => {
    expect(BATCH_RECIPES.porian(model(108e6))).toBe(160 * 2048);
    expect(BATCH_RECIPES.porian(model(108e3))).toBeCloseTo(1.6 * 2048, 6);
  });

  it('constants', () => {
    expect(BATCH_RECIPES.kaplan()).toBe(524288);
    expect(BETA2_RECIPES.porian()).toBe(0.99);
    expect(WARMUP_RECIPES.kaplan()).toBe(3000);
    expect(WARMUP_RECIPES.params(model(5120), 512)).toBe(10);
  });
});

/** @file Counts by formula against the real thing: sums over shapes, and FLOPs counted one multiply-add at a time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/config/run-spec.ts';
import { countFlops, countParams, exactFlopsPerToken, paramShapes, trainingMemoryBytes } from '../../src/model/size.ts';
import { bruteForceFlops } from '../support/brute-flops.ts';
import { smallModel } from '../support/random-params.ts';
import { referenceParamShapes } from '../support/reference-gpt.ts';

/** Models of any shape up to `largest` in each dimension. */
function anyModel(largest: number): fc.Arbitrary<ModelSpec> {
  const size = fc.integer({ min: 1, max: largest });
  return fc
    .record({
      n_layer: fc.integer({ min: 1, max: 3 }),
      n_head: fc.integer({ min: 1, max: 3 }),
      d_head: size,
      d_ff: size,
      n_ctx: size,
      vocab_size: fc.integer({ min: 2, max: largest + 1 }),
      tie_embeddings: fc.boolean(),
      bias: fc.boolean(),
    })
    .map(({ d_head, ...shape }) => smallModel({ ...shape, d_model: shape.n_head * d_head }));
}

const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

describe('paramShapes', () => {
  it('lists the reference model, name by name', () => {
    fc.assert(
      fc.property(anyModel(40), (model) => {
        expect(paramShapes(model)).toEqual(referenceParamShapes(model));
      }),
    );
  });
});

describe('countParams', () => {
  it('sums the shapes, and its groups sum to the total', () => {
    fc.assert(
      fc.property(anyModel(200), (model) => {
        const n = countParams(model, model.vocab_size);
        const shapes = Object.values(referenceParamShapes(model)).map(sizeOf);
        expect(n.total).toBe(shapes.reduce((a, b) => a + b));
        expect(n.token_embedding + n.position_embedding + n.transformer + n.norm_and_bias + n.lm_head).toBe(n.total);
        expect(n.non_embedding).toBe(n.transformer);
        expect(n.non_embedding_head).toBe(n.transformer + sizeOf([model.vocab_size, model.d_model]));
        expect(n.lm_head).toBe(model.tie_embeddings ? 0 : n.token_embedding);
      }),
    );
  });

  it('counts live parameters as those of the same model over the tokens that occur', () => {
    fc.assert(
      fc.property(anyModel(200), fc.double({ min: 0, max: 1, noNaN: true }), (model, share) => {
        const live_vocab_size = Math.max(1, Math.round(share * model.vocab_size));
        const shrunk = countParams({ ...model, vocab_size: live_vocab_size }, live_vocab_size);
        expect(countParams(model, live_vocab_size).live).toBe(shrunk.total);
      }),
    );
  });

  it("gives Kaplan's smallest model, 768 = 12 x 1 x 8^2", () => {
    const model = smallModel({ n_layer: 1, d_model: 8, d_ff: 32, n_ctx: 1024, vocab_size: 50257 });
    expect(countParams(model, 50257).non_embedding).toBe(768);
  });

  it('gives GPT-2 small as published: 124,439,808, tied and with biases', () => {
    const model = smallModel({
      ...{ n_layer: 12, n_head: 12, d_model: 768, d_ff: 3072, n_ctx: 1024, vocab_size: 50257 },
      tie_embeddings: true,
    });
    const n = countParams(model, 50257);
    expect(n.total).toBe(124439808);
    expect(n.non_embedding).toBe(84934656);
    expect(n.token_embedding).toBe(38597376);
    expect(n.position_embedding).toBe(786432);
  });
});

describe('countFlops', () => {
  it('exact equals every multiply-add of a step, forward and backward, done and counted one by one', () => {
    fc.assert(
      fc.property(anyModel(7), fc.integer({ min: 1, max: 3 }), (model, batch_size) => {
        const { forward, total } = bruteForceFlops(model, batch_size);
        expect(countFlops(model, batch_size * model.n_ctx).exact).toBe(total);
        expect(total).toBe(3 * forward);
      }),
      { numRuns: 60 },
    );
  });

  it('exact equals the brute force at a shape of the ladder', () => {
    const model = smallModel({
      n_layer: 2,
      n_head: 2,
      d_model: 32,
      d_ff: 128,
      n_ctx: 64,
      vocab_size: 102,
      bias: false,
    });
    expect(countFlops(model, 64).exact).toBe(bruteForceFlops(model, 1).total);
    expect(exactFlopsPerToken(model) * 64).toBe(bruteForceFlops(model, 1).total);
  });

  it('gives 6 N D with either N', () => {
    const model = smallModel({ n_layer: 1, d_model: 8, d_ff: 32, n_ctx: 64, vocab_size: 100, bias: false });
    // wte 800, wpe 512, block 768, three norms of 16, head 800
    expect(countFlops(model, 1e6).six_n_total).toBe(6 * 2928 * 1e6);
    expect(countFlops(model, 1e6).six_n_non_embedding).toBe(6 * 768 * 1e6);
  });
});

describe('trainingMemoryBytes', () => {
  it('is 16 bytes a parameter and grows by the same amount with every sequence', () => {
    fc.assert(
      fc.property(anyModel(100), fc.integer({ min: 1, max: 64 }), (model, batch_size) => {
        const fixed = 16 * countParams(model, model.vocab_size).total;
        const perSequence = trainingMemoryBytes(model, 1) - fixed;
        expect(trainingMemoryBytes(model, batch_size)).toBe(fixed + batch_size * perSequence);
        // a sequence keeps at least its residual stream in every block and its logits, in float32
        const { n_ctx, n_layer, d_model, vocab_size } = model;
        expect(perSequence).toBeGreaterThan(4 * n_ctx * (n_layer * d_model + vocab_size));
      }),
    );
  });
});

/** @file Token and position embeddings against everything they can be held against. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomInt } from '../../../src/lib/rng.ts';
import { embedding, embeddingGrad } from '../../../src/model/ops/embedding.ts';
import { tf } from '../../../src/tf.ts';
import {
  anySize,
  anyVocabulary,
  describeOnBackends,
  describeOp,
  itRefuses,
  normalValues,
  ones,
} from '../../support/op-checks.ts';
import { type Matrix, zeros } from '../../support/reference-ops.ts';
import { valuesOf } from '../../support/values.ts';

/** `y_r = wte[token_r] + wpe[r mod n_ctx]`, and each row of dy added to the two rows it came from. */
function referenceEmbedding(tokens: Int32Array, wte: Matrix, wpe: Matrix) {
  const y = zeros(tokens.length, wte.cols);
  const visit = (add: (at: number, token_at: number, position_at: number) => void) => {
    tokens.forEach((token, r) => {
      for (let c = 0; c < y.cols; c++) add(r * y.cols + c, token * y.cols + c, (r % wpe.rows) * y.cols + c);
    });
  };
  visit((at, token_at, position_at) => {
    y.data[at] = wte.data[token_at]! + wpe.data[position_at]!;
  });
  const backward = (dy: Matrix) => {
    const [dwte, dwpe] = [zeros(wte.rows, wte.cols), zeros(wpe.rows, wpe.cols)];
    visit((at, token_at, position_at) => {
      dwte.data[token_at]! += dy.data[at]!;
      dwpe.data[position_at]! += dy.data[at]!;
    });
    return { wte: dwte, wpe: dwpe };
  };
  return { y, backward };
}

describeOp({
  name: 'embedding',
  shapes: fc.record({ batch_size: fc.constantFrom(1, 2, 3), n_ctx: anySize, vocab_size: anyVocabulary, d: anySize }),
  edges: [
    { batch_size: 1, n_ctx: 1, vocab_size: 2, d: 1 },
    { batch_size: 1, n_ctx: 33, vocab_size: 7, d: 1 },
    { batch_size: 3, n_ctx: 1, vocab_size: 17, d: 7 },
    { batch_size: 2, n_ctx: 17, vocab_size: 33, d: 17 },
  ],
  make: ({ batch_size, n_ctx, vocab_size, d }, rng) => {
    const tokens = Int32Array.from({ length: batch_size * n_ctx }, () => randomInt(rng, vocab_size));
    const ids = () => tf.tensor1d(tokens, 'int32');
    return {
      inputs: { wte: normalValues([vocab_size, d], rng), wpe: normalValues([n_ctx, d], rng) },
      forward: ({ wte, wpe }) => embedding(ids(), wte!, wpe!),
      backward: (dy) => {
        const { dwte, dwpe } = embeddingGrad(dy, ids(), { vocab_size, n_ctx });
        return { wte: dwte, wpe: dwpe };
      },
      reference: ({ wte, wpe }) => referenceEmbedding(tokens, wte!, wpe!),
    };
  },
});

describeOnBackends('embedding', () => {
  const ids = (...shape: number[]) => tf.zeros(shape, 'int32');
  itRefuses('LabEmbedding', {
    'tokens that are no whole sequences': {
      call: () => embedding(ids(5), ones(4, 3), ones(2, 3)),
      shape: 'tokens [5]',
    },
    'tokens as a matrix': { call: () => embedding(ids(2, 2), ones(4, 3), ones(2, 3)), shape: 'tokens [2, 2]' },
    'no tokens': { call: () => embedding(ids(0), ones(4, 3), ones(2, 3)), shape: 'tokens [0]' },
    'float tokens': { call: () => embedding(ones(4), ones(4, 3), ones(2, 3)), shape: 'int32 tokens' },
    'tables of two widths': { call: () => embedding(ids(4), ones(4, 3), ones(2, 4)), shape: 'wpe [2, 4]' },
    'a table as a vector': { call: () => embedding(ids(4), ones(4), ones(2)), shape: 'wte [4]' },
  });
  itRefuses('LabEmbeddingGrad', {
    'a gradient of other rows': {
      call: () => embeddingGrad(ones(2, 3), ids(4), { vocab_size: 4, n_ctx: 2 }),
      shape: 'dx [2, 3]',
    },
    'tokens that are no whole sequences': {
      call: () => embeddingGrad(ones(5, 3), ids(5), { vocab_size: 4, n_ctx: 2 }),
      shape: 'tokens [5]',
    },
  });

  it('gives a token that does not occur a gradient of exactly 0, and adds up one that fills the batch', async () => {
    const { dwte, dwpe } = await valuesOf(() => {
      const tokens = tf.fill([512], 1, 'int32');
      return embeddingGrad(tf.ones([512, 2]), tokens, { vocab_size: 3, n_ctx: 4 });
    });
    expect([...dwte]).toEqual([0, 0, 512, 512, 0, 0]);
    expect([...dwpe]).toEqual(Array.from({ length: 8 }, () => 128));
  });
});

/** @file Causal attention against everything it can be held against, and that it is causal. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { causalAttention, causalAttentionGrad } from '../../../src/model/ops/causal-attention.ts';
import { tf } from '../../../src/tf.ts';
import { anySize, describeOnBackends, describeOp, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { causalAttention as referenceAttention } from '../../support/reference-ops.ts';
import { valuesOf } from '../../support/values.ts';

describeOp({
  name: 'causalAttention',
  shapes: fc.record({
    batch_size: fc.constantFrom(1, 2, 3),
    n_ctx: anySize,
    n_head: fc.constantFrom(1, 2, 3),
    d_head: fc.constantFrom(1, 7, 16, 17),
  }),
  edges: [
    { batch_size: 1, n_ctx: 1, n_head: 1, d_head: 1 },
    { batch_size: 3, n_ctx: 1, n_head: 2, d_head: 7 },
    { batch_size: 1, n_ctx: 7, n_head: 1, d_head: 1 },
    { batch_size: 2, n_ctx: 17, n_head: 3, d_head: 7 },
    { batch_size: 1, n_ctx: 33, n_head: 2, d_head: 17 },
  ],
  make: ({ batch_size, n_ctx, n_head, d_head }, rng) => {
    const rows = () => normalValues([batch_size * n_ctx, n_head * d_head], rng);
    return {
      inputs: { q: rows(), k: rows(), v: rows() },
      forward: ({ q, k, v }) => causalAttention(q!, k!, v!, { n_ctx, n_head }).y,
      backward: (dy, { q, k, v }) => {
        const { y, saved } = causalAttention(q!, k!, v!, { n_ctx, n_head });
        const { dq, dk, dv } = causalAttentionGrad(dy, { q: q!, k: k!, v: v!, y, saved }, { n_ctx, n_head });
        return { q: dq, k: dk, v: dv };
      },
      reference: ({ q, k, v }) => {
        const options = { batch_size, n_head, tally: { flops: 0 } };
        const { y, backward } = referenceAttention(q!, k!, v!, options);
        return {
          y,
          backward: (dy) => {
            const { dq, dk, dv } = backward(dy);
            return { q: dq, k: dk, v: dv };
          },
        };
      },
    };
  },
});

describeOnBackends('causalAttention', () => {
  const x = (...shape: number[]) => ones(...shape);
  const shape = { n_ctx: 3, n_head: 2 };
  itRefuses('LabCausalAttention', {
    'rows as a vector': { call: () => causalAttention(x(6), x(6), x(6), shape), shape: 'q [6]' },
    'a batch of matrices': {
      call: () => causalAttention(x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), shape),
      shape: 'q [2, 3, 4]',
    },
    'keys of other rows': { call: () => causalAttention(x(6, 4), x(3, 4), x(6, 4), shape), shape: 'k [3, 4]' },
    'values of another width': { call: () => causalAttention(x(6, 4), x(6, 4), x(6, 2), shape), shape: 'v [6, 2]' },
    'rows that are no whole sequences': {
      call: () => causalAttention(x(5, 4), x(5, 4), x(5, 4), shape),
      shape: 'q [5, 4]',
    },
    'a width that the heads do not divide': {
      call: () => causalAttention(x(6, 3), x(6, 3), x(6, 3), shape),
      shape: 'q [6, 3]',
    },
  });
  itRefuses('LabCausalAttentionGrad', {
    'a gradient of other rows': {
      call: () => {
        const tape = { q: x(6, 4), k: x(6, 4), v: x(6, 4) };
        const { y, saved } = causalAttention(tape.q, tape.k, tape.v, shape);
        causalAttentionGrad(x(3, 4), { ...tape, y, saved }, shape);
      },
      shape: 'dy [3, 4]',
    },
  });

  it('leaves each position as it was, to the bit, whatever comes after it', async () => {
    const [n_ctx, d] = [7, 4];
    const rng = rngStream(1, 'causality');
    const [q, k, v] = [normalValues([n_ctx, d], rng), normalValues([n_ctx, d], rng), normalValues([n_ctx, d], rng)];
    const run = (change: (data: Float32Array, at: number) => Float32Array, at: number) =>
      valuesOf(() => {
        const [tq, tk, tv] = [q, k, v].map(({ shape, data }) => tf.tensor(change(data, at), shape)) as tf.Tensor[];
        return causalAttention(tq!, tk!, tv!, { n_ctx, n_head: 2 }).y;
      });
    const before = await run((data) => data, 0);
    for (let t = 1; t < n_ctx; t++) {
      const after = await run((data, at) => data.map((value, i) => (i >= at * d ? value + 3 : value)), t);
      expect(after.slice(0, t * d)).toEqual(before.slice(0, t * d));
      expect(after.slice(t * d)).not.toEqual(before.slice(t * d));
    }
  });

  it('looks at no later key, however large or small the scores', async () => {
    const attend = (size: number) =>
      valuesOf(() => {
        const [q, v] = [tf.fill([3, 1], size), tf.tensor2d([[1], [2], [3]])];
        const k = tf.tensor2d([[-size], [size], [2 * size]]);
        return causalAttention(q, k, v, { n_ctx: 3, n_head: 1 }).y;
      });
    for (const size of [10, 1e4, 1e6]) expect(await attend(size)).toBeAllclose([1, 2, 3], { rtol: 1e-6 });
  });
});

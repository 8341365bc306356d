/** @file GELU against everything it can be held against. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gelu, geluGrad } from '../../../src/model/ops/gelu.ts';
import { tf } from '../../../src/tf.ts';
import { anySize, describeOnBackends, describeOp, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { gelu as referenceGelu } from '../../support/reference-ops.ts';
import { valuesOf } from '../../support/values.ts';

describeOp({
  name: 'gelu',
  shapes: fc.record({ m: anySize, d: anySize }),
  edges: [
    { m: 1, d: 1 },
    { m: 7, d: 1 },
    { m: 1, d: 17 },
    { m: 33, d: 33 },
  ],
  make: ({ m, d }, rng) => ({
    inputs: { x: normalValues([m, d], rng) },
    forward: ({ x }) => gelu(x!),
    backward: (dy, { x }) => ({ x: geluGrad(dy, x!) }),
    reference: ({ x }) => {
      const { y, backward } = referenceGelu(x!);
      return { y, backward: (dy) => ({ x: backward(dy) }) };
    },
  }),
});

describeOnBackends('gelu', () => {
  itRefuses('LabGeluGrad', {
    'a gradient of another shape': { call: () => geluGrad(ones(2, 3), ones(3, 2)), shape: 'dy [2, 3]' },
    'a gradient of another rank': { call: () => geluGrad(ones(6), ones(3, 2)), shape: 'dy [6]' },
  });

  it('is x or 0 far from zero, its slope 1 or 0', async () => {
    const x = [-1000, -50, -20, 0, 20, 50, 1000];
    const { y, dx } = await valuesOf(() => {
      const t = tf.tensor1d(x);
      return { y: gelu(t), dx: geluGrad(tf.onesLike(t), t) };
    });
    expect(y).toBeAllclose([0, 0, 0, 0, 20, 50, 1000], { atol: 1e-30 });
    expect(dx).toBeAllclose([0, 0, 0, 0.5, 1, 1, 1], { atol: 1e-30 });
  });
});

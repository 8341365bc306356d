/** @file LayerNorm of rows against everything it can be held against. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { layerNorm, layerNormGrad } from '../../../src/model/ops/layer-norm.ts';
import { tf } from '../../../src/tf.ts';
import { anySize, describeOnBackends, describeOp, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { layerNorm as referenceLayerNorm } from '../../support/reference-ops.ts';
import { valuesOf } from '../../support/values.ts';

describeOp({
  name: 'layerNorm',
  shapes: fc.record({ m: anySize, d: anySize }),
  edges: [
    { m: 1, d: 1 },
    { m: 1, d: 33 },
    { m: 7, d: 17 },
    { m: 33, d: 7 },
  ],
  make: ({ m, d }, rng) => ({
    inputs: { x: normalValues([m, d], rng), g: normalValues([d], rng), b: normalValues([d], rng) },
    forward: ({ x, g, b }) => layerNorm(x!, g!, b!).y,
    backward: (dy, { x, g, b }) => {
      const { dx, dg, db } = layerNormGrad(dy, x!, g!, layerNorm(x!, g!, b!).saved);
      return { x: dx, g: dg, b: db };
    },
    reference: ({ x, g, b }) => {
      const { y, backward } = referenceLayerNorm(x!, g!, b!);
      return {
        y,
        backward: (dy) => {
          const { dx, dg, db } = backward(dy);
          return { x: dx, g: dg, b: db };
        },
      };
    },
  }),
});

describeOnBackends('layerNorm', () => {
  const saved = (m: number) => ({ mean: ones(m), rstd: ones(m) });
  itRefuses('LabLayerNorm', {
    'rows as a vector': { call: () => layerNorm(ones(4), ones(4), ones(4)), shape: 'x [4]' },
    'a gain of another length': { call: () => layerNorm(ones(2, 4), ones(2), ones(4)), shape: 'g [2]' },
    'a gain as a matrix': { call: () => layerNorm(ones(2, 4), ones(4, 1), ones(4)), shape: 'g [4, 1]' },
    'a bias of another length': { call: () => layerNorm(ones(2, 4), ones(4), ones(1)), shape: 'b [1]' },
  });
  itRefuses('LabLayerNormGrad', {
    'a gradient of other rows': {
      call: () => layerNormGrad(ones(3, 4), ones(2, 4), ones(4), saved(2)),
      shape: 'dy [3, 4]',
    },
    'a gain of another length': {
      call: () => layerNormGrad(ones(2, 4), ones(2, 4), ones(2), saved(2)),
      shape: 'g [2]',
    },
    'statistics of other rows': {
      call: () => layerNormGrad(ones(2, 4), ones(2, 4), ones(4), saved(3)),
      shape: 'mean [3]',
    },
  });

  it('keeps its precision in rows far from zero, and maps a constant row to the bias', async () => {
    const { far, constant } = await valuesOf(() => {
      const apply = (row: number[]) => layerNorm(tf.tensor2d([row]), tf.ones([4]), tf.fill([4], 0.5)).y;
      return { far: apply([10001, 10002, 10003, 10004]), constant: apply([3, 3, 3, 3]) };
    });
    // The row is exact in float32 and so is its mean: (-1.5, -.5, .5, 1.5) / sqrt(1.25 + 1e-5) + .5.
    const deviation = Math.sqrt(1.25 + 1e-5);
    const expected = [-1.5, -0.5, 0.5, 1.5].map((v) => v / deviation + 0.5);
    expect(far).toBeAllclose(expected, { rtol: 1e-6, atol: 1e-6 });
    expect([...constant]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});

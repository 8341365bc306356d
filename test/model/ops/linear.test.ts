/** @file Linear maps, plain, with bias and with a transposed weight, against everything they can be held against. */
import fc from 'fast-check';
import { linear, linearGrad } from '../../../src/model/ops/linear.ts';
import { anySize, describeOnBackends, describeOp, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { linear as referenceLinear, transpose } from '../../support/reference-ops.ts';

const VARIANTS = [
  { name: 'linear', has_bias: false, transpose_w: false },
  { name: 'linear with bias', has_bias: true, transpose_w: false },
  { name: 'linear with transposed weight', has_bias: false, transpose_w: true },
  { name: 'linear with transposed weight and bias', has_bias: true, transpose_w: true },
];

for (const { name, has_bias, transpose_w } of VARIANTS) {
  describeOp({
    name,
    shapes: fc.record({ m: anySize, k: anySize, n: anySize }),
    edges: [
      { m: 1, k: 1, n: 1 },
      { m: 1, k: 7, n: 33 },
      { m: 7, k: 17, n: 1 },
      { m: 17, k: 1, n: 7 },
      { m: 33, k: 33, n: 17 },
    ],
    make: ({ m, k, n }, rng) => ({
      inputs: {
        x: normalValues([m, k], rng),
        w: normalValues(transpose_w ? [n, k] : [k, n], rng),
        ...(has_bias ? { b: normalValues([n], rng) } : {}),
      },
      forward: ({ x, w, b }) => linear(x!, w!, b ?? null, transpose_w),
      backward: (dy, { x, w }) => {
        const { dx, dw, db } = linearGrad(dy, x!, w!, { has_bias, transpose_w });
        return { x: dx, w: dw, ...(db ? { b: db } : {}) };
      },
      reference: ({ x, w, b }) => {
        const { y, backward } = referenceLinear(x!, transpose_w ? transpose(w!) : w!, b ?? null, { flops: 0 });
        return {
          y,
          backward: (dy) => {
            const { dx, dw, db } = backward(dy);
            return { x: dx, w: transpose_w ? transpose(dw) : dw, ...(has_bias ? { b: db } : {}) };
          },
        };
      },
    }),
  });
}

describeOnBackends('linear', () => {
  itRefuses('LabLinear', {
    'rows as a vector': { call: () => linear(ones(3), ones(3, 4), null), shape: 'x [3]' },
    'a batch of matrices': { call: () => linear(ones(2, 2, 3), ones(3, 4), null), shape: 'x [2, 2, 3]' },
    'a weight of another width': { call: () => linear(ones(2, 3), ones(4, 3), null), shape: 'w [4, 3]' },
    'a weight that is not transposed': { call: () => linear(ones(2, 3), ones(3, 4), null, true), shape: 'w [3, 4]' },
    'a bias of another length': { call: () => linear(ones(2, 3), ones(3, 4), ones(3)), shape: 'b [3]' },
    'a bias as a column': { call: () => linear(ones(2, 3), ones(3, 4), ones(4, 1)), shape: 'b [4, 1]' },
  });
  itRefuses('LabLinearGrad', {
    'a gradient of other rows': { call: () => linearGrad(ones(3, 4), ones(2, 3), ones(3, 4)), shape: 'dy [3, 4]' },
    'a gradient of another width': { call: () => linearGrad(ones(2, 3), ones(2, 3), ones(3, 4)), shape: 'dy [2, 3]' },
    'a gradient as a vector': { call: () => linearGrad(ones(4), ones(2, 3), ones(3, 4)), shape: 'dy [4]' },
    'a weight that is not transposed': {
      call: () => linearGrad(ones(2, 4), ones(2, 3), ones(3, 4), { transpose_w: true }),
      shape: 'w [3, 4]',
    },
  });
});

/** @file Mean cross-entropy against everything it can be held against. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomInt } from '../../../src/lib/rng.ts';
import { crossEntropy, crossEntropyGrad } from '../../../src/model/ops/cross-entropy.ts';
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
import { crossEntropy as referenceCrossEntropy } from '../../support/reference-ops.ts';
import { valuesOf } from '../../support/values.ts';

describeOp({
  name: 'crossEntropy',
  shapes: fc.record({ m: anySize, v: anyVocabulary }),
  edges: [
    { m: 1, v: 2 },
    { m: 1, v: 33 },
    { m: 7, v: 17 },
    { m: 33, v: 7 },
  ],
  make: ({ m, v }, rng) => {
    const ids = Int32Array.from({ length: m }, () => randomInt(rng, v));
    return {
      inputs: { logits: normalValues([m, v], rng) },
      forward: ({ logits }) => crossEntropy(logits!, tf.tensor1d(ids, 'int32')).loss,
      // The training loop starts the chain at 1; the tape may start it anywhere.
      backward: (dy, { logits }) => {
        const targets = tf.tensor1d(ids, 'int32');
        return { logits: tf.mul(crossEntropyGrad(logits!, targets, crossEntropy(logits!, targets).saved), dy) };
      },
      reference: ({ logits }) => {
        const { loss, backward } = referenceCrossEntropy(logits!, ids);
        const y = { rows: 1, cols: 1, data: Float64Array.of(loss) };
        const scaled = (factor: number) => ({ ...logits!, data: backward().data.map((d) => d * factor) });
        return { y, backward: (dy) => ({ logits: scaled(dy.data[0]!) }) };
      },
    };
  },
});

describeOnBackends('crossEntropy', () => {
  const ids = (...shape: number[]) => tf.zeros(shape, 'int32');
  itRefuses('LabCrossEntropy', {
    'logits as a vector': { call: () => crossEntropy(ones(4), ids(4)), shape: 'logits [4]' },
    'targets of other rows': { call: () => crossEntropy(ones(2, 4), ids(4)), shape: 'targets [4]' },
    'targets as a matrix': { call: () => crossEntropy(ones(4, 3), ids(2, 2)), shape: 'targets [2, 2]' },
    'float targets': { call: () => crossEntropy(ones(2, 4), ones(2)), shape: 'int32 targets' },
  });
  itRefuses('LabCrossEntropyGrad', {
    'targets of other rows': { call: () => crossEntropyGrad(ones(2, 4), ids(3), ones(2, 4)), shape: 'targets [3]' },
  });

  it('is exact far from zero: a sure right answer costs nothing, a sure wrong one the difference', async () => {
    const { right, wrong, gradient } = await valuesOf(() => {
      const logits = tf.tensor2d([[1000, 0, -1000]]);
      const target = (t: number) => tf.tensor1d([t], 'int32');
      const { loss, saved } = crossEntropy(logits, target(2));
      return {
        right: crossEntropy(logits, target(0)).loss,
        wrong: loss,
        gradient: crossEntropyGrad(logits, target(2), saved),
      };
    });
    expect(right[0]! + 0).toBe(0);
    expect(wrong[0]).toBe(2000);
    expect([...gradient]).toEqual([1, 0, -1]);
  });

  it('is infinite where the target is impossible', async () => {
    const loss = await valuesOf(() => {
      const logits = tf.tensor2d([
        [0, -Infinity, 1],
        [1, 2, 3],
      ]);
      return crossEntropy(logits, tf.tensor1d([1, 0], 'int32')).loss;
    });
    expect(loss[0]).toBe(Infinity);
  });
});

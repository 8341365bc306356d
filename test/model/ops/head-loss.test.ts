/** @file The output layer with its loss against the four operations it joins, on the same backend, over random shapes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomInt, rngStream } from '../../../src/lib/rng.ts';
import { crossEntropy, crossEntropyGrad } from '../../../src/model/ops/cross-entropy.ts';
import { headLoss } from '../../../src/model/ops/head-loss.ts';
import { linear, linearGrad } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { compareAll } from '../../support/allclose.ts';
import { anySize, describeOnBackends, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { valuesOf } from '../../support/values.ts';

interface Shape {
  m: number;
  d: number;
  v: number;
  transpose_w: boolean;
  seed: number;
}

type Pair = [joined: Float32Array, apart: Float32Array];

/** Loss, dx and dw joined, then apart; x's first value is `spoil` where that is a number. */
async function both({ m, d, v, transpose_w, seed }: Shape, spoil = Number.NaN): Promise<Pair[]> {
  return valuesOf(() => {
    const rng = rngStream(seed, 'head');
    const { data } = normalValues([m, d], rng);
    if (!Number.isNaN(spoil)) data[0] = spoil;
    const x = tf.tensor(data, [m, d]);
    const w = tf.tensor(normalValues([d, v], rng).data, transpose_w ? [v, d] : [d, v]);
    const targets = tf.tensor1d(
      Array.from({ length: m }, () => randomInt(rng, v)),
      'int32',
    );
    const joined = headLoss(x, w, targets, { transpose_w });
    const logits = linear(x, w, null, transpose_w);
    const { loss, saved } = crossEntropy(logits, targets);
    const { dx, dw } = linearGrad(crossEntropyGrad(logits, targets, saved), x, w, { transpose_w });
    return [
      [joined.loss, loss],
      [joined.dx, dx],
      [joined.dw, dw],
    ];
  }) as Promise<Pair[]>;
}

describeOnBackends('output layer with loss', () => {
  it('equals the four operations it joins', async () => {
    const shape = fc.record({
      ...{ m: anySize, d: anySize, v: anySize.map((v) => v + 1) },
      ...{ transpose_w: fc.boolean(), seed: fc.nat(99) },
    });
    const holds = async (drawn: Shape) => {
      (await both(drawn)).forEach(([joined, apart], i) => {
        const largest = Math.max(1e-6, ...[...apart].map(Math.abs));
        const { pass, message } = compareAll(joined, apart, { atol: 64 * 2 ** -24 * largest });
        expect(pass, `output ${i}: ${message}`).toBe(true);
      });
    };
    await fc.assert(fc.asyncProperty(shape, holds), { seed: 1, numRuns: 20 });
    await holds({ m: 230, d: 33, v: 65, transpose_w: false, seed: 1 });
  });

  it('lets infinity through as the four do', async () => {
    const [loss] = await both({ m: 7, d: 17, v: 33, transpose_w: false, seed: 1 }, Infinity);
    expect(loss![0]).toEqual(loss![1]);
    expect(loss![0][0]).toBeNaN();
  });

  itRefuses('LabHeadLoss', {
    'targets of other rows': {
      call: () => headLoss(ones(2, 3), ones(3, 4), tf.zeros([3], 'int32'), { transpose_w: false }),
      shape: 'targets [3]',
    },
  });
});

/** @file Joined operations against the two they join, on the same backend, over random shapes; their tape gradients
 * against the explicit ones. The single operations are held against the float64 reference in files of their own.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { gelu, geluGrad } from '../../../src/model/ops/gelu.ts';
import {
  geluLinearGrad,
  layerNormGradAdd,
  linearAdd,
  linearGelu,
  linearGradAdd,
} from '../../../src/model/ops/joined.ts';
import { layerNorm, layerNormGrad } from '../../../src/model/ops/layer-norm.ts';
import { linear, linearGrad } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { compareAll } from '../../support/allclose.ts';
import { anySize, describeOnBackends, itRefuses, normalValues, ones } from '../../support/op-checks.ts';

/** Roundings of the largest value, as in op-checks.ts: a sum added after rounding, or before. */
const ROUNDINGS = 64 * 2 ** -24;

type Pair = [joined: tf.Tensor, apart: tf.Tensor];

/** Every pair of tensors equal but for rounding; NaN and infinities in the same places. */
function expectPairs(make: () => Pair[]): void {
  const values = tf.tidy(() => make().map((pair) => pair.map((t) => t.dataSync()) as [Float32Array, Float32Array]));
  values.forEach(([joined, apart], i) => {
    const finite = [...apart].filter(Number.isFinite).map(Math.abs);
    const { pass, message } = compareAll(joined, apart, { atol: ROUNDINGS * Math.max(1e-6, ...finite) });
    expect(pass, `output ${i}: ${message}`).toBe(true);
  });
}

interface Shape {
  m: number;
  k: number;
  n: number;
  seed: number;
}

function drawn({ m, k, n, seed }: Shape, spoil = Number.NaN) {
  const rng = rngStream(seed, 'joined');
  const draw = (...shape: number[]) => {
    const { data } = normalValues(shape, rng);
    if (!Number.isNaN(spoil)) data[0] = spoil;
    return tf.tensor(data, shape);
  };
  return { x: draw(m, k), w: draw(k, n), b: draw(n), r: draw(m, n), dy: draw(m, n), h: draw(m, k), g: draw(k) };
}

function pairs({ x, w, b, r, dy, h, g }: ReturnType<typeof drawn>): Pair[] {
  const [hidden, active] = [linear(x, w, b), gelu(linear(x, w, b))];
  const both = linearGelu(x, w, b);
  const plain = linearGrad(dy, x, w, { has_bias: true });
  const added = linearGradAdd(dy, x, w, { r: h, has_bias: true });
  const through = geluLinearGrad(dy, x, w, { h, has_bias: true });
  const { saved } = layerNorm(x, g, g);
  const norm = layerNormGrad(h, x, g, saved);
  const around = layerNormGradAdd(h, x, g, { ...saved, r: x });
  return [
    [linearAdd(x, w, b, r), tf.add(hidden, r)],
    [linearAdd(x, w, null, r), tf.add(linear(x, w, null), r)],
    [both.hidden, hidden],
    [both.active, active],
    [added.dx, tf.add(plain.dx, h)],
    [added.dw, plain.dw],
    [added.db!, plain.db!],
    [through.dx, geluGrad(plain.dx, h)],
    [through.dw, plain.dw],
    [through.db!, plain.db!],
    [around.dx, tf.add(norm.dx, x)],
    [around.dg, norm.dg],
    [around.db, norm.db],
  ];
}

describeOnBackends('joined operations', () => {
  it('equal the two they join', () => {
    const shapes = fc.record({ m: anySize, k: anySize, n: anySize, seed: fc.nat(99) });
    fc.assert(
      fc.property(shapes, (shape) => expectPairs(() => pairs(drawn(shape)))),
      { seed: 1, numRuns: 20 },
    );
  });

  it('let infinity through as the two do', () => {
    const inputs = () => drawn({ m: 7, k: 17, n: 33, seed: 1 }, Infinity);
    const finite = tf.tidy(() =>
      pairs(inputs()).map((pair) => pair.map((t) => [...t.dataSync()].map(Number.isFinite))),
    );
    for (const [joined, apart] of finite) expect(joined).toEqual(apart);
  });

  it('have the gradients of the two on the tape', () => {
    expectPairs(() => {
      const { x, w, b, r, dy } = drawn({ m: 7, k: 17, n: 33, seed: 2 });
      const residual = tf.grads((...[x, w, b, r]) => linearAdd(x!, w!, b!, r!))([x, w, b, r], dy);
      const { dx, dw, db } = linearGrad(dy, x, w, { has_bias: true });
      const activation = tf.grads((...[x, w, b]) => linearGelu(x!, w!, b!).active)([x, w, b], dy);
      const through = linearGrad(geluGrad(dy, linear(x, w, b)), x, w, { has_bias: true });
      return [
        ...[dx, dw, db!, dy].map((apart, i): Pair => [residual[i]!, apart]),
        ...[through.dx, through.dw, through.db!].map((apart, i): Pair => [activation[i]!, apart]),
      ];
    });
  });

  itRefuses('LabLinearAdd', {
    'a residual of other rows': { call: () => linearAdd(ones(2, 3), ones(3, 4), null, ones(3, 4)), shape: 'r [3, 4]' },
  });
  itRefuses('LabLinearGelu', {
    'a weight of other rows': { call: () => linearGelu(ones(2, 3), ones(4, 4), null), shape: 'w [4, 4]' },
  });
  itRefuses('LabLinearGradAdd', {
    'a residual of other columns': {
      call: () => linearGradAdd(ones(2, 4), ones(2, 3), ones(3, 4), { r: ones(2, 4), has_bias: false }),
      shape: 'r [2, 4]',
    },
  });
  itRefuses('LabGeluLinearGrad', {
    'an activation of other columns': {
      call: () => geluLinearGrad(ones(2, 4), ones(2, 3), ones(3, 4), { h: ones(2, 4), has_bias: false }),
      shape: 'h [2, 4]',
    },
  });
});

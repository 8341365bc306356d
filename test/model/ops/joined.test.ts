/** @file Joined operations against those they join, on the same backend, over random shapes; their tape gradients
 * against the explicit ones. The single operations are held against the float64 reference in files of their own.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { gelu, geluGrad } from '../../../src/model/ops/gelu.ts';
import {
  layerNormGradAdd,
  linearAdd,
  mlp,
  mlpGrad,
  projections,
  projectionsGrad,
  type Triple,
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
  return {
    ...{ x: draw(m, k), w: draw(k, n), b: draw(n), r: draw(m, n), dy: draw(m, n), h: draw(m, k), g: draw(k) },
    ...{ w_proj: draw(n, k), b_proj: draw(k), w2: draw(k, n), w3: draw(k, n), dy2: draw(m, n), dy3: draw(m, n) },
  };
}

/** Values of the three maps' results and gradients, and of the MLP's. */
function longPairs({ x, w, b, dy, h, w_proj, b_proj, w2, w3, dy2, dy3 }: ReturnType<typeof drawn>): Pair[] {
  const [weights, dys]: [Triple<tf.Tensor>, Triple<tf.Tensor>] = [
    [w, w2, w3],
    [dy, dy2, dy3],
  ];
  const three = projections(x, weights, [b, null, b]);
  const grads = projectionsGrad(dys, x, weights, { has_bias: true });
  const apart = weights.map((each, i) => linearGrad(dys[i]!, x, each, { has_bias: true }));
  const layers = { w_fc: w, b_fc: b, w_proj, b_proj };
  const whole = mlp(x, layers, h);
  const hidden = linear(x, w, b);
  const inner = mlpGrad(h, x, layers, whole);
  const outerGrad = linearGrad(h, gelu(hidden), w_proj, { has_bias: true });
  const innerGrad = linearGrad(geluGrad(outerGrad.dx, hidden), x, w, { has_bias: true });
  const plain = mlp(x, { ...layers, b_fc: null, b_proj: null }, h);
  return [
    ...three.map((y, i): Pair => [y, linear(x, weights[i]!, i === 1 ? null : b)]),
    [grads.dx, tf.add(tf.add(apart[0]!.dx, apart[1]!.dx), apart[2]!.dx)],
    ...apart.flatMap(({ dw, db }, i): Pair[] => [
      [grads.dw[i]!, dw],
      [grads.db![i]!, db!],
    ]),
    [whole.y, tf.add(linear(gelu(hidden), w_proj, b_proj), h)],
    [whole.hidden, hidden],
    [plain.y, tf.add(linear(gelu(linear(x, w, null)), w_proj, null), h)],
    [inner.dx, innerGrad.dx],
    [inner.dw_fc, innerGrad.dw],
    [inner.db_fc!, innerGrad.db!],
    [inner.dw_proj, outerGrad.dw],
    [inner.db_proj!, outerGrad.db!],
  ];
}

function pairs(inputs: ReturnType<typeof drawn>): Pair[] {
  const { x, w, b, r, h, g } = inputs;
  const { saved } = layerNorm(x, g, g);
  const norm = layerNormGrad(h, x, g, saved);
  const around = layerNormGradAdd(h, x, g, { ...saved, r: x });
  return [
    [linearAdd(x, w, b, r), tf.add(linear(x, w, b), r)],
    [linearAdd(x, w, null, r), tf.add(linear(x, w, null), r)],
    [around.dx, tf.add(norm.dx, x)],
    [around.dg, norm.dg],
    [around.db, norm.db],
    ...longPairs(inputs),
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
      const { x, w, b, r, dy, h, w_proj, b_proj, w2, w3 } = drawn({ m: 7, k: 17, n: 33, seed: 2 });
      const residual = tf.grads((...[x, w, b, r]) => linearAdd(x!, w!, b!, r!))([x, w, b, r], dy);
      const { dx, dw, db } = linearGrad(dy, x, w, { has_bias: true });
      const inMlp = [x, w, b, w_proj, b_proj, h];
      const taped = tf.grads((...[x, w_fc, b_fc, w_proj, b_proj, r]) => {
        return mlp(x!, { w_fc: w_fc!, b_fc: b_fc!, w_proj: w_proj!, b_proj: b_proj! }, r!).y;
      })(inMlp, h);
      const layers = { w_fc: w, b_fc: b, w_proj, b_proj };
      const through = mlpGrad(h, x, layers, mlp(x, layers, h));
      const sum = tf.grads((...[x, w0, w1, w2, b]) => {
        const [q, k, v] = projections(x!, [w0!, w1!, w2!], [b!, b!, b!]);
        return tf.addN([q, k, v]);
      })([x, w, w2, w3, b], dy);
      const three = projectionsGrad([dy, dy, dy], x, [w, w2, w3], { has_bias: true });
      return [
        ...[dx, dw, db!, dy].map((apart, i): Pair => [residual[i]!, apart]),
        ...[through.dx, through.dw_fc, through.db_fc!, through.dw_proj, through.db_proj!, h].map(
          (apart, i): Pair => [taped[i]!, apart],
        ),
        ...[three.dx, ...three.dw, tf.addN(three.db!)].map((apart, i): Pair => [sum[i]!, apart]),
      ];
    });
  });

  itRefuses('LabLinearAdd', {
    'a residual of other rows': { call: () => linearAdd(ones(2, 3), ones(3, 4), null, ones(3, 4)), shape: 'r [3, 4]' },
  });
  itRefuses('LabProjections', {
    'weights of two shapes': {
      call: () => projections(ones(2, 3), [ones(3, 4), ones(3, 5), ones(3, 4)], [null, null, null]),
      shape: 'w1 [3, 5]',
    },
  });
  itRefuses('LabProjectionsGrad', {
    'a gradient of other rows': {
      call: () =>
        projectionsGrad([ones(2, 4), ones(3, 4), ones(2, 4)], ones(2, 3), [ones(3, 4), ones(3, 4), ones(3, 4)], {
          has_bias: false,
        }),
      shape: 'dy1 [3, 4]',
    },
  });
  const layers = () => ({ w_fc: ones(3, 5), b_fc: null, w_proj: ones(5, 3), b_proj: null });
  itRefuses('LabMlp', {
    'a residual of other columns': { call: () => mlp(ones(2, 3), layers(), ones(2, 4)), shape: 'r [2, 4]' },
  });
  itRefuses('LabMlpGrad', {
    'a hidden layer of other columns': {
      call: () => mlpGrad(ones(2, 3), ones(2, 3), layers(), { hidden: ones(2, 4), saved: null }),
      shape: 'hidden [2, 4]',
    },
  });
});

/** @file LayerNorm of rows (Ba et al. 2016, arXiv 1607.06450): `y = g (x - mean) rstd + b`,
 * `rstd = 1 / sqrt(var + eps)`, variance over the row without Bessel's correction, as in GPT-2.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** What keeps a row of equal values finite, as in GPT-2. */
export const LAYER_NORM_EPS = 1e-5;

/** What the forward pass keeps for the backward pass: mean and reciprocal deviation of each row. */
export interface LayerNormSaved {
  mean: tf.Tensor;
  rstd: tf.Tensor;
}

/** Normalises each row of `x_MD`; `g_D` and `b_D` are gain and bias. Throws on a shape mismatch. */
export function layerNorm(x: tf.Tensor, g: tf.Tensor, b: tf.Tensor): { y: tf.Tensor; saved: LayerNormSaved } {
  const d = x.shape[1];
  requireShapes(x.rank === 2 && hasShape(g, d) && hasShape(b, d), KERNEL.layerNorm, 'x [M, D] needs g [D] and b [D]', {
    x,
    g,
    b,
  });
  const [y, mean, rstd] = runOp(KERNEL.layerNorm, { x, g, b }, { eps: LAYER_NORM_EPS });
  return { y: y!, saved: { mean: mean!, rstd: rstd! } };
}

/** With `h = (x - mean) rstd` and `e = g dy`: `dx = rstd (e - mean(e) - h mean(e h))`, `dg = sum dy h`, `db = sum dy`.
 * Throws on a shape mismatch. */
export function layerNormGrad(dy: tf.Tensor, x: tf.Tensor, g: tf.Tensor, { mean, rstd }: LayerNormSaved) {
  const [m, d] = x.shape;
  const holds = x.rank === 2 && hasShape(dy, m, d) && hasShape(g, d) && hasShape(mean, m) && hasShape(rstd, m);
  const rule = 'dy and x [M, D] need g [D], mean [M] and rstd [M]';
  requireShapes(holds, KERNEL.layerNormGrad, rule, { dy, x, g, mean, rstd });
  const [dx, dg, db] = runOp(KERNEL.layerNormGrad, { dy, x, g, mean, rstd });
  return { dx: dx!, dg: dg!, db: db! };
}

export const layerNormKernels: LabKernel[] = [
  {
    name: KERNEL.layerNorm,
    run: ({ x, g, b }, { eps }) => {
      const mean = tf.mean(x!, 1, true);
      const centred = tf.sub(x!, mean);
      const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps as number));
      const y = tf.add(tf.mul(tf.mul(centred, rstd), g!), b!);
      return [y, tf.reshape(mean, [-1]), tf.reshape(rstd, [-1])];
    },
  },
  {
    name: KERNEL.layerNormGrad,
    run: ({ dy, x, g, mean, rstd }) => {
      const column = (t: tf.Tensor) => tf.reshape(t, [-1, 1]);
      const h = tf.mul(tf.sub(x!, column(mean!)), column(rstd!));
      const e = tf.mul(dy!, g!);
      const inner = tf.sub(tf.sub(e, tf.mean(e, 1, true)), tf.mul(h, tf.mean(tf.mul(e, h), 1, true)));
      return [tf.mul(inner, column(rstd!)), tf.sum(tf.mul(dy!, h), 0), tf.sum(dy!, 0)];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.layerNorm,
  inputsToSave: ['x', 'g'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [x, g, mean, rstd]) => {
    const dy = (dys as tf.Tensor[])[0]!;
    const grads = () => layerNormGrad(dy, x!, g!, { mean: mean!, rstd: rstd! });
    return { x: () => grads().dx, g: () => grads().dg, b: () => grads().db };
  },
});

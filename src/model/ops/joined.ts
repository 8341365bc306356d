/** @file Neighbouring operations as one kernel, where a backend can finish the second while the first one's result is
 * in its cache: a linear map and the residual sum or GELU after it, and the same places on the way back. The composed
 * versions run the two operations in turn, so that every backend has them.
 */
import { KERNEL, type KernelInputs, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { gelu, geluGrad } from './gelu.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';
import { type LayerNormSaved, layerNormGrad } from './layer-norm.ts';
import { type LinearGradients, linear, linearGrad } from './linear.ts';

const optional = (b: tf.Tensor | null | undefined): { b: tf.Tensor } | undefined => (b ? { b } : undefined);

/** `y_MN = x_MK w_KN + b_N + r_MN`: a linear map that ends a residual branch. Throws on a shape mismatch. */
export function linearAdd(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | null, r: tf.Tensor): tf.Tensor {
  const holds = w.rank === 2 && hasShape(x, x.shape[0], w.shape[0]) && hasShape(r, x.shape[0], w.shape[1]);
  requireShapes(holds, KERNEL.linearAdd, 'x [M, K] and w [K, N] need r [M, N]', { x, w, r });
  return runOp(KERNEL.linearAdd, { x, w, ...optional(b), r }, { transpose_w: false })[0]!;
}

/** `linearGrad` with `dx + r` in place of dx: r is what reaches x by another way. */
export function linearGradAdd(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: tf.Tensor,
  { r, has_bias }: { r: tf.Tensor; has_bias: boolean },
): LinearGradients {
  const holds = w.rank === 2 && hasShape(x, x.shape[0], w.shape[0]) && hasShape(dy, x.shape[0], w.shape[1]);
  const same = hasShape(r, x.shape[0], x.shape[1]);
  requireShapes(holds && same, KERNEL.linearGradAdd, 'dy [M, N] and x [M, K] need w [K, N], r [M, K]', { dy, x, w, r });
  const [dx, dw, db] = runOp(KERNEL.linearGradAdd, { dy, x, w, r }, { has_bias, transpose_w: false });
  return { dx: dx!, dw: dw!, db: db ?? null };
}

/** `hidden = x w + b` and `active = gelu(hidden)`. Throws on a shape mismatch. */
export function linearGelu(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | null): { hidden: tf.Tensor; active: tf.Tensor } {
  const holds = w.rank === 2 && hasShape(x, x.shape[0], w.shape[0]) && (!b || hasShape(b, w.shape[1]));
  requireShapes(holds, KERNEL.linearGelu, 'x [M, K] needs w [K, N] and b [N]', { x, w, ...optional(b) });
  const [hidden, active] = runOp(KERNEL.linearGelu, { x, w, ...optional(b) }, { transpose_w: false });
  return { hidden: hidden!, active: active! };
}

/** Gradients through a linear map of `x = gelu(h)` and that GELU: `dx` is the gradient of h. */
export function geluLinearGrad(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: tf.Tensor,
  { h, has_bias }: { h: tf.Tensor; has_bias: boolean },
): LinearGradients {
  const holds = w.rank === 2 && hasShape(x, x.shape[0], w.shape[0]) && hasShape(dy, x.shape[0], w.shape[1]);
  const same = hasShape(h, x.shape[0], x.shape[1]);
  requireShapes(holds && same, KERNEL.geluLinearGrad, 'dy [M, N], x [M, K] need w [K, N], h [M, K]', { dy, x, w, h });
  const [dx, dw, db] = runOp(KERNEL.geluLinearGrad, { dy, x, w, h }, { has_bias, transpose_w: false });
  return { dx: dx!, dw: dw!, db: db ?? null };
}

/** `layerNormGrad` with `dx + r` in place of dx: r is the gradient of the residual path around the norm. */
export function layerNormGradAdd(
  dy: tf.Tensor,
  x: tf.Tensor,
  g: tf.Tensor,
  { mean, rstd, r }: LayerNormSaved & { r: tf.Tensor },
) {
  const same = [dy, r].every((t) => hasShape(t, x.shape[0], x.shape[1]));
  requireShapes(same, KERNEL.layerNormGradAdd, 'dy, x and r need one shape [M, D]', { dy, x, r });
  const [dx, dg, db] = runOp(KERNEL.layerNormGradAdd, { dy, x, g, mean, rstd, r });
  return { dx: dx!, dg: dg!, db: db! };
}

/** The gradients of `inputs` as a list, dx changed by `finish`. */
function gradients({ dy, x, w }: KernelInputs, has_bias: boolean, finish: (dx: tf.Tensor) => tf.Tensor): tf.Tensor[] {
  const { dx, dw, db } = linearGrad(dy!, x!, w!, { has_bias });
  return [finish(dx), dw, ...(db ? [db] : [])];
}

export const joinedKernels: LabKernel[] = [
  { name: KERNEL.linearAdd, run: ({ x, w, b, r }) => [tf.add(linear(x!, w!, b ?? null), r!)] },
  {
    name: KERNEL.linearGradAdd,
    run: (inputs, { has_bias }) => gradients(inputs, has_bias as boolean, (dx) => tf.add(dx, inputs['r']!)),
  },
  {
    name: KERNEL.linearGelu,
    run: ({ x, w, b }) => {
      const hidden = linear(x!, w!, b ?? null);
      return [hidden, gelu(hidden)];
    },
  },
  {
    name: KERNEL.geluLinearGrad,
    run: (inputs, { has_bias }) => gradients(inputs, has_bias as boolean, (dx) => geluGrad(dx, inputs['h']!)),
  },
  {
    name: KERNEL.layerNormGradAdd,
    run: ({ dy, x, g, mean, rstd, r }) => {
      const { dx, dg, db } = layerNormGrad(dy!, x!, g!, { mean: mean!, rstd: rstd! });
      return [tf.add(dx, r!), dg, db];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.linearAdd,
  inputsToSave: ['x', 'w'],
  gradFunc: (dys, [x, w]) => {
    const dy = dys as tf.Tensor;
    const grads = () => linearGrad(dy, x!, w!, { has_bias: true });
    return { x: () => grads().dx, w: () => grads().dw, b: () => grads().db!, r: () => dy.clone() };
  },
});

tf.registerGradient({
  kernelName: KERNEL.linearGelu,
  inputsToSave: ['x', 'w'],
  outputsToSave: [true, false],
  gradFunc: (dys, [x, w, hidden]) => {
    const [dhidden, dactive] = dys as [tf.Tensor, tf.Tensor];
    const grads = () => linearGrad(tf.add(geluGrad(dactive, hidden!), dhidden), x!, w!, { has_bias: true });
    return { x: () => grads().dx, w: () => grads().dw, b: () => grads().db! };
  },
});

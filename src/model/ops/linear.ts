/** @file Linear map of rows: `y = x W + b`, or `y = x W^T` for a tied output layer.
 * Rank 2 throughout: the gradient of tfjs's rank-3 by rank-2 product throws.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** Gradients of a linear map; `db` is null without bias. */
export interface LinearGradients {
  dx: tf.Tensor;
  dw: tf.Tensor;
  db: tf.Tensor | null;
}

/** `y_MN = x_MK W + b_N`, W of shape [K, N], or [N, K] with `transpose_w`. Throws on a shape mismatch. */
export function linear(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | null, transpose_w = false): tf.Tensor {
  const inputs = b ? { x, w, b } : { x, w };
  const [rows, cols] = transpose_w ? [w.shape[1], w.shape[0]] : [w.shape[0], w.shape[1]];
  const holds = w.rank === 2 && hasShape(x, x.shape[0], rows) && (!b || hasShape(b, cols));
  requireShapes(holds, KERNEL.linear, `x [M, K] needs w ${weightRule(transpose_w)} and b [N]`, inputs);
  return runOp(KERNEL.linear, inputs, { transpose_w })[0]!;
}

const weightRule = (transpose_w: boolean) => (transpose_w ? '[N, K]' : '[K, N]');

/** `dx = dy W^T`, `dW = x^T dy`, `db = sum_rows dy`. Throws on a shape mismatch. */
export function linearGrad(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: tf.Tensor,
  { has_bias = false, transpose_w = false } = {},
): LinearGradients {
  const [rows, cols] = transpose_w ? [w.shape[1], w.shape[0]] : [w.shape[0], w.shape[1]];
  const holds = w.rank === 2 && hasShape(x, x.shape[0], rows) && hasShape(dy, x.shape[0], cols);
  const rule = `dy [M, N] and x [M, K] need w ${weightRule(transpose_w)}`;
  requireShapes(holds, KERNEL.linearGrad, rule, { dy, x, w });
  const [dx, dw, db] = runOp(KERNEL.linearGrad, { dy, x, w }, { has_bias, transpose_w });
  return { dx: dx!, dw: dw!, db: db ?? null };
}

export const linearKernels: LabKernel[] = [
  {
    name: KERNEL.linear,
    run: ({ x, w, b }, { transpose_w }) => {
      const y = tf.matMul(x!, w!, false, transpose_w as boolean);
      return [b ? tf.add(y, b) : y];
    },
  },
  {
    name: KERNEL.linearGrad,
    run: ({ dy, x, w }, { transpose_w, has_bias }) => {
      const dx = tf.matMul(dy!, w!, false, !transpose_w);
      const dw = transpose_w ? tf.matMul(dy!, x!, true) : tf.matMul(x!, dy!, true);
      return has_bias ? [dx, dw, tf.sum(dy!, 0)] : [dx, dw];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.linear,
  inputsToSave: ['x', 'w'],
  gradFunc: (dy, [x, w], attrs) => {
    const transpose_w = Boolean(attrs['transpose_w']);
    const grads = () => linearGrad(dy as tf.Tensor, x!, w!, { transpose_w, has_bias: true });
    return { x: () => grads().dx, w: () => grads().dw, b: () => grads().db! };
  },
});

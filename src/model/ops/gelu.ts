/** @file GELU in the tanh form (Hendrycks & Gimpel 2016, arXiv 1606.08415; GPT-2's):
 * `y = x/2 (1 + tanh u)`, `u = sqrt(2/pi) (x + .044715 x^3)`. Since `(1 + tanh u)/2 = sigmoid(2u)`, it is
 * computed as `y = x sigmoid(2u)`: tanh is ten times slower than sigmoid on wasm.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** 2 sqrt(2/pi) */
const SCALE = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** `y = x sigmoid(2u(x))`, any shape. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return runOp(KERNEL.gelu, { x })[0]!;
}

/** `dx = dy (s + x s (1 - s) 2u'(x))`, `s = sigmoid(2u)`, `2u' = 2 sqrt(2/pi) (1 + 3 .044715 x^2)`.
 * Throws on a shape mismatch. */
export function geluGrad(dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  requireShapes(hasShape(dy, ...x.shape), KERNEL.geluGrad, 'dy and x need one shape', { dy, x });
  return runOp(KERNEL.geluGrad, { dy, x })[0]!;
}

/** sigmoid(2u) from x and x^2. */
function gate(x: tf.Tensor, square: tf.Tensor): tf.Tensor {
  return tf.sigmoid(tf.mul(x, tf.add(tf.mul(square, SCALE * CUBIC), SCALE)));
}

export const geluKernels: LabKernel[] = [
  { name: KERNEL.gelu, run: ({ x }) => [tf.mul(x!, gate(x!, tf.square(x!)))] },
  {
    name: KERNEL.geluGrad,
    run: ({ dy, x }) => {
      const square = tf.square(x!);
      const s = gate(x!, square);
      const slope = tf.mul(x!, tf.add(tf.mul(square, 3 * CUBIC * SCALE), SCALE));
      return [tf.mul(dy!, tf.mul(s, tf.add(tf.mul(slope, tf.sub(1, s)), 1)))];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.gelu,
  inputsToSave: ['x'],
  gradFunc: (dy, [x]) => ({ x: () => geluGrad(dy as tf.Tensor, x!) }),
});

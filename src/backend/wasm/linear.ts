/** @file Linear maps on wasm: tfjs's plain 2-D product after explicit transposes, since its transposed products
 * take a scalar path (1.3 GFLOP/s against 20). For the weights' gradient the smaller operand is transposed.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { empty, floats, transposed } from './heap.ts';

/** `x^T y` of x [M, K] and y [M, N]. */
function productOverRows(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const [k, n] = [x.shape[1]!, y.shape[1]!];
  return k <= n ? tf.matMul(transposed(x), y) : transposed(tf.matMul(transposed(y), x));
}

/** Sum over the rows of x [M, N]. */
export function columnSums(x: tf.Tensor): tf.Tensor {
  const [m, n] = x.shape as [number, number];
  const sums = empty([n]);
  const [from, to] = [floats(x), floats(sums)];
  const total = new Float64Array(n);
  for (let r = 0; r < m; r++) for (let c = 0; c < n; c++) total[c]! += from[r * n + c]!;
  to.set(total);
  return sums;
}

export const linearKernels: LabKernel[] = [
  {
    name: KERNEL.linear,
    run: ({ x, w, b }, { transpose_w }) => {
      const y = tf.matMul(x!, transpose_w ? transposed(w!) : w!);
      return [b ? tf.add(y, b) : y];
    },
  },
  {
    name: KERNEL.linearGrad,
    run: ({ dy, x, w }, { transpose_w, has_bias }) => {
      const dx = tf.matMul(dy!, transpose_w ? w! : transposed(w!));
      const dw = transpose_w ? productOverRows(dy!, x!) : productOverRows(x!, dy!);
      return has_bias ? [dx, dw, columnSums(dy!)] : [dx, dw];
    },
  },
];

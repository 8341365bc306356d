/** @file Linear maps on webgpu: one product forward; two and the sum of rows for the bias backward. */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { multiply } from './product.ts';
import { dispatch, empty } from './program.ts';
import { COLUMN_THREADS, COLUMNS, columnSums } from './reduction.ts';

/** `y = x W (+ b)`, `W^T` with `transposed`. */
export function linear(x: tf.Tensor, w: tf.Tensor, b?: tf.Tensor, transposed = false): tf.Tensor {
  const y = empty([x.shape[0]!, w.shape[transposed ? 0 : 1]!]);
  multiply({
    a: { tensors: [x] },
    b: { tensors: [w], transposed },
    y: [y],
    ...(b && { name: 'bias', epilogue: 'y0[i] = value + bias[col];', reads: { bias: b } }),
  });
  return y;
}

/** `dx = sum_j dy_j W_j^T`, `W_j` with `transposed`. */
export function linearInputGrad(dy: tf.Tensor[], w: tf.Tensor[], transposed = false): tf.Tensor {
  const dx = empty([dy[0]!.shape[0]!, w[0]!.shape[transposed ? 1 : 0]!]);
  multiply({ a: { tensors: dy }, b: { tensors: w, transposed: !transposed }, y: [dx] });
  return dx;
}

/** `dW_j = x^T dy_j`. */
export function linearWeightGrads(x: tf.Tensor, dy: tf.Tensor[]): tf.Tensor[] {
  const dw = dy.map((t) => empty([x.shape[1]!, t.shape[1]!]));
  multiply({ a: { tensors: [x], transposed: true }, b: { tensors: dy }, y: dw });
  return dw;
}

/** `db_N = sum of the rows of dy_MN`. */
export function biasGrad(dy: tf.Tensor): tf.Tensor {
  const n = dy.shape[1]!;
  const db = empty([n]);
  dispatch({
    name: 'bias gradient',
    sizes: { N: n },
    code: `${columnSums('f32', 'dy[row * sizes.N + col]')}
    @compute @workgroup_size(${COLUMN_THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
      let col0 = flat(group) * ${COLUMNS}u;
      let sum = column_sums(col0, lane, arrayLength(&dy) / sizes.N);
      if (lane < ${COLUMNS}u && col0 + lane < sizes.N) { db[col0 + lane] = sum; }
    }`,
    reads: { dy },
    writes: { db },
    groups: [Math.ceil(n / COLUMNS)],
  });
  return db;
}

export const linearKernels: LabKernel[] = [
  { name: KERNEL.linear, run: ({ x, w, b }, { transpose_w }) => [linear(x!, w!, b, transpose_w as boolean)] },
  {
    name: KERNEL.linearGrad,
    run: ({ dy, x, w }, { transpose_w, has_bias }) => {
      const dx = linearInputGrad([dy!], [w!], transpose_w as boolean);
      const [dw] = transpose_w ? linearWeightGrads(dy!, [x!]) : linearWeightGrads(x!, [dy!]);
      return has_bias ? [dx, dw!, biasGrad(dy!)] : [dx, dw!];
    },
  },
];

/** @file LayerNorm on webgpu: one dispatch each way. A workgroup makes some rows; backward the first workgroups make
 * rows of dx and the others columns of dg and db. Formulas: `model/ops/layer-norm.ts`. The block keeps mean and
 * reciprocal deviation of a row side by side in one tensor: a program binds eight buffers.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { dispatch, empty } from './program.ts';
import { COLUMN_THREADS, COLUMNS, columnSums, reduction, rowSum } from './reduction.ts';

/** Threads of a row, and rows of a workgroup. */
const LANES = 32;
const ROWS = COLUMN_THREADS / LANES;

/** Mean and reciprocal deviation of each row: two tensors [M], or one [M, 2]. */
export type Statistics = { mean: tf.Tensor; rstd: tf.Tensor } | { stats: tf.Tensor };

/** Rows of `x_MD` normalised into a new tensor, their statistics into `out`. */
export function normalise(x: tf.Tensor, g: tf.Tensor, b: tf.Tensor, eps: number, out: Statistics): tf.Tensor {
  const y = empty(x.shape);
  const packed = 'stats' in out;
  const keep = packed
    ? 'stats[2u * row] = mean_row; stats[2u * row + 1u] = rstd_row;'
    : 'mean[row] = mean_row; rstd[row] = rstd_row;';
  dispatch({
    name: `layer norm ${packed} ${eps}`,
    sizes: { D: x.shape[1]! },
    code: `${rowSum(COLUMN_THREADS, LANES)}
    @compute @workgroup_size(${COLUMN_THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
      let row = flat(group) * ${ROWS}u + index / ${LANES}u;
      let lane = index % ${LANES}u;
      let end = select(0u, sizes.D, row < arrayLength(&x) / sizes.D);
      var sum = 0.0;
      for (var c = lane; c < end; c += ${LANES}u) { sum += x[row * sizes.D + c]; }
      let mean_row = row_sum(sum, index) / f32(sizes.D);
      var squares = 0.0;
      for (var c = lane; c < end; c += ${LANES}u) {
        let centred = x[row * sizes.D + c] - mean_row;
        squares += centred * centred;
      }
      let rstd_row = 1.0 / sqrt(row_sum(squares, index) / f32(sizes.D) + ${eps});
      for (var c = lane; c < end; c += ${LANES}u) {
        y[row * sizes.D + c] = (x[row * sizes.D + c] - mean_row) * rstd_row * g[c] + b[c];
      }
      if (lane == 0u && end > 0u) { ${keep} }
    }`,
    reads: { x, g, b },
    writes: { y, ...out },
    groups: [Math.ceil(x.shape[0]! / ROWS)],
  });
  return y;
}

/** Gradients of input, gain and bias; `residual` is added to dx (with one tensor of statistics only). */
export function normaliseGrad(
  dy: tf.Tensor,
  x: tf.Tensor,
  g: tf.Tensor,
  saved: Statistics,
  residual?: tf.Tensor,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const [m, d] = x.shape as [number, number];
  const [dx, dg, db] = [empty([m, d]), empty([d]), empty([d])];
  const packed = 'stats' in saved;
  const [mean, rstd] = packed ? ['stats[2u * row]', 'stats[2u * row + 1u]'] : ['mean[row]', 'rstd[row]'];
  const i = 'row * sizes.N + col';
  dispatch({
    name: `layer norm gradient ${packed} ${residual !== undefined}`,
    sizes: { N: d },
    code: `${reduction({ name: 'row_sums', threads: COLUMN_THREADS, lanes: LANES, type: 'vec2<f32>' })}
    fn h_at(row: u32, col: u32) -> f32 { return (x[${i}] - ${mean}) * ${rstd}; }
    ${columnSums('vec2<f32>', `dy[${i}] * vec2<f32>(h_at(row, col), 1.0)`)}
    @compute @workgroup_size(${COLUMN_THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
      let rows = arrayLength(&x) / sizes.N;
      let row_groups = (rows + ${ROWS - 1}u) / ${ROWS}u;
      if (flat(group) < row_groups) {
        let row = flat(group) * ${ROWS}u + index / ${LANES}u;
        let lane = index % ${LANES}u;
        let end = select(0u, sizes.N, row < rows);
        var sums = vec2<f32>();
        for (var col = lane; col < end; col += ${LANES}u) {
          sums += dy[${i}] * g[col] * vec2<f32>(1.0, h_at(row, col));
        }
        let means = row_sums(sums, index) / f32(sizes.N);
        for (var col = lane; col < end; col += ${LANES}u) {
          let e = dy[${i}] * g[col];
          let grad = (e - means.x - h_at(row, col) * means.y) * ${rstd};
          dx[${i}] = grad${residual ? ` + residual[${i}]` : ''};
        }
      } else {
        let col0 = (flat(group) - row_groups) * ${COLUMNS}u;
        let totals = column_sums(col0, index, rows);
        if (index < ${COLUMNS}u && col0 + index < sizes.N) {
          dg[col0 + index] = totals.x;
          db[col0 + index] = totals.y;
        }
      }
    }`,
    reads: { dy, x, g, ...saved, ...(residual && { residual }) },
    writes: { dx, dg, db },
    groups: [Math.ceil(m / ROWS) + Math.ceil(d / COLUMNS)],
  });
  return [dx, dg, db];
}

export const layerNormKernels: LabKernel[] = [
  {
    name: KERNEL.layerNorm,
    run: ({ x, g, b }, { eps }) => {
      const rows = x!.shape[0]!;
      const [mean, rstd] = [empty([rows]), empty([rows])];
      return [normalise(x!, g!, b!, eps as number, { mean, rstd }), mean, rstd];
    },
  },
  {
    name: KERNEL.layerNormGrad,
    run: ({ dy, x, g, mean, rstd }) => normaliseGrad(dy!, x!, g!, { mean: mean!, rstd: rstd! }),
  },
];

/** @file Cross-entropy on webgpu, alone and with the output layer. A run of threads makes a row: largest logit, log-sum-exp,
 * loss; then one workgroup adds the rows' losses. The head overwrites its logits with their gradients. A target that is
 * no token makes the loss NaN, since a program cannot throw.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { elementwise } from './gelu.ts';
import { linear, linearInputGrad, linearWeightGrads } from './linear.ts';
import { NAN_SAFE } from './not-a-number.ts';
import { dispatch, empty } from './program.ts';
import { reduction, rowSum } from './reduction.ts';

/** Threads of a workgroup, and of a row. */
const THREADS = 128;
const LANES = 32;
const ROWS = THREADS / LANES;

/** Loss and log-sum-exp of each row; `logits` become their gradients where `in_place`. */
function rowLosses(logits: tf.Tensor, targets: tf.Tensor, in_place: boolean): { losses: tf.Tensor; lse: tf.Tensor } {
  const [m, v] = logits.shape as [number, number];
  const [losses, lse] = [empty([m]), empty([m])];
  const gradient = `
      storageBarrier();
      let scale = 1.0 / f32(arrayLength(&targets));
      for (var c = lane; c < end; c += ${LANES}u) {
        let hit = select(0.0, 1.0, i32(c) == target_row);
        logits[row * sizes.V + c] = (exp_of(logits[row * sizes.V + c] - lse_row) - hit) * scale;
      }`;
  dispatch({
    name: `cross-entropy rows ${in_place}`,
    sizes: { V: v },
    code: `${NAN_SAFE}${rowSum(THREADS, LANES)}
    ${reduction({ name: 'row_max', threads: THREADS, lanes: LANES, combine: (a, b) => `max(${a}, ${b})` })}
    @compute @workgroup_size(${THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
      let row = flat(group) * ${ROWS}u + index / ${LANES}u;
      let lane = index % ${LANES}u;
      let is_in = row < arrayLength(&targets);
      let end = select(0u, sizes.V, is_in);
      var largest = -3.4e38;
      for (var c = lane; c < end; c += ${LANES}u) { largest = max(largest, logits[row * sizes.V + c]); }
      largest = row_max(largest, index);
      var sum = 0.0;
      for (var c = lane; c < end; c += ${LANES}u) { sum += exp_of(logits[row * sizes.V + c] - largest); }
      let lse_row = largest + log_of(row_sum(sum, index));
      let target_row = targets[min(row, arrayLength(&targets) - 1u)];
      if (lane == 0u && is_in) {
        lse[row] = lse_row;
        if (target_row >= 0 && target_row < i32(sizes.V)) {
          losses[row] = lse_row - logits[row * sizes.V + u32(target_row)];
        } else {
          losses[row] = nan();
        }
      }
      ${in_place ? gradient : ''}
    }`,
    reads: in_place ? { targets } : { targets, logits },
    writes: in_place ? { losses, lse, logits } : { losses, lse },
    groups: [Math.ceil(m / ROWS)],
  });
  return { losses, lse };
}

/** Scalar mean. */
function meanOf(losses: tf.Tensor): tf.Tensor {
  const mean = empty([]);
  dispatch({
    name: 'mean',
    code: `${rowSum(THREADS)}
    @compute @workgroup_size(${THREADS})
    fn main(@builtin(local_invocation_index) lane: u32) {
      let rows = arrayLength(&losses);
      var sum = 0.0;
      for (var row = lane; row < rows; row += ${THREADS}u) { sum += losses[row]; }
      let total = row_sum(sum, lane);
      if (lane == 0u) { mean[0] = total / f32(rows); }
    }`,
    reads: { losses },
    writes: { mean },
    groups: [1],
  });
  return mean;
}

export const crossEntropyKernels: LabKernel[] = [
  {
    name: KERNEL.crossEntropy,
    run: ({ logits, targets }) => {
      const { losses, lse } = rowLosses(logits!, targets!, false);
      return [meanOf(losses), lse];
    },
  },
  {
    name: KERNEL.crossEntropyGrad,
    run: ({ logits, targets, saved }) => {
      const dz = empty(logits!.shape);
      const reads = { logits: logits!, targets: targets!, lse: saved! };
      const hit = 'select(0.0, 1.0, i32(i % sizes.V) == targets[i / sizes.V])';
      const statement = `dz[i] = (exp_of(logits[i] - lse[i / sizes.V]) - ${hit}) / f32(arrayLength(&targets));`;
      elementwise(
        { name: 'cross-entropy gradient', sizes: { V: dz.shape[1]! }, reads, writes: { dz } },
        statement,
        NAN_SAFE,
      );
      return [dz];
    },
  },
  {
    name: KERNEL.headLoss,
    run: ({ x, w, targets }, attrs) => {
      const transposed = attrs['transpose_w'] as boolean;
      const logits = linear(x!, w!, undefined, transposed);
      const { losses } = rowLosses(logits, targets!, true);
      const [dw] = transposed ? linearWeightGrads(logits, [x!]) : linearWeightGrads(x!, [logits]);
      return [meanOf(losses), linearInputGrad([logits], [w!], transposed), dw!];
    },
  },
];

/** @file The output layer and its loss at once, forward and backward: what a training step needs of them. A fused kernel
 * makes the logits a few rows at a time and never holds them all; the composed one runs the four operations in turn.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { crossEntropy, crossEntropyGrad } from './cross-entropy.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';
import { linear, linearGrad } from './linear.ts';

/** Scalar mean cross-entropy of the logits `x_MD w_DV` (or `x w^T`, w [V, D], with `transpose_w`) against int32
 * `targets_M`, in nats, with its gradients. Throws on a shape mismatch. */
export function headLoss(
  x: tf.Tensor,
  w: tf.Tensor,
  targets: tf.Tensor,
  { transpose_w }: { transpose_w: boolean },
): { loss: tf.Tensor; dx: tf.Tensor; dw: tf.Tensor } {
  const fits = w.rank === 2 && hasShape(x, x.shape[0], w.shape[transpose_w ? 1 : 0]);
  const holds = fits && targets.dtype === 'int32' && hasShape(targets, x.shape[0]);
  requireShapes(holds, KERNEL.headLoss, 'x [M, D] and its w need int32 targets [M]', { x, w, targets });
  const [loss, dx, dw] = runOp(KERNEL.headLoss, { x, w, targets }, { transpose_w });
  return { loss: loss!, dx: dx!, dw: dw! };
}

export const headLossKernels: LabKernel[] = [
  {
    name: KERNEL.headLoss,
    run: ({ x, w, targets }, attrs) => {
      const transpose_w = attrs['transpose_w'] as boolean;
      const logits = linear(x!, w!, null, transpose_w);
      const { loss, saved } = crossEntropy(logits, targets!);
      const { dx, dw } = linearGrad(crossEntropyGrad(logits, targets!, saved), x!, w!, { transpose_w });
      return [loss, dx, dw];
    },
  },
];

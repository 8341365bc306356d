/** @file Mean cross-entropy of rows of logits in nats: `L = mean_m (logsumexp(z_m) - z_m[target_m])`.
 * What the forward pass saves is the kernel's own affair: the composed one keeps the log-probabilities.
 */
import { KERNEL, type KernelName, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** Scalar mean loss of `logits_MV` against int32 `targets_M` in 0 .. V-1. Throws on a shape mismatch. */
export function crossEntropy(logits: tf.Tensor, targets: tf.Tensor): { loss: tf.Tensor; saved: tf.Tensor } {
  requireTargets(KERNEL.crossEntropy, logits, targets);
  const [loss, saved] = runOp(KERNEL.crossEntropy, { logits, targets });
  return { loss: loss!, saved: saved! };
}

function requireTargets(kernel: KernelName, logits: tf.Tensor, targets: tf.Tensor): void {
  const holds = logits.rank === 2 && targets.dtype === 'int32' && hasShape(targets, logits.shape[0]);
  requireShapes(holds, kernel, 'logits [M, V] need int32 targets [M]', { logits, targets });
}

/** `dz = (softmax(z) - onehot(target)) / M`. Throws on a shape mismatch. */
export function crossEntropyGrad(logits: tf.Tensor, targets: tf.Tensor, saved: tf.Tensor): tf.Tensor {
  requireTargets(KERNEL.crossEntropyGrad, logits, targets);
  return runOp(KERNEL.crossEntropyGrad, { logits, targets, saved })[0]!;
}

export const crossEntropyKernels: LabKernel[] = [
  {
    name: KERNEL.crossEntropy,
    run: ({ logits, targets }) => {
      const [m, v] = logits!.shape as [number, number];
      const logp = tf.logSoftmax(logits!);
      const picked = tf.mul(logp, tf.cast(tf.oneHot(targets as tf.Tensor1D, v), 'float32'));
      return [tf.mul(tf.sum(picked), -1 / m), logp];
    },
  },
  {
    name: KERNEL.crossEntropyGrad,
    run: ({ logits, targets, saved: logp }) => {
      const [m, v] = logits!.shape as [number, number];
      const onehot = tf.cast(tf.oneHot(targets as tf.Tensor1D, v), 'float32');
      return [tf.mul(tf.sub(tf.exp(logp!), onehot), 1 / m)];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.crossEntropy,
  inputsToSave: ['logits', 'targets'],
  outputsToSave: [false, true],
  gradFunc: (dys, [logits, targets, saved]) => ({
    logits: () => tf.mul(crossEntropyGrad(logits!, targets!, saved!), (dys as tf.Tensor[])[0]!),
    targets: () => tf.zerosLike(targets!),
  }),
});

/** @file Euclidean norm of all gradients together: `sqrt(sum_i |g_i|^2)` (Pascanu et al. 2013, arXiv 1211.5063). */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { runOp } from './kernel.ts';

/** Scalar norm of a list of tensors of any shapes. It stays on the device. */
export function globalNorm(gradients: tf.Tensor[]): tf.Tensor {
  return runOp(KERNEL.globalNorm, Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])))[0]!;
}

export const globalNormKernels: LabKernel[] = [
  {
    name: KERNEL.globalNorm,
    run: (gradients) => [tf.sqrt(tf.addN(Object.values(gradients).map((g) => tf.sum(tf.square(g)))))],
  },
];

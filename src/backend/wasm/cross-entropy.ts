/** @file Cross-entropy on wasm: log-sum-exp and the target's logit a row, out of tfjs's softmax; `saved` is the
 * probabilities [M, V].
 * tfjs's `log` and `logSoftmax` take 12 and 68 ns an element there, its softmax 2.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { empty, floats, ints } from './heap.ts';

/** Largest element of a row; NaN if any is NaN. */
function rowMax(z: Float32Array, at: number, v: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < v; c++) max = Math.max(max, z[at + c]!);
  return max;
}

export const crossEntropyKernels: LabKernel[] = [
  {
    name: KERNEL.crossEntropy,
    run: (inputs) => {
      const [m, v] = inputs['logits']!.shape as [number, number];
      const p = tf.softmax(inputs['logits']!);
      const outputs = [empty([]), p];
      const [z, probability, targets] = [floats(inputs['logits']!), floats(p), ints(inputs['targets']!)];
      let total = 0;
      for (let r = 0; r < m; r++) {
        const at = r * v;
        // The largest element has probability 1 / sum exp(z - max): from it the log-sum-exp, without further exps.
        const max = rowMax(z, at, v);
        const largest = rowMax(probability, at, v);
        total += max - Math.log(largest) - z[at + targets[r]!]!;
      }
      floats(outputs[0]!)[0] = total / m;
      return outputs;
    },
  },
  {
    name: KERNEL.crossEntropyGrad,
    run: (inputs) => {
      const [m, v] = inputs['logits']!.shape as [number, number];
      const output = empty([m, v]);
      const [dz, probability, targets] = [floats(output), floats(inputs['saved']!), ints(inputs['targets']!)];
      for (let i = 0; i < m * v; i++) dz[i] = probability[i]! / m;
      for (let r = 0; r < m; r++) dz[r * v + targets[r]!]! -= 1 / m;
      return [output];
    },
  },
];

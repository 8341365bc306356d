/** @file Cross-entropy on wasm: each pass one call of `kernels/cross-entropy.ts`; `saved` is the probabilities [M, V].
 * A target that is no token is an error.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, kernels, requireTokens } from './heap.ts';

export const crossEntropyKernels: LabKernel[] = [
  {
    name: KERNEL.crossEntropy,
    run: ({ logits, targets }) => {
      const [m, v] = logits!.shape as [number, number];
      const outputs = [empty([]), empty([m, v])];
      const bad = kernels().crossEntropy(...[logits!, targets!, ...outputs].map(address), m, v);
      requireTokens(bad, KERNEL.crossEntropy, targets!, v);
      return outputs;
    },
  },
  {
    name: KERNEL.crossEntropyGrad,
    run: ({ targets, saved }) => {
      const [m, v] = saved!.shape as [number, number];
      const dz = empty([m, v]);
      const bad = kernels().crossEntropyGrad(address(saved!), address(targets!), address(dz), m, v);
      requireTokens(bad, KERNEL.crossEntropyGrad, targets!, v);
      return [dz];
    },
  },
];

/** @file Global gradient norm and AdamW on wasm: a call of `kernels/adamw.ts` for each tensor, in place, arithmetic in
 * float64. Formulas and argument names: `model/ops/adamw.ts`.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, floats, kernels, valuesChanged } from './heap.ts';

export const optimizerKernels: LabKernel[] = [
  {
    name: KERNEL.globalNorm,
    run: (gradients) => {
      const norm = empty([]);
      let total = 0;
      for (const g of Object.values(gradients)) total += kernels().sumOfSquares(address(g), g.size);
      floats(norm)[0] = Math.sqrt(total);
      return [norm];
    },
  },
  {
    name: KERNEL.adamw,
    run: (inputs, attrs) => {
      const hyper = attrs as Record<string, number>;
      const [beta1, beta2, eps] = [hyper['beta1']!, hyper['beta2']!, hyper['eps']!];
      const norm = floats(inputs['norm']!)[0]!;
      const clip = hyper['grad_clip']! > 0 && norm > hyper['grad_clip']! ? hyper['grad_clip']! / norm : 1;
      const rate = hyper['learning_rate']! / (1 - beta1 ** hyper['step']!);
      const correction2 = 1 / (1 - beta2 ** hyper['step']!);
      for (let slot = 0; slot < hyper['count']!; slot++) {
        const [p, g] = [inputs[`p${slot}`]!, inputs[`g${slot}`]!];
        const [m, v] = [inputs[`m${slot}`]!, inputs[`v${slot}`]!];
        const keep = 1 - hyper['learning_rate']! * hyper[`decay${slot}`]!;
        const addresses = [p, g, m, v].map(address);
        kernels().adamw(...addresses, p.size, beta1, beta2, rate, correction2, eps, clip, keep);
        for (const changed of [p, m, v]) valuesChanged(changed);
      }
      return [];
    },
  },
];

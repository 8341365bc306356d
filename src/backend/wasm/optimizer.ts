/** @file Global gradient norm and AdamW on wasm: one loop over the backend's memory, in place, arithmetic in float64.
 * Formulas and argument names: `model/ops/adamw.ts`.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { empty, floats, valuesChanged } from './heap.ts';

export const optimizerKernels: LabKernel[] = [
  {
    name: KERNEL.globalNorm,
    run: (gradients) => {
      const output = empty([]);
      let total = 0;
      for (const gradient of Object.values(gradients)) {
        const g = floats(gradient);
        for (let i = 0; i < g.length; i++) total += g[i]! * g[i]!;
      }
      floats(output)[0] = Math.sqrt(total);
      return [output];
    },
  },
  {
    name: KERNEL.adamw,
    run: (inputs, attrs) => {
      const hyper = attrs as Record<string, number>;
      const [beta1, beta2] = [hyper['beta1']!, hyper['beta2']!];
      const norm = floats(inputs['norm']!)[0]!;
      const clip = hyper['grad_clip']! > 0 && norm > hyper['grad_clip']! ? hyper['grad_clip']! / norm : 1;
      const rate = hyper['learning_rate']! / (1 - beta1 ** hyper['step']!);
      const correction2 = 1 / (1 - beta2 ** hyper['step']!);
      for (let slot = 0; slot < hyper['count']!; slot++) {
        const [p, g] = [floats(inputs[`p${slot}`]!), floats(inputs[`g${slot}`]!)];
        const [m, v] = [floats(inputs[`m${slot}`]!), floats(inputs[`v${slot}`]!)];
        const keep = 1 - hyper['learning_rate']! * hyper[`decay${slot}`]!;
        for (let i = 0; i < p.length; i++) {
          const gradient = g[i]! * clip;
          m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
          v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
          p[i] = p[i]! * keep - (rate * m[i]!) / (Math.sqrt(v[i]! * correction2) + hyper['eps']!);
        }
        valuesChanged(inputs[`p${slot}`]!);
      }
      return [];
    },
  },
];

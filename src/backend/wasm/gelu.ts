/** @file GELU on wasm: each pass one call of `kernels/gelu.ts` in place of five to eight tfjs kernels. */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, kernels } from './heap.ts';

export const geluKernels: LabKernel[] = [
  {
    name: KERNEL.gelu,
    run: ({ x }) => {
      const y = empty(x!.shape);
      kernels().gelu(address(x!), address(y), x!.size);
      return [y];
    },
  },
  {
    name: KERNEL.geluGrad,
    run: ({ dy, x }) => {
      const dx = empty(x!.shape);
      kernels().geluGrad(address(dy!), address(x!), address(dx), x!.size);
      return [dx];
    },
  },
];

/** @file LayerNorm on wasm: each pass one call of `kernels/layer-norm.ts` in place of a dozen tfjs kernels. */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, kernels } from './heap.ts';

export const layerNormKernels: LabKernel[] = [
  {
    name: KERNEL.layerNorm,
    run: ({ x, g, b }, { eps }) => {
      const [m, d] = x!.shape as [number, number];
      const outputs = [empty([m, d]), empty([m]), empty([m])];
      kernels().layerNorm(...[x!, g!, b!, ...outputs].map(address), m, d, eps as number);
      return outputs;
    },
  },
  {
    name: KERNEL.layerNormGrad,
    run: ({ dy, x, g, mean, rstd }) => {
      const [m, d] = x!.shape as [number, number];
      const outputs = [empty([m, d]), empty([d]), empty([d])];
      kernels().layerNormGrad(...[dy!, x!, g!, mean!, rstd!, ...outputs].map(address), m, d);
      return outputs;
    },
  },
];

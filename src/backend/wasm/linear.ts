/** @file Linear maps on wasm: each pass one call of `kernels/linear.ts`. */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, kernels, scratch } from './heap.ts';

export const linearKernels: LabKernel[] = [
  {
    name: KERNEL.linear,
    run: ({ x, w, b }, { transpose_w }) => {
      const [m, k] = x!.shape as [number, number];
      const n = w!.shape[transpose_w ? 0 : 1]!;
      const y = empty([m, n]);
      const room = scratch(kernels().productScratch());
      const bias = b ? address(b) : 0;
      kernels().linear(address(x!), address(w!), bias, address(y), m, k, n, Number(transpose_w), room);
      return [y];
    },
  },
  {
    name: KERNEL.linearGrad,
    run: ({ dy, x, w }, { transpose_w, has_bias }) => {
      const [m, k] = x!.shape as [number, number];
      const n = dy!.shape[1]!;
      const outputs = [empty([m, k]), empty(w!.shape)];
      if (has_bias) outputs.push(empty([n]));
      const room = scratch(kernels().productScratch());
      const [dx, dw, db] = outputs.map(address);
      const inputs = [dy!, x!, w!].map(address);
      kernels().linearGrad(...inputs, dx!, dw!, db ?? 0, m, k, n, Number(transpose_w), room);
      return outputs;
    },
  },
];

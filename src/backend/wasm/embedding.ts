/** @file Embedding on wasm: row copies and a scatter-add over the backend's memory. tfjs's `gather` takes 66 ns an
 * element there and has no gradient.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { empty, floats, ints } from './heap.ts';

export const embeddingKernels: LabKernel[] = [
  {
    name: KERNEL.embedding,
    run: (inputs) => {
      const [n_ctx, d] = inputs['wpe']!.shape as [number, number];
      const m = inputs['tokens']!.size;
      const output = empty([m, d]);
      const [x, tokens] = [floats(output), ints(inputs['tokens']!)];
      const [wte, wpe] = [floats(inputs['wte']!), floats(inputs['wpe']!)];
      for (let r = 0; r < m; r++) {
        const [from, position, to] = [tokens[r]! * d, (r % n_ctx) * d, r * d];
        for (let c = 0; c < d; c++) x[to + c] = wte[from + c]! + wpe[position + c]!;
      }
      return [output];
    },
  },
  {
    name: KERNEL.embeddingGrad,
    run: (inputs, attrs) => {
      const [vocab_size, n_ctx] = [attrs['vocab_size'] as number, attrs['n_ctx'] as number];
      const [m, d] = inputs['dx']!.shape as [number, number];
      const outputs = [empty([vocab_size, d]), empty([n_ctx, d])];
      const [dwte, dwpe] = outputs.map(floats) as [Float32Array, Float32Array];
      const [dx, tokens] = [floats(inputs['dx']!), ints(inputs['tokens']!)];
      dwte.fill(0);
      dwpe.fill(0);
      for (let r = 0; r < m; r++) {
        const [to, position, from] = [tokens[r]! * d, (r % n_ctx) * d, r * d];
        for (let c = 0; c < d; c++) {
          dwte[to + c]! += dx[from + c]!;
          dwpe[position + c]! += dx[from + c]!;
        }
      }
      return outputs;
    },
  },
];

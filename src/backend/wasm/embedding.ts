/** @file Embedding on wasm: each pass one call of `kernels/embedding.ts`. tfjs's `gather` takes 66 ns an element there
 * and has no gradient. A token that is not in the vocabulary is an error.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { address, empty, kernels, requireTokens } from './heap.ts';

export const embeddingKernels: LabKernel[] = [
  {
    name: KERNEL.embedding,
    run: ({ tokens, wte, wpe }) => {
      const [n_ctx, d] = wpe!.shape as [number, number];
      const [m, vocab_size] = [tokens!.size, wte!.shape[0]!];
      const x = empty([m, d]);
      const bad = kernels().embedding(...[tokens!, wte!, wpe!, x].map(address), m, n_ctx, d, vocab_size);
      requireTokens(bad, KERNEL.embedding, tokens!, vocab_size);
      return [x];
    },
  },
  {
    name: KERNEL.embeddingGrad,
    run: ({ dx, tokens }, attrs) => {
      const [vocab_size, n_ctx] = [attrs['vocab_size'] as number, attrs['n_ctx'] as number];
      const [m, d] = dx!.shape as [number, number];
      const outputs = [empty([vocab_size, d]), empty([n_ctx, d])];
      const bad = kernels().embeddingGrad(...[dx!, tokens!, ...outputs].map(address), m, n_ctx, d, vocab_size);
      requireTokens(bad, KERNEL.embeddingGrad, tokens!, vocab_size);
      return outputs;
    },
  },
];

/** @file Causal attention on wasm: each pass one call of `kernels/attention.ts` for all sequences and heads.
 * `saved` is P [B H, T, T rounded up to 8], defined up to the diagonal only.
 */
import { KERNEL, type KernelAttrs, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { address, empty, kernels, scratch } from './heap.ts';

/** Number of sequences, context, heads, head size: the arguments that both passes end with. */
function shapeOf(x: tf.Tensor, attrs: KernelAttrs): [number, number, number, number] {
  const [m, d] = x.shape as [number, number];
  const [n_ctx, n_head] = [attrs['n_ctx'] as number, attrs['n_head'] as number];
  return [m / n_ctx, n_ctx, n_head, d / n_head];
}

export const causalAttentionKernels: LabKernel[] = [
  {
    name: KERNEL.causalAttention,
    run: ({ q, k, v }, attrs) => {
      const shape = shapeOf(q!, attrs);
      const [num_seqs, n_ctx, n_head, d_head] = shape;
      const outputs = [empty(q!.shape), empty([num_seqs * n_head, n_ctx, 8 * Math.ceil(n_ctx / 8)])];
      const room = scratch(kernels().attentionScratch(n_ctx, d_head));
      kernels().attention(...[q!, k!, v!, ...outputs].map(address), ...shape, room);
      return outputs;
    },
  },
  {
    name: KERNEL.causalAttentionGrad,
    run: ({ dy, q, k, v, saved }, attrs) => {
      const shape = shapeOf(q!, attrs);
      const [, n_ctx, , d_head] = shape;
      const outputs = [empty(q!.shape), empty(q!.shape), empty(q!.shape)];
      const room = scratch(kernels().attentionScratch(n_ctx, d_head));
      kernels().attentionGrad(...[dy!, q!, k!, v!, saved!, ...outputs].map(address), ...shape, room);
      return outputs;
    },
  },
];

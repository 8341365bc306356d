/** @file Token plus learned position embedding: `x_m = wte[token_m] + wpe[m mod T]`.
 * The composed gradient goes through a one-hot product: tfjs's `gather` has no gradient on wasm.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** `x_MD` from int32 `tokens_M` in 0 .. V-1, `wte_VD` and `wpe_TD`; M is a multiple of T. Throws on a mismatch. */
export function embedding(tokens: tf.Tensor, wte: tf.Tensor, wpe: tf.Tensor): tf.Tensor {
  const { size } = tokens;
  const is_tokens = tokens.dtype === 'int32' && hasShape(tokens, size) && size > 0 && size % wpe.shape[0]! === 0;
  const holds = is_tokens && wte.rank === 2 && hasShape(wpe, wpe.shape[0], wte.shape[1]);
  requireShapes(holds, KERNEL.embedding, 'int32 tokens [B x T] need wte [V, D] and wpe [T, D]', { tokens, wte, wpe });
  return runOp(KERNEL.embedding, { tokens, wte, wpe })[0]!;
}

/** `dwte[t] = sum of dx over the places of token t`, `dwpe[p] = sum of dx over the sequences`.
 * Throws on a shape mismatch. */
export function embeddingGrad(dx: tf.Tensor, tokens: tf.Tensor, shape: { vocab_size: number; n_ctx: number }) {
  const { size } = tokens;
  const is_tokens = tokens.dtype === 'int32' && hasShape(tokens, size) && size % shape.n_ctx === 0;
  const holds = is_tokens && hasShape(dx, size, dx.shape[1]);
  requireShapes(holds, KERNEL.embeddingGrad, `dx [B x ${shape.n_ctx}, D] needs int32 tokens [B x ${shape.n_ctx}]`, {
    dx,
    tokens,
  });
  const [dwte, dwpe] = runOp(KERNEL.embeddingGrad, { dx, tokens }, shape);
  return { dwte: dwte!, dwpe: dwpe! };
}

export const embeddingKernels: LabKernel[] = [
  {
    name: KERNEL.embedding,
    run: ({ tokens, wte, wpe }) => {
      const [n_ctx, d] = wpe!.shape as [number, number];
      const rows = tf.reshape(tf.gather(wte!, tokens as tf.Tensor1D), [-1, n_ctx, d]);
      return [tf.reshape(tf.add(rows, wpe!), [-1, d])];
    },
  },
  {
    name: KERNEL.embeddingGrad,
    run: ({ dx, tokens }, { vocab_size, n_ctx }) => {
      const d = dx!.shape[1]!;
      const places = tf.oneHot(tokens as tf.Tensor1D, vocab_size as number);
      const dwte = tf.matMul(tf.cast(places, 'float32'), dx!, true);
      return [dwte as tf.Tensor, tf.sum(tf.reshape(dx!, [-1, n_ctx as number, d]), 0)];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.embedding,
  inputsToSave: ['tokens', 'wte', 'wpe'],
  gradFunc: (dx, [tokens, wte, wpe]) => {
    const shape = { vocab_size: wte!.shape[0]!, n_ctx: wpe!.shape[0]! };
    const grads = () => embeddingGrad(dx as tf.Tensor, tokens!, shape);
    return { wte: () => grads().dwte, wpe: () => grads().dwpe, tokens: () => tf.zerosLike(tokens!) };
  },
});

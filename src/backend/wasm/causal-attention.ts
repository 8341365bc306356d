/** @file Causal attention on wasm: 4-D transposes to heads, plain 2-D products on views (`heap.ts`), tfjs's softmax,
 * and the softmax gradient in one pass. `saved` is P [B H, T, T], zero after the diagonal.
 */
import { KERNEL, type KernelAttrs, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { batchedProduct, empty, floats } from './heap.ts';

interface Shape {
  /** Products in the batch, B H. */
  count: number;
  n_ctx: number;
  n_head: number;
  d_head: number;
}

function shapeOf(x: tf.Tensor, attrs: KernelAttrs): Shape {
  const [m, d] = x.shape as [number, number];
  const [n_ctx, n_head] = [attrs['n_ctx'] as number, attrs['n_head'] as number];
  return { count: (m / n_ctx) * n_head, n_ctx, n_head, d_head: d / n_head };
}

/** Rows [B T, H E] to [B, H, T, E], or to [B, H, E, T] when `flipped`. */
function toHeads(x: tf.Tensor, { count, n_ctx, n_head, d_head }: Shape, flipped = false): tf.Tensor {
  return tf.transpose(tf.reshape(x, [count / n_head, n_ctx, n_head, d_head]), flipped ? [0, 2, 3, 1] : [0, 2, 1, 3]);
}

/** [B, H, T, E] back to rows [B T, H E]. */
function fromHeads(x: tf.Tensor, { count, n_ctx, n_head, d_head }: Shape): tf.Tensor {
  const rows = tf.transpose(tf.reshape(x, [count / n_head, n_head, n_ctx, d_head]), [0, 2, 1, 3]);
  return tf.reshape(rows, [(count / n_head) * n_ctx, n_head * d_head]);
}

/** `a_i b_i` over the batch: a [count, m, k], b [count, k, n]. */
function product(a: tf.Tensor, b: tf.Tensor, count: number, [m, k, n]: [number, number, number]): tf.Tensor {
  const out = empty([count, m, n]);
  batchedProduct(out, a, b, { count, m, k, n });
  return out;
}

/** Scales scores [count, T, T] and blanks the keys after each query, in place. */
function maskScores(scores: Float32Array, { count, n_ctx, d_head }: Shape): void {
  const scale = 1 / Math.sqrt(d_head);
  for (let r = 0; r < count * n_ctx; r++) {
    const [at, last] = [r * n_ctx, r % n_ctx];
    for (let c = 0; c <= last; c++) scores[at + c]! *= scale;
    for (let c = last + 1; c < n_ctx; c++) scores[at + c] = -1e9;
  }
}

/** `dP <- P (dP - sum P dP) / sqrt(E)` for each row, in place. */
function softmaxGrad(dp: Float32Array, p: Float32Array, { count, n_ctx, d_head }: Shape): void {
  const scale = 1 / Math.sqrt(d_head);
  for (let r = 0; r < count * n_ctx; r++) {
    const [at, last] = [r * n_ctx, r % n_ctx];
    let dot = 0;
    for (let c = 0; c <= last; c++) dot += p[at + c]! * dp[at + c]!;
    for (let c = 0; c <= last; c++) dp[at + c] = p[at + c]! * (dp[at + c]! - dot) * scale;
    for (let c = last + 1; c < n_ctx; c++) dp[at + c] = 0;
  }
}

export const causalAttentionKernels: LabKernel[] = [
  {
    name: KERNEL.causalAttention,
    run: ({ q, k, v }, attrs) => {
      const shape = shapeOf(q!, attrs);
      const { count, n_ctx, d_head } = shape;
      const scores = product(toHeads(q!, shape), toHeads(k!, shape, true), count, [n_ctx, d_head, n_ctx]);
      maskScores(floats(scores), shape);
      const p = tf.softmax(scores);
      return [fromHeads(product(p, toHeads(v!, shape), count, [n_ctx, n_ctx, d_head]), shape), p];
    },
  },
  {
    name: KERNEL.causalAttentionGrad,
    run: ({ dy, q, k, v, saved: p }, attrs) => {
      const shape = shapeOf(q!, attrs);
      const { count, n_ctx, d_head } = shape;
      const dyh = toHeads(dy!, shape);
      const ds = product(dyh, toHeads(v!, shape, true), count, [n_ctx, d_head, n_ctx]);
      softmaxGrad(floats(ds), floats(p!), shape);
      const square: [number, number, number] = [n_ctx, n_ctx, d_head];
      const dq = product(ds, toHeads(k!, shape), count, square);
      const dk = product(tf.transpose(ds, [0, 2, 1]), toHeads(q!, shape), count, square);
      const dv = product(tf.transpose(p!, [0, 2, 1]), dyh, count, square);
      return [fromHeads(dq, shape), fromHeads(dk, shape), fromHeads(dv, shape)];
    },
  },
];

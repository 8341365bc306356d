/** @file Causal multi-head attention (Vaswani et al. 2017, arXiv 1706.03762) between the projections:
 * for each sequence and head, `y_t = sum_{s <= t} P_ts v_s`, `P = softmax(q k^T / sqrt(d_head))` over s <= t.
 * Inputs are rows [M, D], head h in columns h E .. (h+1) E; M = B n_ctx. What the forward pass saves is the
 * kernel's own affair: the composed one keeps P, a fused one may keep less.
 */
import { KERNEL, type KernelInputs, type KernelName, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';

/** Context length and number of heads. */
export interface AttentionShape {
  n_ctx: number;
  n_head: number;
}

/** Attention output `y_MD` and what the backward pass needs. Throws on a shape mismatch. */
export function causalAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, { n_ctx, n_head }: AttentionShape) {
  requireRows(KERNEL.causalAttention, { q, k, v }, { n_ctx, n_head });
  const [y, saved] = runOp(KERNEL.causalAttention, { q, k, v }, { n_ctx, n_head });
  return { y: y!, saved: saved! };
}

/** Throws unless all `rows` have one shape [B n_ctx, n_head d_head]. */
function requireRows(kernel: KernelName, rows: KernelInputs, { n_ctx, n_head }: AttentionShape): void {
  const [m, d] = Object.values(rows)[0]!.shape as [number, number];
  const holds = m % n_ctx === 0 && d % n_head === 0 && Object.values(rows).every((t) => hasShape(t, m, d));
  const names = Object.keys(rows).join(', ');
  requireShapes(holds, kernel, `${names} need one shape [B x ${n_ctx}, ${n_head} x d_head]`, rows);
}

/** Forward tensors that the gradient needs. */
export interface AttentionTape {
  q: tf.Tensor;
  k: tf.Tensor;
  v: tf.Tensor;
  y: tf.Tensor;
  saved: tf.Tensor;
}

/** `dv = P^T dy`; `dP = dy v^T`; `dS = P (dP - rowsum(P dP))`; `dq = dS k / sqrt(E)`; `dk = dS^T q / sqrt(E)`.
 * Throws on a shape mismatch. */
export function causalAttentionGrad(dy: tf.Tensor, tape: AttentionTape, { n_ctx, n_head }: AttentionShape) {
  const { q, k, v, y } = tape;
  requireRows(KERNEL.causalAttentionGrad, { dy, q, k, v, y }, { n_ctx, n_head });
  const [dq, dk, dv] = runOp(KERNEL.causalAttentionGrad, { dy, ...tape }, { n_ctx, n_head });
  return { dq: dq!, dk: dk!, dv: dv! };
}

/** Rows [B T, H E] to heads [B H, T, E], through a 4-D transpose (5-D ones are 100 times slower on wasm). */
function toHeads(x: tf.Tensor, n_ctx: number, n_head: number): tf.Tensor {
  const [m, d] = x.shape as [number, number];
  const heads = tf.transpose(tf.reshape(x, [m / n_ctx, n_ctx, n_head, d / n_head]), [0, 2, 1, 3]);
  return tf.reshape(heads, [(m / n_ctx) * n_head, n_ctx, d / n_head]);
}

/** The inverse of `toHeads`. */
function fromHeads(x: tf.Tensor, n_head: number): tf.Tensor {
  const [bh, n_ctx, e] = x.shape as [number, number, number];
  const rows = tf.transpose(tf.reshape(x, [bh / n_head, n_head, n_ctx, e]), [0, 2, 1, 3]);
  return tf.reshape(rows, [(bh / n_head) * n_ctx, n_head * e]);
}

/** [T, T]: 0 where key s <= query t, at most -1e30 (below any score) after it. Made on the device, not uploaded. */
function causalMask(n_ctx: number): tf.Tensor {
  const position = tf.range(0, n_ctx);
  return tf.mul(tf.minimum(tf.sub(tf.reshape(position, [n_ctx, 1]), tf.reshape(position, [1, n_ctx])), 0), 1e30);
}

export const causalAttentionKernels: LabKernel[] = [
  {
    name: KERNEL.causalAttention,
    run: ({ q, k, v }, attrs) => {
      const [n_ctx, n_head] = [attrs['n_ctx'] as number, attrs['n_head'] as number];
      const [qh, kh, vh] = [q!, k!, v!].map((t) => toHeads(t, n_ctx, n_head)) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const scale = 1 / Math.sqrt(qh.shape[2]!);
      const scores = tf.add(tf.mul(tf.matMul(qh, kh, false, true), scale), causalMask(n_ctx));
      const p = tf.softmax(scores);
      return [fromHeads(tf.matMul(p, vh), n_head), p];
    },
  },
  {
    name: KERNEL.causalAttentionGrad,
    run: ({ dy, q, k, v, saved: p }, attrs) => {
      const [n_ctx, n_head] = [attrs['n_ctx'] as number, attrs['n_head'] as number];
      const heads = (t: tf.Tensor) => toHeads(t, n_ctx, n_head);
      const dyh = heads(dy!);
      const scale = 1 / Math.sqrt(dyh.shape[2]!);
      const dp = tf.matMul(dyh, heads(v!), false, true);
      const pdp = tf.mul(p!, dp);
      const ds = tf.mul(tf.sub(pdp, tf.mul(p!, tf.sum(pdp, 2, true))), scale);
      const dq = tf.matMul(ds, heads(k!));
      const dk = tf.matMul(ds, heads(q!), true);
      const dv = tf.matMul(p!, dyh, true);
      return [fromHeads(dq, n_head), fromHeads(dk, n_head), fromHeads(dv, n_head)];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.causalAttention,
  inputsToSave: ['q', 'k', 'v'],
  outputsToSave: [true, true],
  gradFunc: (dys, [q, k, v, y, saved], attrs) => {
    const shape = attrs as unknown as AttentionShape;
    const tape = { q: q!, k: k!, v: v!, y: y!, saved: saved! };
    const grads = () => causalAttentionGrad((dys as tf.Tensor[])[0]!, tape, shape);
    return { q: () => grads().dq, k: () => grads().dk, v: () => grads().dv };
  },
});

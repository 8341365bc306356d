/** @file LayerNorm, GELU and causal attention, forward and backward, in TensorFlow's operations: the parts of a block.
 * What the backward pass needs is kept, so that nothing is computed twice. Formulas: the files of `model/ops/`.
 */
import type { KernelAttrs } from '../../kernels.ts';
import type { Handle, Ops } from './ops.ts';

/** A normalised input: `y = g h + b`, `h = (x - mean) rstd`; mean and rstd are columns [M, 1]. */
export interface Normalised {
  y: Handle;
  h: Handle;
  mean: Handle;
  rstd: Handle;
}

/** LayerNorm of the rows `x` [M, D] with gain `g` and shift `b` [D]. */
export function normalise(ops: Ops, x: Handle, g: Handle, b: Handle, eps: number): Normalised {
  const mean = ops.rowMean(x);
  const centred = ops.sub(x, mean);
  const rstd = ops.run('Rsqrt', [ops.shift(ops.rowMean(ops.run('Square', [centred])), eps)]);
  const h = ops.mul(centred, rstd);
  return { y: ops.add(ops.mul(h, g), b), h, mean, rstd };
}

/** With `e = g dy`: `dx = rstd (e - mean(e) - h mean(e h))`, `dg = sum dy h`, `db = sum dy`. */
export function normaliseGrad(ops: Ops, dy: Handle, g: Handle, { h, rstd }: { h: Handle; rstd: Handle }) {
  const e = ops.mul(dy, g);
  const along = ops.mul(h, ops.rowMean(ops.mul(e, h)));
  const dx = ops.mul(ops.sub(ops.sub(e, ops.rowMean(e)), along), rstd);
  return { dx, dg: ops.sum(ops.mul(dy, h), [0]), db: ops.sum(dy, [0]) };
}

/** GELU is `x s`, `s = sigmoid(x (a + c x^2))`. */
const GELU_A = 2 * Math.sqrt(2 / Math.PI);
const GELU_C = 0.044715 * GELU_A;

/** `y = x s`, with `x^2` and the gate `s` for the backward pass. */
export function gelu(ops: Ops, x: Handle): { y: Handle; square: Handle; gate: Handle } {
  const square = ops.run('Square', [x]);
  const gate = ops.run('Sigmoid', [ops.mul(x, ops.shift(ops.scale(square, GELU_C), GELU_A))]);
  return { y: ops.mul(x, gate), square, gate };
}

/** `dx = dy (s + x s (1 - s) (a + 3 c x^2))`. */
export function geluGrad(ops: Ops, dy: Handle, x: Handle, { square, gate }: { square: Handle; gate: Handle }): Handle {
  const slope = ops.shift(ops.scale(square, 3 * GELU_C), GELU_A);
  // SigmoidGrad(s, x) = x s (1 - s)
  return ops.mul(dy, ops.add(gate, ops.mul(slope, ops.run('SigmoidGrad', [gate, x]))));
}

/** Sequences, context length, heads, head size. */
export interface HeadShape {
  b: number;
  t: number;
  h: number;
  e: number;
}

/** The shape of rows [B T, H E], T and H being the attributes `n_ctx` and `n_head`. */
export function headShape({ shape }: Handle, { n_ctx, n_head }: KernelAttrs): HeadShape {
  const [m, d] = shape as [number, number];
  const [t, h] = [n_ctx as number, n_head as number];
  return { b: m / t, t, h, e: d / h };
}

/** Rows [B T, H E] as heads [B, H, T, E]. */
export function toHeads(ops: Ops, rows: Handle, { b, t, h, e }: HeadShape): Handle {
  return ops.transpose(ops.reshape(rows, [b, t, h, e]), [0, 2, 1, 3]);
}

/** The inverse of `toHeads`. */
export function fromHeads(ops: Ops, heads: Handle, { b, t, h, e }: HeadShape): Handle {
  return ops.reshape(ops.transpose(heads, [0, 2, 1, 3]), [b * t, h * e]);
}

/** [T, T]: 0 where key s <= query t, else -1e30, which is below any score. */
function causalMask(ops: Ops, n_ctx: number): Handle {
  return ops.constant(`mask ${n_ctx}`, () => {
    const values = new Float32Array(n_ctx * n_ctx);
    for (let t = 0; t < n_ctx; t++) values.fill(-1e30, t * n_ctx + t + 1, (t + 1) * n_ctx);
    return ops.upload([n_ctx, n_ctx], values);
  });
}

/** Weights `p = softmax(q k^T / sqrt(E))` over the past and `y = p v`, by heads. */
export function attend(ops: Ops, [q, k, v]: [Handle, Handle, Handle], { t, e }: HeadShape): { y: Handle; p: Handle } {
  const scores = ops.scale(ops.batchMatMul(q, k, { tb: true }), 1 / Math.sqrt(e));
  const p = ops.run('Softmax', [ops.add(scores, causalMask(ops, t))]);
  return { y: ops.batchMatMul(p, v), p };
}

/** Gradients of q, k and v, by heads. */
export function attendGrad(
  ops: Ops,
  dy: Handle,
  [q, k, v]: [Handle, Handle, Handle],
  p: Handle,
  { e }: HeadShape,
): [Handle, Handle, Handle] {
  const dp = ops.batchMatMul(dy, v, { tb: true });
  const centred = ops.sub(dp, ops.sum(ops.mul(p, dp), [3], { keep: true }));
  const ds = ops.scale(ops.mul(p, centred), 1 / Math.sqrt(e));
  return [ops.batchMatMul(ds, k), ops.batchMatMul(ds, q, { ta: true }), ops.batchMatMul(p, dy, { ta: true })];
}

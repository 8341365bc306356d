/** @file One transformer block, forward and backward side by side.
 * Pre-LayerNorm: `x <- x + attn(ln_1(x))`, `x <- x + mlp(ln_2(x))`. Activations are rows [M, D], M = B T.
 * The block is one kernel, so that a backend can run it a few sequences at a time in its cache (native does); the
 * composed one calls the operations in turn. Separate c_q, c_k, c_v in place of GPT-2's fused c_attn: slices and 5-D
 * transposes are slow on wasm.
 */
import { KERNEL, type KernelInputs, type LabKernel } from '../kernels.ts';
import { tf } from '../tf.ts';
import { type AttentionShape, causalAttention, causalAttentionGrad } from './ops/causal-attention.ts';
import { gelu, geluGrad } from './ops/gelu.ts';
import { hasShape, requireShapes, runOp } from './ops/kernel.ts';
import { LAYER_NORM_EPS, type LayerNormSaved, layerNorm, layerNormGrad } from './ops/layer-norm.ts';
import { linear, linearGrad } from './ops/linear.ts';

/** Named tensors: parameters (variables) or their gradients. */
export type Tensors = Record<string, tf.Tensor>;

const LAYERS = ['attn.c_q', 'attn.c_k', 'attn.c_v', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'];

/** The parameters of a block, without and with the biases of its layers, in the order of `paramShapes`. */
const namesOf = (suffixes: string[]) => [
  ...['ln_1.g', 'ln_1.b'],
  ...LAYERS.slice(0, 4).flatMap((name) => suffixes.map((suffix) => name + suffix)),
  ...['ln_2.g', 'ln_2.b'],
  ...LAYERS.slice(4).flatMap((name) => suffixes.map((suffix) => name + suffix)),
];
const PLAIN_NAMES = namesOf(['.w']);
const BIASED_NAMES = namesOf(['.w', '.b']);

const need = (tensors: Tensors, name: string): tf.Tensor => {
  const t = tensors[name];
  if (!t) throw new Error(`missing parameter: ${name}; the parameters do not fit the model's shape`);
  return t;
};

/** LayerNorm `name` of rows `x`. */
export function normalise(params: Tensors, name: string, x: tf.Tensor) {
  return layerNorm(x, need(params, `${name}.g`), need(params, `${name}.b`));
}

/** Gradient through LayerNorm `name`; stores those of gain and bias. */
export function normaliseGrad(
  params: Tensors,
  gradients: Tensors,
  name: string,
  dy: tf.Tensor,
  { x, saved }: { x: tf.Tensor; saved: LayerNormSaved },
): tf.Tensor {
  const { dx, dg, db } = layerNormGrad(dy, x, need(params, `${name}.g`), saved);
  gradients[`${name}.g`] = dg;
  gradients[`${name}.b`] = db;
  return dx;
}

/** What the forward pass of a block keeps for its backward pass: its input, and what the kernel chose. */
export interface BlockTape {
  x: tf.Tensor;
  saved: tf.Tensor[];
}

/** Block `i`'s parameters by their names within the block. Throws where one is missing. */
function ofBlock(params: Tensors, i: number): Tensors {
  const names = params[`h.${i}.attn.c_q.b`] ? BIASED_NAMES : PLAIN_NAMES;
  const block: Tensors = {};
  for (const name of names) block[name] = need(params, `h.${i}.${name}`);
  return block;
}

/** Throws unless the parameters fit rows of width `d`: an MLP of any width F, biases as long as their layer is wide. */
function requireWidths(block: Tensors, d: number): void {
  const f = block['mlp.c_fc.w']!.shape[1];
  for (const name in block) {
    const t = block[name]!;
    const inputs = name === 'mlp.c_proj.w' ? f : d;
    const outputs = name.startsWith('mlp.c_fc') ? f : d;
    const fits = name.endsWith('.w') ? hasShape(t, inputs, outputs) : hasShape(t, outputs);
    if (!fits) requireShapes(false, KERNEL.block, `parameters must fit D = ${d} and F = ${f}`, { [name]: t });
  }
}

/** Output rows of block `i` and its tape. Throws on a shape mismatch. */
export function blockForward(params: Tensors, { n_ctx, n_head }: AttentionShape, i: number, x: tf.Tensor) {
  const [m, d] = x.shape as [number, number];
  const fits = x.rank === 2 && m % n_ctx === 0 && d % n_head === 0;
  requireShapes(fits, KERNEL.block, `x must be [B x ${n_ctx}, ${n_head} x d_head]`, { x });
  const block = ofBlock(params, i);
  requireWidths(block, d);
  const inputs: KernelInputs = { x, ...block };
  const [out, ...saved] = runOp(KERNEL.block, inputs, { n_ctx, n_head, eps: LAYER_NORM_EPS });
  return { out: out!, tape: { x, saved } as BlockTape };
}

/** Gradient of block `i`'s input from that of its output; stores the parameters' gradients in `gradients`. */
export function blockBackward(
  params: Tensors,
  gradients: Tensors,
  { n_ctx, n_head }: AttentionShape,
  i: number,
  dy: tf.Tensor,
  { x, saved }: BlockTape,
): tf.Tensor {
  const block = ofBlock(params, i);
  const inputs: KernelInputs = { dy, x };
  saved.forEach((t, j) => {
    inputs[`saved${j}`] = t;
  });
  const attrs = { n_ctx, n_head, eps: LAYER_NORM_EPS };
  const [dx, ...grads] = runOp(KERNEL.blockGrad, Object.assign(inputs, block), attrs);
  Object.keys(block).forEach((name, j) => {
    gradients[`h.${i}.${name}`] = grads[j]!;
  });
  return dx!;
}

/** Layer `name` of rows x. */
const apply = (params: Tensors, name: string, x: tf.Tensor) =>
  linear(x, need(params, `${name}.w`), params[`${name}.b`] ?? null);

/** Gradient through layer `name`; stores those of weight and bias. */
function applyGrad(params: Tensors, gradients: Tensors, name: string, dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const has_bias = params[`${name}.b`] !== undefined;
  const { dx, dw, db } = linearGrad(dy, x, need(params, `${name}.w`), { has_bias });
  gradients[`${name}.w`] = dw;
  if (db) gradients[`${name}.b`] = db;
  return dx;
}

export const blockKernels: LabKernel[] = [
  {
    name: KERNEL.block,
    run: ({ x, ...params }, attrs) => {
      const shape = attrs as unknown as AttentionShape;
      const ln_1 = normalise(params, 'ln_1', x!);
      const [q, k, v] = ['attn.c_q', 'attn.c_k', 'attn.c_v'].map((name) => apply(params, name, ln_1.y));
      const attn = causalAttention(q!, k!, v!, shape);
      const middle = tf.add(apply(params, 'attn.c_proj', attn.y), x!);
      const ln_2 = normalise(params, 'ln_2', middle);
      const hidden = apply(params, 'mlp.c_fc', ln_2.y);
      const active = gelu(hidden);
      const y = tf.add(apply(params, 'mlp.c_proj', active), middle);
      const norms = [ln_1.y, ln_1.saved.mean, ln_1.saved.rstd, ln_2.y, ln_2.saved.mean, ln_2.saved.rstd];
      return [y, ...norms, q!, k!, v!, attn.y, attn.saved, middle, hidden, active];
    },
  },
  {
    name: KERNEL.blockGrad,
    run: ({ dy, x, ...inputs }, attrs) => {
      const shape = attrs as unknown as AttentionShape;
      const saved = Array.from({ length: 14 }, (_, i) => need(inputs, `saved${i}`));
      const [y_1, mean_1, rstd_1, y_2, mean_2, rstd_2] = saved as [tf.Tensor, ...tf.Tensor[]];
      const [q, k, v, y, attention, middle, hidden, active] = saved.slice(6) as [tf.Tensor, ...tf.Tensor[]];
      const grads: Tensors = {};
      const back = (name: string, dy: tf.Tensor, x: tf.Tensor) => applyGrad(inputs, grads, name, dy, x);
      const dhidden = geluGrad(back('mlp.c_proj', dy!, active!), hidden!);
      const ln_2 = { x: middle!, saved: { mean: mean_2!, rstd: rstd_2! } };
      const dmiddle = tf.add(normaliseGrad(inputs, grads, 'ln_2', back('mlp.c_fc', dhidden, y_2!), ln_2), dy!);
      const tape = { q: q!, k: k!, v: v!, y: y!, saved: attention! };
      const { dq, dk, dv } = causalAttentionGrad(back('attn.c_proj', dmiddle, y!), tape, shape);
      const dqkv = [back('attn.c_q', dq, y_1), back('attn.c_k', dk, y_1), back('attn.c_v', dv, y_1)] as const;
      const ln_1 = { x: x!, saved: { mean: mean_1!, rstd: rstd_1! } };
      const sum = tf.add(tf.add(dqkv[0], dqkv[1]), dqkv[2]);
      const dx = tf.add(normaliseGrad(inputs, grads, 'ln_1', sum, ln_1), dmiddle);
      return [dx, ...(grads['attn.c_q.b'] ? BIASED_NAMES : PLAIN_NAMES).map((name) => need(grads, name))];
    },
  },
];

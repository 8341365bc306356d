/** @file One transformer block, forward and backward side by side.
 * Pre-LayerNorm: `x <- x + attn(ln_1(x))`, `x <- x + mlp(ln_2(x))`. Activations are rows [M, D], M = B T.
 * Separate c_q, c_k, c_v in place of GPT-2's fused c_attn: slices and 5-D transposes are slow on wasm.
 */
import type { ModelSpec } from '../config/config.ts';
import { tf } from '../tf.ts';
import { type AttentionTape, causalAttention, causalAttentionGrad } from './ops/causal-attention.ts';
import { gelu, geluGrad } from './ops/gelu.ts';
import { type LayerNormSaved, layerNorm, layerNormGrad } from './ops/layer-norm.ts';
import { linear, linearGrad } from './ops/linear.ts';

/** Named tensors: parameters (variables) or their gradients. */
export type Tensors = Record<string, tf.Tensor>;

/** What the forward pass of a block keeps for its backward pass, all [M, D] but where said. */
export interface BlockTape {
  x: tf.Tensor;
  ln_1: LayerNormSaved;
  attnIn: tf.Tensor;
  attn: AttentionTape;
  x2: tf.Tensor;
  ln_2: LayerNormSaved;
  mlpIn: tf.Tensor;
  /** [M, d_ff], before GELU. */
  hidden: tf.Tensor;
  /** [M, d_ff], after GELU. */
  active: tf.Tensor;
}

const need = (tensors: Tensors, name: string): tf.Tensor => {
  const t = tensors[name];
  if (!t) throw new Error(`missing parameter: ${name}; the parameters do not fit the model's shape`);
  return t;
};

/** The layer named `name` of block `i`, applied to rows `x`. */
function apply(params: Tensors, name: string, x: tf.Tensor): tf.Tensor {
  return linear(x, need(params, `${name}.w`), params[`${name}.b`] ?? null);
}

/** Gradient through layer `name`; stores those of its weights in `gradients` and returns that of its input. */
function applyGrad(params: Tensors, gradients: Tensors, name: string, dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const has_bias = params[`${name}.b`] !== undefined;
  const { dx, dw, db } = linearGrad(dy, x, need(params, `${name}.w`), { has_bias });
  gradients[`${name}.w`] = dw;
  if (db) gradients[`${name}.b`] = db;
  return dx;
}

/** LayerNorm `name` of rows `x`. */
export function normalise(params: Tensors, name: string, x: tf.Tensor) {
  return layerNorm(x, need(params, `${name}.g`), need(params, `${name}.b`));
}

/** Gradient through LayerNorm `name`; stores those of gain and bias, returns that of its input. */
export function normaliseGrad(
  params: Tensors,
  gradients: Tensors,
  name: string,
  dy: tf.Tensor,
  tape: { x: tf.Tensor; saved: LayerNormSaved },
): tf.Tensor {
  const { dx, dg, db } = layerNormGrad(dy, tape.x, need(params, `${name}.g`), tape.saved);
  gradients[`${name}.g`] = dg;
  gradients[`${name}.b`] = db;
  return dx;
}

/** Output rows of block `i` and its tape. */
export function blockForward(params: Tensors, model: ModelSpec, i: number, x: tf.Tensor) {
  const at = `h.${i}`;
  const ln_1 = normalise(params, `${at}.ln_1`, x);
  const q = apply(params, `${at}.attn.c_q`, ln_1.y);
  const k = apply(params, `${at}.attn.c_k`, ln_1.y);
  const v = apply(params, `${at}.attn.c_v`, ln_1.y);
  const { y, saved } = causalAttention(q, k, v, model);
  const x2 = tf.add(x, apply(params, `${at}.attn.c_proj`, y));
  const ln_2 = normalise(params, `${at}.ln_2`, x2);
  const hidden = apply(params, `${at}.mlp.c_fc`, ln_2.y);
  const active = gelu(hidden);
  const out = tf.add(x2, apply(params, `${at}.mlp.c_proj`, active));
  const tape: BlockTape = {
    x,
    ln_1: ln_1.saved,
    attnIn: ln_1.y,
    attn: { q, k, v, y, saved },
    x2,
    ln_2: ln_2.saved,
    mlpIn: ln_2.y,
    hidden,
    active,
  };
  return { out, tape };
}

/** Gradient of block `i`'s input from that of its output; stores the parameters' gradients in `gradients`. */
export function blockBackward(
  params: Tensors,
  gradients: Tensors,
  model: ModelSpec,
  i: number,
  dout: tf.Tensor,
  tape: BlockTape,
): tf.Tensor {
  const at = `h.${i}`;
  const dactive = applyGrad(params, gradients, `${at}.mlp.c_proj`, dout, tape.active);
  const dhidden = geluGrad(dactive, tape.hidden);
  const dmlpIn = applyGrad(params, gradients, `${at}.mlp.c_fc`, dhidden, tape.mlpIn);
  const ln_2 = { x: tape.x2, saved: tape.ln_2 };
  const dx2 = tf.add(dout, normaliseGrad(params, gradients, `${at}.ln_2`, dmlpIn, ln_2));
  const dy = applyGrad(params, gradients, `${at}.attn.c_proj`, dx2, tape.attn.y);
  const { dq, dk, dv } = causalAttentionGrad(dy, tape.attn, model);
  const fromQ = applyGrad(params, gradients, `${at}.attn.c_q`, dq, tape.attnIn);
  const fromK = applyGrad(params, gradients, `${at}.attn.c_k`, dk, tape.attnIn);
  const fromV = applyGrad(params, gradients, `${at}.attn.c_v`, dv, tape.attnIn);
  const dattnIn = tf.add(tf.add(fromQ, fromK), fromV);
  const ln_1 = { x: tape.x, saved: tape.ln_1 };
  return tf.add(dx2, normaliseGrad(params, gradients, `${at}.ln_1`, dattnIn, ln_1));
}

/** @file One transformer block, forward and backward side by side.
 * Pre-LayerNorm: `x <- x + attn(ln_1(x))`, `x <- x + mlp(ln_2(x))`. Activations are rows [M, D], M = B T.
 * Separate c_q, c_k, c_v in place of GPT-2's fused c_attn: slices and 5-D transposes are slow on wasm.
 */
import type { ModelSpec } from '../config/config.ts';
import type { tf } from '../tf.ts';
import { type AttentionTape, causalAttention, causalAttentionGrad } from './ops/causal-attention.ts';
import { geluLinearGrad, layerNormGradAdd, linearAdd, linearGelu, linearGradAdd } from './ops/joined.ts';
import { type LayerNormSaved, layerNorm, layerNormGrad } from './ops/layer-norm.ts';
import { type LinearGradients, linear, linearGrad } from './ops/linear.ts';

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

/** Weight and bias of layer `name`. */
const layer = (params: Tensors, name: string) => [need(params, `${name}.w`), params[`${name}.b`] ?? null] as const;

/** The layer named `name` of block `i`, applied to rows `x`. */
function apply(params: Tensors, name: string, x: tf.Tensor): tf.Tensor {
  return linear(x, ...layer(params, name));
}

/** Stores the gradients of layer `name`'s weights in `gradients` and returns that of its input. */
function store(gradients: Tensors, name: string, { dx, dw, db }: LinearGradients): tf.Tensor {
  gradients[`${name}.w`] = dw;
  if (db) gradients[`${name}.b`] = db;
  return dx;
}

/** Gradient through layer `name`, plus `r`, what reaches its input by another way. */
function applyGrad(
  params: Tensors,
  gradients: Tensors,
  name: string,
  { dy, x, r }: { dy: tf.Tensor; x: tf.Tensor; r?: tf.Tensor },
): tf.Tensor {
  const [w, b] = layer(params, name);
  const has_bias = b !== null;
  return store(gradients, name, r ? linearGradAdd(dy, x, w, { r, has_bias }) : linearGrad(dy, x, w, { has_bias }));
}

/** LayerNorm `name` of rows `x`. */
export function normalise(params: Tensors, name: string, x: tf.Tensor) {
  return layerNorm(x, need(params, `${name}.g`), need(params, `${name}.b`));
}

/** Gradient through LayerNorm `name`, plus `r`, that of the path around it; stores those of gain and bias. */
export function normaliseGrad(
  params: Tensors,
  gradients: Tensors,
  name: string,
  dy: tf.Tensor,
  { x, saved, r }: { x: tf.Tensor; saved: LayerNormSaved; r?: tf.Tensor },
): tf.Tensor {
  const g = need(params, `${name}.g`);
  const { dx, dg, db } = r ? layerNormGradAdd(dy, x, g, { ...saved, r }) : layerNormGrad(dy, x, g, saved);
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
  const x2 = linearAdd(y, ...layer(params, `${at}.attn.c_proj`), x);
  const ln_2 = normalise(params, `${at}.ln_2`, x2);
  const { hidden, active } = linearGelu(ln_2.y, ...layer(params, `${at}.mlp.c_fc`));
  const out = linearAdd(active, ...layer(params, `${at}.mlp.c_proj`), x2);
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
  const { attnIn, mlpIn, active, hidden, attn } = tape;
  const [w, b] = layer(params, `${at}.mlp.c_proj`);
  const through = geluLinearGrad(dout, active, w, { h: hidden, has_bias: b !== null });
  const dhidden = store(gradients, `${at}.mlp.c_proj`, through);
  const dmlpIn = applyGrad(params, gradients, `${at}.mlp.c_fc`, { dy: dhidden, x: mlpIn });
  const ln_2 = { x: tape.x2, saved: tape.ln_2, r: dout };
  const dx2 = normaliseGrad(params, gradients, `${at}.ln_2`, dmlpIn, ln_2);
  const dy = applyGrad(params, gradients, `${at}.attn.c_proj`, { dy: dx2, x: attn.y });
  const { dq, dk, dv } = causalAttentionGrad(dy, attn, model);
  const fromQ = applyGrad(params, gradients, `${at}.attn.c_q`, { dy: dq, x: attnIn });
  const fromQK = applyGrad(params, gradients, `${at}.attn.c_k`, { dy: dk, x: attnIn, r: fromQ });
  const dattnIn = applyGrad(params, gradients, `${at}.attn.c_v`, { dy: dv, x: attnIn, r: fromQK });
  const ln_1 = { x: tape.x, saved: tape.ln_1, r: dx2 };
  return normaliseGrad(params, gradients, `${at}.ln_1`, dattnIn, ln_1);
}

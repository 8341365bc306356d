/** @file One transformer block, forward and backward side by side.
 * Pre-LayerNorm: `x <- x + attn(ln_1(x))`, `x <- x + mlp(ln_2(x))`. Activations are rows [M, D], M = B T.
 * Separate c_q, c_k, c_v in place of GPT-2's fused c_attn: slices and 5-D transposes are slow on wasm.
 */
import type { ModelSpec } from '../config/config.ts';
import type { tf } from '../tf.ts';
import { type AttentionTape, causalAttention, causalAttentionGrad } from './ops/causal-attention.ts';
import {
  layerNormGradAdd,
  linearAdd,
  type MlpSaved,
  mlp,
  mlpGrad,
  projections,
  projectionsGrad,
  type Triple,
} from './ops/joined.ts';
import { type LayerNormSaved, layerNorm, layerNormGrad } from './ops/layer-norm.ts';
import { linearGrad } from './ops/linear.ts';

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
  mlp: MlpSaved;
}

const need = (tensors: Tensors, name: string): tf.Tensor => {
  const t = tensors[name];
  if (!t) throw new Error(`missing parameter: ${name}; the parameters do not fit the model's shape`);
  return t;
};

/** Weight and bias of layer `name`. */
const layer = (params: Tensors, name: string) => [need(params, `${name}.w`), params[`${name}.b`] ?? null] as const;

/** Names of the attention's three input layers. */
const qkv = (at: string): Triple<string> => [`${at}.attn.c_q`, `${at}.attn.c_k`, `${at}.attn.c_v`];

/** Weights and biases of three layers. */
function layers(params: Tensors, [q, k, v]: Triple<string>): [Triple<tf.Tensor>, Triple<tf.Tensor | null>] {
  const bias = (name: string) => params[`${name}.b`] ?? null;
  return [[q, k, v].map((name) => need(params, `${name}.w`)) as Triple<tf.Tensor>, [bias(q), bias(k), bias(v)]];
}

/** Weights and biases of the MLP of block `at`. */
function mlpLayers(params: Tensors, at: string) {
  const [[w_fc, b_fc], [w_proj, b_proj]] = [layer(params, `${at}.mlp.c_fc`), layer(params, `${at}.mlp.c_proj`)];
  return { w_fc, b_fc, w_proj, b_proj };
}

/** Stores the gradients of layer `name`'s weight and bias in `gradients`. */
function store(gradients: Tensors, name: string, dw: tf.Tensor, db: tf.Tensor | null): void {
  gradients[`${name}.w`] = dw;
  if (db) gradients[`${name}.b`] = db;
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
  const [q, k, v] = projections(ln_1.y, ...layers(params, qkv(at)));
  const { y, saved } = causalAttention(q, k, v, model);
  const x2 = linearAdd(y, ...layer(params, `${at}.attn.c_proj`), x);
  const ln_2 = normalise(params, `${at}.ln_2`, x2);
  const { y: out, ...kept } = mlp(ln_2.y, mlpLayers(params, at), x2);
  const tape: BlockTape = {
    x,
    ln_1: ln_1.saved,
    attnIn: ln_1.y,
    attn: { q, k, v, y, saved },
    x2,
    ln_2: ln_2.saved,
    mlpIn: ln_2.y,
    mlp: kept,
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
  const { attnIn, mlpIn, attn } = tape;
  const inner = mlpGrad(dout, mlpIn, mlpLayers(params, at), tape.mlp);
  store(gradients, `${at}.mlp.c_fc`, inner.dw_fc, inner.db_fc);
  store(gradients, `${at}.mlp.c_proj`, inner.dw_proj, inner.db_proj);
  const ln_2 = { x: tape.x2, saved: tape.ln_2, r: dout };
  const dx2 = normaliseGrad(params, gradients, `${at}.ln_2`, inner.dx, ln_2);
  const [w, b] = layer(params, `${at}.attn.c_proj`);
  const proj = linearGrad(dx2, attn.y, w, { has_bias: b !== null });
  store(gradients, `${at}.attn.c_proj`, proj.dw, proj.db);
  const { dq, dk, dv } = causalAttentionGrad(proj.dx, attn, model);
  const names = qkv(at);
  const input = projectionsGrad([dq, dk, dv], attnIn, layers(params, names)[0], { has_bias: b !== null });
  names.forEach((name, j) => {
    store(gradients, name, input.dw[j]!, input.db?.[j] ?? null);
  });
  const ln_1 = { x: tape.x, saved: tape.ln_1, r: dx2 };
  return normaliseGrad(params, gradients, `${at}.ln_1`, input.dx, ln_1);
}

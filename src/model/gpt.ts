/** @file A GPT-2-like decoder as plain functions over named tensors: learned positions, pre-LayerNorm,
 * causal attention, GELU, tied or untied head. `lossAndGradients` runs the forward pass and then the ops'
 * backward passes in reverse, without tfjs's tape (which costs five times as much an operation).
 * Deviations from GPT-2: no dropout, no linear biases by default, embeddings start at std .2 (see
 * `embedding_init_std`), separate q, k and v. Weights are [inputs, outputs].
 */
import type { ModelSpec } from '../config/config.ts';
import { normal, rngStream } from '../lib/rng.ts';
import { tf } from '../tf.ts';
import { type BlockTape, blockBackward, blockForward, normalise, normaliseGrad, type Tensors } from './block.ts';
import { crossEntropy } from './ops/cross-entropy.ts';
import { embedding, embeddingGrad } from './ops/embedding.ts';
import { headLoss } from './ops/head-loss.ts';
import { linear } from './ops/linear.ts';
import { paramShapes } from './size.ts';

export { registerOps } from './ops.ts';

/** The parameters: data, not an object with methods. Names and shapes are those of `paramShapes`. */
export type Params = Record<string, tf.Variable>;

/** Token ids of a batch, row by row: `inputs[b T + t]`, and `targets` one place later in the text. */
export interface TokenBatch {
  inputs: Int32Array;
  targets: Int32Array;
}

/** Initial values of one parameter: gains 1, biases 0, matrices normal; residual projections are narrower by
 * `1 / sqrt(2 n_layer)` (GPT-2). Each name has its own random stream, so one tensor never shifts another. */
function initialValues(name: string, shape: number[], model: ModelSpec, seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (name.endsWith('.g')) return values.fill(1);
  if (name.endsWith('.b')) return values;
  const is_embedding = name === 'wte' || name === 'wpe';
  const std = is_embedding ? model.embedding_init_std : model.init_std;
  const scale = name.endsWith('c_proj.w') ? std / Math.sqrt(2 * model.n_layer) : std;
  const rng = rngStream(seed, `init/${name}`);
  return values.map(() => scale * normal(rng));
}

/** Creates the parameters as variables on the current backend; the caller disposes of them. */
export function initParams(model: ModelSpec, seed: number): Params {
  return createVariables(paramShapes(model), (name, shape) => initialValues(name, shape, model, seed));
}

/** A variable for each name, from its values; leaks nothing (`tf.variable` copies its argument's handle). */
export function createVariables(
  shapes: Record<string, number[]>,
  values: (name: string, shape: number[]) => Float32Array,
): Params {
  const params: Params = {};
  for (const [name, shape] of Object.entries(shapes)) {
    params[name] = tf.tidy(() => tf.variable(tf.tensor(values(name, shape), shape, 'float32')));
  }
  return params;
}

/** Forward pass up to the final LayerNorm, with what the backward pass needs. */
function hiddenStates(params: Tensors, model: ModelSpec, tokens: tf.Tensor) {
  let x = embedding(tokens, params['wte']!, params['wpe']!);
  const blocks: BlockTape[] = [];
  for (let i = 0; i < model.n_layer; i++) {
    const { out, tape } = blockForward(params, model, i, x);
    blocks.push(tape);
    x = out;
  }
  const { y, saved } = normalise(params, 'ln_f', x);
  return { y, blocks, ln_f: { x, saved } };
}

const headWeight = (params: Tensors, model: ModelSpec) =>
  model.tie_embeddings ? params['wte']! : params['lm_head.w']!;

/** Logits [B T, V] of `inputs` (length a multiple of n_ctx); the caller disposes of them. */
export function logits(params: Tensors, model: ModelSpec, inputs: Int32Array): tf.Tensor {
  return tf.tidy(() => {
    const { y } = hiddenStates(params, model, tf.tensor1d(inputs, 'int32'));
    return linear(y, headWeight(params, model), null, model.tie_embeddings);
  });
}

/** Scalar mean cross-entropy of a batch in nats a token; the caller disposes of it. */
export function loss(params: Tensors, model: ModelSpec, batch: TokenBatch): tf.Scalar {
  return tf.tidy(() => {
    const { y } = hiddenStates(params, model, tf.tensor1d(batch.inputs, 'int32'));
    const z = linear(y, headWeight(params, model), null, model.tie_embeddings);
    return crossEntropy(z, tf.tensor1d(batch.targets, 'int32')).loss as tf.Scalar;
  });
}

/** Scalar loss and the gradient of every parameter, by the ops' own backward passes; the caller disposes of all. */
export function lossAndGradients(
  params: Tensors,
  model: ModelSpec,
  batch: TokenBatch,
): { loss: tf.Scalar; gradients: Tensors } {
  return tf.tidy(() => {
    const { tie_embeddings, vocab_size, n_ctx } = model;
    const tokens = tf.tensor1d(batch.inputs, 'int32');
    const targets = tf.tensor1d(batch.targets, 'int32');
    const { y, blocks, ln_f } = hiddenStates(params, model, tokens);
    const head = headWeight(params, model);
    const { loss, dx: dy, dw: dhead } = headLoss(y, head, targets, { transpose_w: tie_embeddings });

    const gradients: Tensors = {};
    let dx = normaliseGrad(params, gradients, 'ln_f', dy, ln_f);
    for (let i = model.n_layer - 1; i >= 0; i--) dx = blockBackward(params, gradients, model, i, dx, blocks[i]!);
    const { dwte, dwpe } = embeddingGrad(dx, tokens, { vocab_size, n_ctx });
    gradients['wpe'] = dwpe;
    gradients['wte'] = tie_embeddings ? tf.add(dwte, dhead) : dwte;
    if (!tie_embeddings) gradients['lm_head.w'] = dhead;
    return { loss: loss as tf.Scalar, gradients };
  });
}

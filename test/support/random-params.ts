/** @file Seeded random models, parameters and batches for tests, in float64.
 * Unlike a real initialisation, gains and biases are perturbed too, so that no gradient is trivially 0 or 1 and
 * a missing term shows. `smallModel` uses larger weights than GPT-2's .02 for the same reason: at .02 the attention
 * is flat and the gradients of c_q and c_k all but vanish.
 */
import type { ModelSpec } from '../../src/config/run-spec.ts';
import { normal, randomInt, rngStream } from '../../src/lib/rng.ts';
import { type ReferenceParams, referenceParamShapes } from './reference-gpt.ts';

/** Tokens of `batch_size` sequences one after the other; the target of a position is the token after it. */
export interface Batch {
  inputs: Int32Array;
  targets: Int32Array;
  batch_size: number;
}

/** A model small enough for finite differences; anything can be overridden. */
export function smallModel(overrides: Partial<ModelSpec> = {}): ModelSpec {
  return {
    n_layer: 2,
    n_head: 2,
    d_model: 8,
    d_ff: 12,
    n_ctx: 5,
    vocab_size: 7,
    tie_embeddings: false,
    bias: true,
    init_std: 0.4,
    embedding_init_std: 0.5,
    ...overrides,
  };
}

/** Parameters of `model` drawn from `seed`, each tensor from a stream of its own name.
 * Weights N(0, init_std), residual projections divided by sqrt(2 n_layer), embeddings N(0, embedding_init_std);
 * gains N(1, .1), biases N(0, .1). */
export function randomParams(model: ModelSpec, seed: number): ReferenceParams {
  const params: ReferenceParams = {};
  for (const [name, shape] of Object.entries(referenceParamShapes(model))) {
    const rng = rngStream(seed, `test-params/${name}`);
    const { mean, std } = distribution(name, model);
    const size = shape.reduce((a, b) => a * b, 1);
    params[name] = { shape, data: Float64Array.from({ length: size }, () => mean + std * normal(rng)) };
  }
  return params;
}

function distribution(name: string, model: ModelSpec): { mean: number; std: number } {
  if (name === 'wte' || name === 'wpe') return { mean: 0, std: model.embedding_init_std };
  if (name.endsWith('c_proj.w')) return { mean: 0, std: model.init_std / Math.sqrt(2 * model.n_layer) };
  if (name.endsWith('.w')) return { mean: 0, std: model.init_std };
  return { mean: name.endsWith('.g') ? 1 : 0, std: 0.1 };
}

/** A batch of uniformly random text: each sequence of `time` tokens (default n_ctx) is drawn one token longer,
 * so that targets are the inputs shifted by one. */
export function randomBatch(model: ModelSpec, batch_size: number, seed: number, time: number = model.n_ctx): Batch {
  const rng = rngStream(seed, 'test-batch');
  const inputs = new Int32Array(batch_size * time);
  const targets = new Int32Array(batch_size * time);
  for (let sequence = 0; sequence < batch_size; sequence++) {
    const tokens = Array.from({ length: time + 1 }, () => randomInt(rng, model.vocab_size));
    inputs.set(tokens.slice(0, time), sequence * time);
    targets.set(tokens.slice(1), sequence * time);
  }
  return { inputs, targets, batch_size };
}

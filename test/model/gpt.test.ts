/** @file The model on each portable backend against the independent float64 reference: logits, loss, every gradient. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createVariables, logits, loss, lossAndGradients, type Params } from '../../src/model/gpt.ts';
import { paramShapes } from '../../src/model/size.ts';
import { tf } from '../../src/tf.ts';
import '../support/allclose.ts';
import { PORTABLE_BACKENDS, useBackend } from '../support/backend.ts';
import { randomBatch, randomParams, smallModel } from '../support/random-params.ts';
import { type ReferenceParams, referenceLossAndGradients } from '../support/reference-gpt.ts';

const MODELS = {
  'two layers, biases, untied': smallModel(),
  'tied head, no biases': smallModel({ tie_embeddings: true, bias: false }),
  'one layer, one head': smallModel({ n_layer: 1, n_head: 1 }),
  'a context of 64, head size 16': smallModel({ n_ctx: 64, d_model: 32, d_ff: 128, vocab_size: 64, bias: false }),
};

function toParams(reference: ReferenceParams, model: Parameters<typeof paramShapes>[0]): Params {
  return createVariables(paramShapes(model), (name) => Float32Array.from(reference[name]!.data));
}

describe.each(PORTABLE_BACKENDS)('gpt on %s', (backend) => {
  let numTensors = 0;
  beforeAll(() => useBackend(backend));
  beforeEach(() => {
    numTensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each(Object.entries(MODELS))('agrees with the float64 reference: %s', (_, model) => {
    const reference = randomParams(model, 1);
    const batch = randomBatch(model, 3, 2);
    const expected = referenceLossAndGradients(reference, model, batch.inputs, batch.targets, batch.batch_size);
    const params = toParams(reference, model);

    const z = logits(params, model, batch.inputs);
    // 64 roundings of the largest logit, as for single operations (op-checks.ts): on this seed even products summed in
    // float64 (cpu) are off by 6e-6 next to a zero logit, those summed in float32 by 1.2e-5 to 2.4e-5.
    const atol = 64 * 2 ** -24 * Math.max(...expected.logits.map(Math.abs));
    expect(z.dataSync()).toBeAllclose(expected.logits, { rtol: 1e-4, atol });
    const value = loss(params, model, batch);
    expect(value.dataSync()).toBeAllclose([expected.loss], { rtol: 1e-5, atol: 0 });

    const actual = lossAndGradients(params, model, batch);
    expect(actual.loss.dataSync()).toBeAllclose([expected.loss], { rtol: 1e-5, atol: 0 });
    expect(Object.keys(actual.gradients).sort()).toEqual(Object.keys(params).sort());
    // The gradient of c_k's bias is exactly 0 (softmax ignores a shift): the scale is that of the largest gradient.
    const largest = Math.max(...Object.values(expected.gradients).flatMap((g) => [...g].map(Math.abs)));
    for (const [name, gradient] of Object.entries(actual.gradients)) {
      expect(gradient.shape, name).toEqual(params[name]!.shape);
      expect(gradient.dataSync(), name).toBeAllclose(expected.gradients[name]!, { rtol: 1e-4, atol: 1e-6 * largest });
    }
    tf.dispose([z, value, actual.loss, actual.gradients, params]);
  });

  it('agrees with tfjs’s tape through the same kernels', () => {
    const model = smallModel();
    const params = toParams(randomParams(model, 3), model);
    const batch = randomBatch(model, 2, 4);
    const explicit = lossAndGradients(params, model, batch);
    const taped = tf.variableGrads(() => loss(params, model, batch), Object.values(params));
    for (const [name, gradient] of Object.entries(explicit.gradients)) {
      expect(taped.grads[params[name]!.name]!.dataSync(), name).toBeAllclose(gradient.dataSync(), {
        rtol: 1e-5,
        atol: 1e-7,
      });
    }
    tf.dispose([explicit.loss, explicit.gradients, taped.value, taped.grads, params]);
  });

  it('lets NaN through to the loss', () => {
    const model = smallModel();
    const reference = randomParams(model, 5);
    reference['h.0.mlp.c_fc.w']!.data[0] = Number.NaN;
    const params = toParams(reference, model);
    const batch = randomBatch(model, 1, 6);
    const value = loss(params, model, batch);
    expect(value.dataSync()[0]).toBeNaN();
    tf.dispose([value, params]);
  });
});

/** @file The model on each portable backend against the independent float64 reference: logits, loss, every gradient. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createVariables, logits, loss, lossAndGradients, type Params } from '../../src/model/gpt.ts';
import { paramShapes } from '../../src/model/size.ts';
import { tf } from '../../src/tf.ts';
import '../support/allclose.ts';
import { PORTABLE_BACKENDS, useBackend } from '../support/backend.ts';
import { randomBatch, randomParams, smallModel } from '../support/random-params.ts';
import { type ReferenceParams, referenceLossAndGradients } from '../support/reference-gpt.ts';
import { ROUNDING, TOLERANCES } from '../support/tolerances.ts';
import { peek } from '../support/values.ts';

const MODELS = {
  'two layers, biases, untied': smallModel(),
  'tied head, no biases': smallModel({ tie_embeddings: true, bias: false }),
  'one layer, one head': smallModel({ n_layer: 1, n_head: 1 }),
  'a context of 64, head size 16': smallModel({ n_ctx: 64, d_model: 32, d_ff: 128, vocab_size: 64, bias: false }),
};

function toParams(reference: ReferenceParams, model: Parameters<typeof paramShapes>[0]): Params {
  return createVariables(paramShapes(model), (name) => Float32Array.from(reference[name]!.data));
}

type Numbers = ArrayLike<number>;

/** Holds values against expected ones, to `one` roundings of `largest` or 1e-4 of themselves; gives the errors in
 * roundings of `largest`. */
function expectWithin(
  values: Numbers,
  expected: Numbers,
  { one, largest }: Record<'one' | 'largest', number>,
): number[] {
  expect(values).toBeAllclose(expected, { rtol: 1e-4, atol: one * ROUNDING * largest });
  return Array.from(values, (v, i) => (v - expected[i]!) / largest / ROUNDING);
}

const rootMeanSquare = (x: number[]) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);

describe.each(PORTABLE_BACKENDS)('gpt on %s', (backend) => {
  const allowed = TOLERANCES[backend]!;
  let numTensors = 0;
  beforeAll(() => useBackend(backend));
  beforeEach(() => {
    numTensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each(Object.entries(MODELS))('agrees with the float64 reference: %s', async (_, model) => {
    const reference = randomParams(model, 1);
    const batch = randomBatch(model, 3, 2);
    const expected = referenceLossAndGradients(reference, model, batch.inputs, batch.targets, batch.batch_size);
    const params = toParams(reference, model);

    const z = logits(params, model, batch.inputs);
    const largestLogit = Math.max(...expected.logits.map(Math.abs));
    const off = expectWithin(await peek(z), expected.logits, { one: allowed.logits.one, largest: largestLogit });
    expect(rootMeanSquare(off)).toBeLessThan(allowed.logits.mean);
    const value = loss(params, model, batch);
    expect(await peek(value)).toBeAllclose([expected.loss], { rtol: 1e-5, atol: 0 });

    const actual = lossAndGradients(params, model, batch);
    expect(await peek(actual.loss)).toBeAllclose([expected.loss], { rtol: 1e-5, atol: 0 });
    expect(Object.keys(actual.gradients).sort()).toEqual(Object.keys(params).sort());
    // The gradient of c_k's bias is exactly 0 (softmax ignores a shift): the scale is that of the largest gradient.
    const largest = Math.max(...Object.values(expected.gradients).flatMap((g) => [...g].map(Math.abs)));
    const errors: number[] = [];
    for (const [name, gradient] of Object.entries(actual.gradients)) {
      expect(gradient.shape, name).toEqual(params[name]!.shape);
      errors.push(
        ...expectWithin(await peek(gradient), expected.gradients[name]!, { one: allowed.gradients.one, largest }),
      );
    }
    expect(rootMeanSquare(errors)).toBeLessThan(allowed.gradients.mean);
    tf.dispose([z, value, actual.loss, actual.gradients, params]);
  });

  it('lets NaN through to the loss', async () => {
    const model = smallModel();
    const reference = randomParams(model, 5);
    reference['h.0.mlp.c_fc.w']!.data[0] = Number.NaN;
    const params = toParams(reference, model);
    const batch = randomBatch(model, 1, 6);
    const value = loss(params, model, batch);
    expect((await peek(value))[0]).toBeNaN();
    tf.dispose([value, params]);
  });
});

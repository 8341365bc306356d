/** @file The reference model held against finite differences, PyTorch's numbers and what must be true of it. */
import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/config/run-spec.ts';
import './allclose.ts';
import { differenceGradient } from './finite-difference.ts';
import { randomBatch, randomParams, smallModel } from './random-params.ts';
import { type ReferenceParams, referenceForward, referenceLossAndGradients } from './reference-gpt.ts';
import { referenceTrajectory } from './reference-trajectory.ts';

const configs: [string, Partial<ModelSpec>][] = [
  ['untied with biases, 2 blocks, 2 heads', {}],
  ['tied with biases, 2 blocks, 1 head', { tie_embeddings: true, n_head: 1 }],
  ['untied without biases, 1 block, 2 heads', { bias: false, n_layer: 1 }],
  ['tied without biases, 1 block, 1 head', { tie_embeddings: true, bias: false, n_layer: 1, n_head: 1 }],
  ['heads of one column', { n_head: 8, n_layer: 1 }],
];

/** A copy of `tokens` with one position changed. */
function withToken(tokens: Int32Array, at: number, token: number): Int32Array {
  const changed = Int32Array.from(tokens);
  changed[at] = token;
  return changed;
}

describe('gradients of the reference', () => {
  it.each(configs)('equal finite differences, every coordinate: %s', async (_, overrides) => {
    const model = smallModel(overrides);
    const params = randomParams(model, 1);
    const { inputs, targets, batch_size } = randomBatch(model, 2, 2);
    const { gradients } = referenceLossAndGradients(params, model, inputs, targets, batch_size);
    for (const [name, param] of Object.entries(params)) {
      const lossAt = (data: Float64Array) => {
        const moved: ReferenceParams = { ...params, [name]: { ...param, data } };
        return referenceForward(moved, model, inputs, targets, batch_size).loss;
      };
      expect(gradients[name], name).toBeAllclose(await differenceGradient(lossAt, param.data), {
        rtol: 1e-7,
        atol: 2e-9,
      });
    }
  });

  it('cover a batch shorter than the context: unused positions get exactly zero', () => {
    const model = smallModel();
    const { inputs, targets, batch_size } = randomBatch(model, 2, 3, 2);
    const { gradients } = referenceLossAndGradients(randomParams(model, 3), model, inputs, targets, batch_size);
    expect(gradients.wpe!.slice(2 * model.d_model).every((g) => g === 0)).toBe(true);
    expect(gradients.wpe!.slice(0, 2 * model.d_model).every((g) => g !== 0)).toBe(true);
  });

  it('of key biases vanish, since softmax ignores a shift of all its scores', () => {
    const model = smallModel();
    const { inputs, targets, batch_size } = randomBatch(model, 2, 4);
    const { gradients } = referenceLossAndGradients(randomParams(model, 4), model, inputs, targets, batch_size);
    expect(gradients['h.0.attn.c_k.b']).toBeAllclose(new Float64Array(model.d_model), { atol: 1e-15 });
  });

  it('are the same when asked for twice', () => {
    const model = smallModel();
    const { inputs, targets, batch_size } = randomBatch(model, 2, 5);
    const { backward } = referenceForward(randomParams(model, 5), model, inputs, targets, batch_size);
    const first = structuredClone(backward());
    expect(backward()).toEqual(first);
  });
});

describe('the reference', () => {
  // PyTorch 1.13, float64: F.embedding, F.layer_norm, torch.softmax, F.gelu('tanh'), F.cross_entropy, autograd and
  // torch.optim.AdamW on the same parameters and batches. Logits and gradients agreed to 1e-15 there.
  it.each([
    [
      { seed: 0, overrides: {} },
      [
        2.037348156647, 2.842143623614, 2.248400632772, 2.258645202311, 2.601614907618, 2.441726155712, 2.087962023125,
        2.166947947751, 2.288530536661, 2.484201100635,
      ],
    ],
    [
      { seed: 3, overrides: { tie_embeddings: true, bias: false, n_layer: 1, n_head: 1 } },
      [
        2.578637956469, 3.173861884188, 3.052238836494, 2.479098120406, 3.296789288067, 2.850405006816, 2.214892783862,
        2.345789045403, 2.500492921455, 2.470653289902,
      ],
    ],
  ])('trains as PyTorch does, ten losses (%o)', ({ seed, overrides }, losses) => {
    const model = smallModel(overrides);
    const batches = Array.from({ length: 10 }, (_, i) => randomBatch(model, 3, 100 * seed + i));
    const optimizer = { learning_rate: 0, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 0.7 };
    const schedule = (step: number) => 0.01 * Math.min(1, step / 4);
    const ours = referenceTrajectory(model, randomParams(model, seed), batches, optimizer, schedule);
    expect(ours).toBeAllclose(losses, { atol: 1e-11 });
  });

  it.each(configs)('is causal: a changed token leaves earlier logits as they were, bit for bit: %s', (_, overrides) => {
    const model = smallModel(overrides);
    const params = randomParams(model, 6);
    const { inputs, targets, batch_size } = randomBatch(model, 2, 7);
    const logitsOf = (tokens: Int32Array) => referenceForward(params, model, tokens, targets, batch_size).logits;
    const before = logitsOf(inputs);
    const row = (logits: Float64Array, i: number) => logits.slice(i * model.vocab_size, (i + 1) * model.vocab_size);
    for (let at = 0; at < model.n_ctx; at++) {
      const after = logitsOf(withToken(inputs, at, (inputs[at]! + 1) % model.vocab_size));
      for (let i = 0; i < inputs.length; i++) {
        const sees = i >= at && i < model.n_ctx; // the second sequence sees nothing of the first
        if (sees) expect(row(after, i)).not.toEqual(row(before, i));
        else expect(row(after, i)).toEqual(row(before, i));
      }
    }
  });

  it.each([2, 7, 102])('scores uniform logits over %i tokens as ln V', (vocab_size) => {
    const model = smallModel({ vocab_size });
    const params = randomParams(model, 8);
    params['lm_head.w']!.data.fill(0);
    const { inputs, targets, batch_size } = randomBatch(model, 3, 9);
    const { loss, logits } = referenceForward(params, model, inputs, targets, batch_size);
    expect(logits.every((v) => v === 0)).toBe(true);
    expect(loss).toBeAllclose(Math.log(vocab_size), { rtol: 1e-14 });
  });

  it('averages over a batch: the loss of two halves is the mean of theirs', () => {
    const model = smallModel();
    const params = randomParams(model, 10);
    const { inputs, targets } = randomBatch(model, 4, 11);
    const half = inputs.length / 2;
    const lossOf = (from: number, to: number) =>
      referenceForward(params, model, inputs.slice(from, to), targets.slice(from, to), (to - from) / model.n_ctx).loss;
    const mean = (lossOf(0, half) + lossOf(half, inputs.length)) / 2;
    expect(lossOf(0, inputs.length)).toBeAllclose(mean, { rtol: 1e-14 });
  });

  it('survives logits that overflow an exponential', () => {
    const model = smallModel();
    const params = randomParams(model, 12);
    params['lm_head.w']!.data.forEach((v, i, data) => {
      data[i] = 1e4 * v;
    });
    const { inputs, targets, batch_size } = randomBatch(model, 1, 13);
    const { loss, gradients } = referenceLossAndGradients(params, model, inputs, targets, batch_size);
    expect(loss).toBeGreaterThan(100);
    expect(loss).toBeLessThan(Infinity);
    for (const gradient of Object.values(gradients)) expect(gradient.every(Number.isFinite)).toBe(true);
  });

  it('refuses parameters and batches that do not fit the model', () => {
    const model = smallModel();
    const params = randomParams(model, 14);
    const { inputs, targets } = randomBatch(model, 2, 15);
    const run = (p: ReferenceParams, i: Int32Array, t: Int32Array, batch_size: number) => () =>
      referenceForward(p, model, i, t, batch_size);
    const { wpe, ...missing } = params;
    expect(run(missing, inputs, targets, 2)).toThrow('parameter wpe is missing');
    expect(run({ ...params, extra: wpe! }, inputs, targets, 2)).toThrow('parameter extra is not one');
    expect(run({ ...params, wpe: params.wte! }, inputs, targets, 2)).toThrow('parameter wpe is [7,8]');
    expect(run(params, withToken(inputs, 3, 7), targets, 2)).toThrow('token 7 is outside 0..6');
    expect(run(params, inputs, withToken(targets, 0, -1), 2)).toThrow('token -1 is outside 0..6');
    expect(run(params, inputs, targets, 1)).toThrow('not 1 sequences of 1 to 5');
    expect(run(params, inputs, targets, 3)).toThrow('not 3 sequences of 1 to 5');
  });
});

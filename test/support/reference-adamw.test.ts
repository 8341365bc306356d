/** @file The reference's AdamW on numbers worked out by hand. */
import { describe, expect, it } from 'vitest';
import './allclose.ts';
import { isDecayed, referenceAdamwStep, zeroMoments } from './reference-adamw.ts';
import type { ReferenceParams } from './reference-gpt.ts';

const params: ReferenceParams = {
  'c_fc.w': { shape: [2], data: Float64Array.of(1, -2) },
  wte: { shape: [1], data: Float64Array.of(3) },
};
const grads = { 'c_fc.w': Float64Array.of(3, 0), wte: Float64Array.of(-4) };
const plain = { learning_rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0, grad_clip: 0 };
const first = { ...plain, step: 1, decayed: isDecayed };

describe('referenceAdamwStep', () => {
  it('moves by the learning rate in the sign of the gradient on the first step, and not where it is 0', () => {
    const { params: after, grad_norm } = referenceAdamwStep(params, grads, zeroMoments(params), first);
    expect(after['c_fc.w']!.data).toBeAllclose([0.9, -2], { rtol: 1e-8 });
    expect(after.wte!.data).toBeAllclose([3.1], { rtol: 1e-8 });
    expect(grad_norm).toBe(5);
  });

  it('adds eps to the root, outside it and after the bias correction', () => {
    const { params: after } = referenceAdamwStep(params, grads, zeroMoments(params), { ...first, eps: 1 });
    expect(after['c_fc.w']!.data).toBeAllclose([1 - 0.1 * (3 / (3 + 1)), -2], { rtol: 1e-14 });
    expect(after.wte!.data).toBeAllclose([3 + 0.1 * (4 / (4 + 1))], { rtol: 1e-14 });
  });

  it('weighs the second step by both bias corrections', () => {
    const one = referenceAdamwStep(params, grads, zeroMoments(params), first);
    const twice = { 'c_fc.w': Float64Array.of(6, 0), wte: Float64Array.of(0) };
    const two = referenceAdamwStep(one.params, twice, one.moments, { ...first, step: 2 });
    // m = .9 x .3 + .1 x 6 = .87, corrected / .19; v = .99 x .09 + .01 x 36 = .4491, corrected / .0199
    const update = 0.87 / 0.19 / Math.sqrt(0.4491 / 0.0199);
    expect(two.params['c_fc.w']!.data[0]!).toBeAllclose(0.9 - 0.1 * update, { rtol: 1e-8 });
    expect(two.moments['c_fc.w']!.m).toBeAllclose([0.87, 0], { rtol: 1e-14 });
    expect(two.moments['c_fc.w']!.v).toBeAllclose([0.4491, 0], { rtol: 1e-14 });
  });

  it('clips all gradients by one factor, above the bound only', () => {
    const clipped = referenceAdamwStep(params, grads, zeroMoments(params), { ...first, grad_clip: 1 });
    expect(clipped.moments['c_fc.w']!.m).toBeAllclose([0.1 * (3 / 5), 0], { rtol: 1e-14 });
    expect(clipped.moments.wte!.m).toBeAllclose([0.1 * (-4 / 5)], { rtol: 1e-14 });
    expect(clipped.grad_norm).toBe(5);
    const within = referenceAdamwStep(params, grads, zeroMoments(params), { ...first, grad_clip: 6 });
    expect(within.moments.wte!.m).toBeAllclose([-0.4], { rtol: 1e-14 });
  });

  it('decays the named matrices by learning_rate x weight_decay, apart from the gradient', () => {
    const still = { 'c_fc.w': new Float64Array(2), wte: new Float64Array(1) };
    const { params: after } = referenceAdamwStep(params, still, zeroMoments(params), { ...first, weight_decay: 0.5 });
    expect(after['c_fc.w']!.data).toBeAllclose([0.95, -1.9], { rtol: 1e-14 });
    expect(after.wte!.data).toEqual(Float64Array.of(3));
  });

  it('leaves its arguments as they were', () => {
    const before = structuredClone({ params, grads });
    const moments = zeroMoments(params);
    referenceAdamwStep(params, grads, moments, { ...first, weight_decay: 0.5, grad_clip: 1 });
    expect({ params, grads }).toEqual(before);
    expect(moments).toEqual(zeroMoments(params));
  });
});

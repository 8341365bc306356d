/** @file AdamW, fused or composed as the backend has it, against the float64 reference; and that whoever multiplies by
 * a weight afterwards sees its new values.
 */
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { type AdamWSlot, type AdamWStep, adamw } from '../../../src/model/ops/adamw.ts';
import { globalNorm } from '../../../src/model/ops/global-norm.ts';
import { linear, linearGrad } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { describeOnBackends, itRefuses, normalValues, ones } from '../../support/op-checks.ts';
import { referenceAdamwStep, zeroMoments } from '../../support/reference-adamw.ts';
import type { ReferenceParams } from '../../support/reference-gpt.ts';
import { peek, valuesOf } from '../../support/values.ts';

const SHAPES: Record<string, number[]> = { 'a.w': [7, 17], 'a.b': [33], 'b.w': [1, 1], 'c.g': [17] };
const is_decayed = (name: string) => name.endsWith('.w');
const NUM_STEPS = 5;

const HYPER = { learning_rate: 0.02, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0, grad_clip: 0 };

/** The random gradients of 174 numbers have norms near 13. */
const VARIANTS = [
  { name: 'no clip, no decay', weight_decay: 0, grad_clip: 0 },
  { name: 'no clip, decay', weight_decay: 0.5, grad_clip: 0 },
  { name: 'clip, no decay', weight_decay: 0, grad_clip: 1 },
  { name: 'clip and decay', weight_decay: 0.5, grad_clip: 1 },
  { name: 'a clip that no gradient reaches', weight_decay: 0.5, grad_clip: 1000 },
];

const variable = (shape: number[], data: Float32Array) => tf.tidy(() => tf.variable(tf.tensor(data, shape, 'float32')));

/** A parameter for each shape, with zero moments; to be disposed of by the caller. */
function createSlots(values: (name: string) => Float32Array) {
  return Object.entries(SHAPES).map(([name, shape]) => {
    const zeros = () => variable(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    return { name, shape, p: variable(shape, values(name)), m: zeros(), v: zeros() };
  });
}

type Slots = ReturnType<typeof createSlots>;

/** One step of all slots with these gradients; returns their norm. */
async function step(slots: Slots, gradients: (name: string) => Float32Array, hyper: AdamWStep): Promise<number> {
  const [norm] = await valuesOf(() => {
    const full = slots.map(({ name, shape, p, m, v }): AdamWSlot => {
      return { p, m, v, g: tf.tensor(gradients(name), shape, 'float32'), is_decayed: is_decayed(name) };
    });
    const norm = globalNorm(full.map(({ g }) => g));
    adamw(full, norm, hyper);
    return norm;
  });
  return norm!;
}

const dispose = (slots: Slots) => tf.dispose(slots.map(({ p, m, v }) => [p, m, v]));

/** Values of a named array for every step, step 0 being the parameters. */
function draw(at: number): (name: string) => Float32Array {
  return (name) => normalValues(SHAPES[name]!, rngStream(1, `adamw/${at}/${name}`)).data;
}

describeOnBackends('adamw', () => {
  it.each(VARIANTS)('agrees with the float64 reference over five steps: $name', async ({ weight_decay, grad_clip }) => {
    const slots = createSlots(draw(0));
    let params: ReferenceParams = Object.fromEntries(
      Object.entries(SHAPES).map(([name, shape]) => [name, { shape, data: Float64Array.from(draw(0)(name)) }]),
    );
    let moments = zeroMoments(params);
    for (let t = 1; t <= NUM_STEPS; t++) {
      const hyper = { ...HYPER, weight_decay, grad_clip, step: t };
      const norm = await step(slots, draw(t), hyper);
      const gradients = Object.fromEntries(slots.map(({ name }) => [name, Float64Array.from(draw(t)(name))]));
      const expected = referenceAdamwStep(params, gradients, moments, { ...hyper, decayed: is_decayed });
      ({ params, moments } = expected);
      expect([norm]).toBeAllclose([expected.grad_norm], { rtol: 1e-6 });
      // Values near 1 move by .02 a step: each step rounds p twice (6e-8), the moments about ten times.
      for (const { name, ...tensors } of slots) {
        const { p, m, v } = await peek({ p: tensors.p, m: tensors.m, v: tensors.v });
        expect(p, `${name} at step ${t}`).toBeAllclose(params[name]!.data, { rtol: 4e-7, atol: 4e-7 });
        expect(m, `m of ${name}`).toBeAllclose(moments[name]!.m, { rtol: 1e-6, atol: 1e-7 });
        expect(v, `v of ${name}`).toBeAllclose(moments[name]!.v, { rtol: 1e-6, atol: 1e-12 });
      }
    }
    dispose(slots);
  });

  it('first moves by the learning rate against the gradient’s sign, whatever its size', async () => {
    const slots = createSlots((name) => draw(0)(name).fill(1));
    await step(slots, (name) => draw(1)(name).map((g) => Math.sign(g) * (Math.abs(g) + 1e-3) * 1e-3), {
      ...HYPER,
      step: 1,
    });
    for (const { name, p } of slots) {
      const moved = draw(1)(name).map((g) => 1 - HYPER.learning_rate * Math.sign(g));
      // eps is a hundredth of the smallest gradient here.
      expect(await p.data(), name).toBeAllclose(moved, { atol: HYPER.learning_rate * 0.011 });
    }
    dispose(slots);
  });

  it('shrinks the decayed weights alone where gradients are zero', async () => {
    const slots = createSlots((name) => draw(0)(name).fill(1));
    await step(slots, (name) => draw(0)(name).fill(0), { ...HYPER, weight_decay: 0.5, grad_clip: 1, step: 1 });
    for (const { name, p } of slots) {
      expect(await p.data(), name).toBeAllclose(draw(0)(name).fill(is_decayed(name) ? 0.99 : 1), { rtol: 2 ** -23 });
    }
    dispose(slots);
  });

  it('gives the same bits twice', async () => {
    const run = async () => {
      const slots = createSlots(draw(0));
      for (let t = 1; t <= NUM_STEPS; t++) {
        await step(slots, draw(t), { ...HYPER, weight_decay: 0.5, grad_clip: 1, step: t });
      }
      const out = await peek(slots.map(({ p, m, v }) => [p, m, v]));
      dispose(slots);
      return out;
    };
    expect(await run()).toEqual(await run());
  });

  it.each([0, 1].flatMap((grad_clip) => [Number.NaN, Infinity, -Infinity].map((value) => ({ value, grad_clip }))))(
    'lets $value in a gradient through to the norm and the weight, clip $grad_clip',
    async ({ value, grad_clip }) => {
      const slots = createSlots(draw(0));
      const spoil = (name: string) => draw(1)(name).map((g, i) => (name === 'a.w' && i === 3 ? value : g));
      const norm = await step(slots, spoil, { ...HYPER, grad_clip, step: 1 });
      expect(Number.isFinite(norm)).toBe(false);
      expect((await slots[0]!.p.data())[3]).toBeNaN();
      dispose(slots);
    },
  );

  it('leaves no product with the old weight: tfjs’s wasm backend keeps packed copies of right operands', async () => {
    const [k, n] = [17, 33];
    const shapes = { w: [k, n], wT: [n, k] };
    const x = tf.tensor2d(normalValues([7, k], rngStream(1, 'rows')).data, [7, k]);
    const dy = tf.tensor2d(normalValues([7, n], rngStream(1, 'gradient')).data, [7, n]);
    const slots = Object.entries(shapes).map(([name, shape]) => {
      const values = (what: string) => normalValues(shape, rngStream(1, `${what}/${name}`)).data;
      const zeros = () => variable(shape, new Float32Array(k * n));
      return { p: variable(shape, values('p')), g: variable(shape, values('g')), m: zeros(), v: zeros() };
    });
    const [w, wT] = slots.map(({ p }) => p) as [tf.Variable, tf.Variable];
    /** Every product in which a weight is the right operand, by its handle. */
    const products = () =>
      valuesOf(() => {
        return {
          matMul: tf.matMul(x, w),
          'matMul, transposed': tf.matMul(x, wT, false, true),
          linear: linear(x, w, null),
          'linear, transposed': linear(x, wT, null, true),
          linearGrad: linearGrad(dy, x, w).dx,
          'linearGrad, transposed': linearGrad(dy, x, wT, { transpose_w: true }).dx,
        };
      });
    /** The same of weights with new handles, for which nothing can be kept. */
    const fresh = async () => {
      const [kept, keptT] = await peek([w, wT] as [tf.Tensor, tf.Tensor]);
      tf.tidy(() => {
        w.assign(tf.tensor(kept, shapes.w));
        wT.assign(tf.tensor(keptT, shapes.wT));
      });
      return products();
    };

    const before: Record<string, Float32Array> = await products();
    const full = slots.map((slot) => ({ ...slot, is_decayed: false }));
    tf.tidy(() => adamw(full, tf.scalar(1), { ...HYPER, step: 1 }));
    const after: Record<string, Float32Array> = await products();
    for (const name of Object.keys(before)) expect(after[name], name).not.toEqual(before[name]);
    expect(after).toEqual(await fresh());
    tf.dispose([x, dy, slots]);
  });

  const slot = (shapes: { p: number[]; g: number[]; m: number[] }): AdamWSlot => {
    const leaf = (shape: number[]) => ones(...shape) as tf.Variable;
    return { p: leaf(shapes.p), g: leaf(shapes.g), m: leaf(shapes.m), v: leaf(shapes.p), is_decayed: false };
  };
  const run = (shapes: { p: number[]; g: number[]; m: number[] }, norm = tf.scalar(1)) =>
    adamw([slot(shapes)], norm, { ...HYPER, step: 1 });
  itRefuses('LabAdamW', {
    'a gradient of another length': { call: () => run({ p: [4], g: [3], m: [4] }), shape: 'g [3]' },
    'a gradient of another rank': { call: () => run({ p: [2, 2], g: [4], m: [2, 2] }), shape: 'g [4]' },
    'moments of another shape': { call: () => run({ p: [2, 3], g: [2, 3], m: [3, 2] }), shape: 'm [3, 2]' },
  });
});

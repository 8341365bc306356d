/** @file What only the native backend promises: one result for any number of threads, agreement of its instruction
 * sets, flat memory, and errors in place of crashes.
 */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  configureNative,
  nativeFmaPeak,
  nativeInstructionSets,
  nativeMemory,
} from '../../../src/backend/native/native.ts';
import { KERNEL } from '../../../src/kernels.ts';
import { lossAndGradients } from '../../../src/model/gpt.ts';
import { causalAttention } from '../../../src/model/ops/causal-attention.ts';
import { embedding } from '../../../src/model/ops/embedding.ts';
import { linear } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { createState, takeLossSum, trainStep } from '../../../src/train/state.ts';
import '../../support/allclose.ts';
import { useBackend, WITHOUT_NATIVE } from '../../support/backend.ts';
import { randomBatch, smallModel } from '../../support/random-params.ts';

const MODEL = smallModel({ n_ctx: 70, d_model: 48, d_ff: 192, n_head: 3, vocab_size: 65, init_std: 0.1 });
const OPTIMIZER = { learning_rate: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 };

/** Loss, norm and all parameters after three steps. */
async function threeSteps(): Promise<Record<string, ArrayLike<number>>> {
  const state = createState(MODEL, 7);
  for (let step = 1; step <= 3; step++) {
    trainStep(state, MODEL, randomBatch(MODEL, 3, step), { optimizer: OPTIMIZER, learning_rate: 1e-2, step });
  }
  const { loss_sum, grad_norm } = await takeLossSum(state);
  const values: Record<string, ArrayLike<number>> = { loss_sum: [loss_sum], grad_norm: [grad_norm] };
  for (const [name, p] of Object.entries(state.params)) values[name] = p.dataSync();
  tf.dispose(state as unknown as tf.TensorContainer);
  return values;
}

describe.skipIf(WITHOUT_NATIVE !== '')(`native backend ${WITHOUT_NATIVE}`, () => {
  let fastest = '';
  beforeAll(async () => {
    await useBackend('native');
    fastest = (await nativeInstructionSets())[0]!;
  });
  afterEach(() => configureNative({ instruction_set: fastest, threads: 1 }));

  it('gives the same bits run after run, and for any number of threads', async () => {
    const expected = await threeSteps();
    expect(await threeSteps()).toEqual(expected);
    for (const threads of [2, 3, 7]) {
      await configureNative({ threads });
      expect(await threeSteps(), `${threads} threads`).toEqual(expected);
    }
  });

  it('agrees between instruction sets', async () => {
    const expected = await threeSteps();
    const others = (await nativeInstructionSets()).slice(1);
    expect([fastest, ...others].at(-1)).toBe(process.arch === 'arm64' ? 'neon' : 'portable');
    for (const instruction_set of others) {
      await configureNative({ instruction_set });
      for (const [name, values] of Object.entries(await threeSteps())) {
        // Adam divides by the gradient's own size: rounding of a gradient near 0 moves a parameter by up to lr.
        const tolerance = name === 'loss_sum' || name === 'grad_norm' ? { rtol: 2e-5 } : { rtol: 1e-3, atol: 2e-3 };
        expect(values, `${name} on ${instruction_set}`).toBeAllclose(expected[name]!, tolerance);
      }
    }
  });

  it('takes subnormal results as zero, and leaves JavaScript its own', () => {
    const products = tf.tidy(() => tf.mul(tf.tensor1d([1e-20, 1e-17]), tf.scalar(1e-20)).dataSync());
    expect(products[0]).toBe(0);
    expect(products[1]).toBeCloseTo(1e-37, 43);
    const halves = Float64Array.of(2 ** -1040, 2 ** -1022).map((v) => v / 2);
    expect([...halves]).toEqual([2 ** -1041, 2 ** -1023]);
  });

  it('allocates nothing in the steady state: memory is flat over 10,000 steps', async () => {
    const model = smallModel({ n_layer: 1, n_ctx: 4, d_model: 8, n_head: 1, bias: false });
    const state = createState(model, 1);
    const batch = randomBatch(model, 1, 3);
    const step = (n: number) => trainStep(state, model, batch, { optimizer: OPTIMIZER, learning_rate: 1e-3, step: n });
    for (let n = 1; n <= 10; n++) step(n);
    const before = await nativeMemory();
    const { numTensors, numDataBuffers, numBytes } = tf.memory();
    for (let n = 11; n <= 10_000; n++) step(n);
    expect(await nativeMemory()).toEqual(before);
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers, numBytes });
    tf.dispose(state as unknown as tf.TensorContainer);
    expect((await nativeMemory())[2]).toBe(before[2] - numTensors);
  }, 60_000);

  it('moves tensors from and to another backend', async () => {
    await useBackend('cpu');
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    await useBackend('native');
    const y = tf.matMul(x, x);
    expect([...y.dataSync()]).toEqual([7, 10, 15, 22]);
    await useBackend('cpu');
    expect([...tf.add(y, 1).dataSync()]).toEqual([8, 11, 16, 23]);
    await useBackend('native');
  });

  it('measures a peak', async () => {
    expect(await nativeFmaPeak(0.02)).toBeGreaterThan(0.1);
  });

  it('refuses bad input with an error that names kernel and shapes', async () => {
    const run = (name: string, inputs: Record<string, tf.Tensor>, attrs = {}) =>
      (tf.engine().runKernel as (...args: unknown[]) => unknown)(name, inputs, attrs);
    tf.tidy(() => {
      const x = tf.ones([4, 6]);
      expect(() => run(KERNEL.linear, { x, w: tf.ones([5, 3]) })).toThrow(
        /LabLinear: .*x float32 \[4, 6\].*w float32 \[5, 3\]/,
      );
      expect(() => run(KERNEL.linear, { x: tf.ones([2, 4, 6]), w: tf.ones([6, 3]) })).toThrow(/LabLinear: x must be/);
      expect(() => run(KERNEL.linear, { x: tf.ones([0, 6]), w: tf.ones([6, 3]) })).toThrow(/at least one row/);
      expect(() => run(KERNEL.layerNorm, { x, g: tf.ones([6]), b: tf.ones([5]) })).toThrow(/LabLayerNorm: .*\[5\]/);
      expect(() => run(KERNEL.gelu, { x: tf.zeros([3], 'int32') })).toThrow(/LabGelu: .*int32/);
      const attention = { q: x, k: x, v: x };
      expect(() => run(KERNEL.causalAttention, attention, { n_ctx: 3, n_head: 2 })).toThrow(/LabCausalAttention: /);
      expect(() => run(KERNEL.causalAttention, attention, { n_ctx: 4, n_head: 4 })).toThrow(/LabCausalAttention: /);
      const ids = tf.tensor1d([0, 9], 'int32');
      expect(() => embedding(ids, tf.ones([9, 4]), tf.ones([2, 4]))).toThrow(/token id/);
      expect(() => run(KERNEL.crossEntropy, { logits: tf.ones([2, 9]), targets: ids })).toThrow(/token id/);
      expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([4, 2]))).toThrow(/matMul|BatchMatMul/);
      expect(() => tf.gather(tf.ones([3]), tf.tensor1d([3], 'int32'))).toThrow(/index/);
    });
    const disposed = tf.ones([4, 6]);
    const w = tf.ones([6, 6]);
    disposed.dispose();
    expect(() => linear(disposed, w, null)).toThrow(/dispos/);
    expect(() => causalAttention(disposed, w, w, { n_ctx: 2, n_head: 1 })).toThrow();
    w.dispose();
    await expect(configureNative({ threads: 0 })).rejects.toThrow(/threads/);
    await expect(configureNative({ instruction_set: 'mmx' })).rejects.toThrow(/instruction set/);
  });

  it('computes all gradients of a context longer than a block of queries on each instruction set', async () => {
    const model = smallModel({ n_ctx: 150, d_model: 24, n_head: 3, d_ff: 40, vocab_size: 33 });
    const state = createState(model, 3);
    const batch = randomBatch(model, 1, 5);
    const gradientsOn = async (backend: string) => {
      await useBackend(backend);
      const { loss, gradients } = lossAndGradients(state.params, model, batch);
      const values = Object.entries(gradients).map(([name, g]) => [name, g.dataSync()] as const);
      tf.dispose([loss, gradients]);
      return new Map(values);
    };
    const expected = await gradientsOn('cpu');
    const largest = Math.max(...[...expected.values()].flatMap((g) => [...g].map(Math.abs)));
    for (const instruction_set of await nativeInstructionSets()) {
      await configureNative({ instruction_set });
      for (const [name, values] of await gradientsOn('native')) {
        expect(values, `${name} on ${instruction_set}`).toBeAllclose(expected.get(name)!, {
          rtol: 1e-4,
          atol: 2e-6 * largest,
        });
      }
    }
    tf.dispose(state as unknown as tf.TensorContainer);
  });
});

/** @file Training on every backend that starts here: memory that stays flat and is given back, the same bits twice and
 * after a restart from stored state, evaluation that changes nothing, and wrong tokens refused by name. The kernels'
 * numbers are held in `test/model`, where the same backends run.
 */
import { expect, it } from 'vitest';
import { settleBackend } from '../../src/backend/backend.ts';
import { lossAndGradients } from '../../src/model/gpt.ts';
import { tf } from '../../src/tf.ts';
import {
  createState,
  restoreState,
  storeState,
  type TrainState,
  takeLossSum,
  trainStep,
} from '../../src/train/state.ts';
import { describeOnBackends } from '../support/op-checks.ts';
import { randomBatch, smallModel } from '../support/random-params.ts';
import { peek, valuesOf } from '../support/values.ts';

const MODEL = smallModel({ n_ctx: 24, vocab_size: 33, bias: false });
const OPTIMIZER = { learning_rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 };

function takeSteps(state: TrainState, from: number, to: number): void {
  for (let step = from; step <= to; step++)
    trainStep(state, MODEL, randomBatch(MODEL, 3, step), { optimizer: OPTIMIZER, learning_rate: 0.01, step });
}

const dispose = (state: TrainState) => tf.dispose(state as unknown as tf.TensorContainer);

/** Tensors, bytes in them, and bytes on the GPU where there is one. */
async function memory(): Promise<(number | undefined)[]> {
  await settleBackend();
  const { numTensors, numBytes, ...rest } = tf.memory();
  return [numTensors, numBytes, (rest as { numBytesAllocatedInGPU?: number }).numBytesAllocatedInGPU];
}

describeOnBackends('training', () => {
  it('takes no memory for further steps, and gives back what a state held', async () => {
    const lived = async () => {
      const state = createState(MODEL, 0);
      takeSteps(state, 1, 3);
      await takeLossSum(state);
      const before = await memory();
      takeSteps(state, 4, 12);
      await takeLossSum(state);
      expect(await memory()).toEqual(before);
      dispose(state);
      return memory();
    };
    const after_first = await lived();
    expect(await lived()).toEqual(after_first);
  });

  it('gives the same bits twice, and after a restart from stored state', async () => {
    const whole = createState(MODEL, 3);
    takeSteps(whole, 1, 3);
    const stored = await storeState(whole);
    takeSteps(whole, 4, 6);
    const resumed = restoreState(MODEL, stored, 0);
    takeSteps(resumed, 4, 6);
    const again = createState(MODEL, 3);
    takeSteps(again, 1, 6);
    const expected = await storeState(whole);
    expect(await storeState(resumed)).toEqual(expected);
    expect(await storeState(again)).toEqual(expected);
    for (const state of [whole, resumed, again]) dispose(state);
  });

  it('computes equal gradients of equal inputs, and leaves the inputs as they were', async () => {
    const state = createState(MODEL, 1);
    const batch = randomBatch(MODEL, 3, 2);
    const params = await peek(state.params);
    const gradients = () => valuesOf(() => lossAndGradients(state.params, MODEL, batch));
    expect(await gradients()).toEqual(await gradients());
    expect(await peek(state.params)).toEqual(params);
    dispose(state);
  });

  it('refuses a batch whose tokens do not fit the model, naming them', () => {
    const state = createState(MODEL, 1);
    const batch = randomBatch(MODEL, 2, 1);
    const short = { ...batch, inputs: batch.inputs.slice(1) };
    expect(() => lossAndGradients(state.params, MODEL, short)).toThrow(/^LabEmbedding: .*got tokens \[47\]/);
    dispose(state);
  });
});

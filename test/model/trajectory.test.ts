/** @file Ten training losses on each portable backend against the float64 reference: the golden trajectory.
 * It holds the whole chain at once: forward, backward, clip, AdamW with bias correction and decay, schedule.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { OptimizerSpec } from '../../src/config/config.ts';
import { createVariables } from '../../src/model/gpt.ts';
import { paramShapes } from '../../src/model/size.ts';
import { tf } from '../../src/tf.ts';
import { createState, takeLossSum, trainStep } from '../../src/train/state.ts';
import '../support/allclose.ts';
import { PORTABLE_BACKENDS, useBackend } from '../support/backend.ts';
import { randomBatch, randomParams, smallModel } from '../support/random-params.ts';
import { referenceTrajectory } from '../support/reference-trajectory.ts';
import { ROUNDING, TOLERANCES } from '../support/tolerances.ts';

const MODEL = smallModel({ n_ctx: 16, d_model: 16, d_ff: 64, vocab_size: 17, bias: false, init_std: 0.2 });
const OPTIMIZER: OptimizerSpec = {
  learning_rate: 0,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weight_decay: 0.1,
  grad_clip: 0.5,
};
const rateAt = (step: number) => 0.01 * Math.min(1, step / 4);

describe.each(PORTABLE_BACKENDS)('ten steps on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('follow the float64 reference', async () => {
    const reference = randomParams(MODEL, 11);
    const batches = Array.from({ length: 10 }, (_, i) => randomBatch(MODEL, 4, 100 + i));
    const expected = referenceTrajectory(MODEL, reference, batches, OPTIMIZER, rateAt);
    const state = createState(MODEL, 0);
    tf.dispose(state.params);
    state.params = createVariables(paramShapes(MODEL), (name) => Float32Array.from(reference[name]!.data));
    const losses: number[] = [];
    for (const [i, batch] of batches.entries()) {
      const step = i + 1;
      trainStep(state, MODEL, batch, { optimizer: OPTIMIZER, learning_rate: rateAt(step), step });
      losses.push((await takeLossSum(state)).loss_sum);
    }
    expect(losses).toBeAllclose(expected, { rtol: TOLERANCES[backend]!.trajectory * ROUNDING });
    tf.dispose(state as unknown as tf.TensorContainer);
  });
});

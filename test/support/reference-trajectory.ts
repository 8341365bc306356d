/** @file The losses of a short training run in float64: the golden trajectory every backend is compared with.
 * A wrong gradient, moment, decay or schedule bends it within a few steps, so ten losses check the whole chain.
 */
import type { ModelSpec, OptimizerSpec } from '../../src/config/run-spec.ts';
import type { Batch } from './random-params.ts';
import { isDecayed, referenceAdamwStep, zeroMoments } from './reference-adamw.ts';
import { type ReferenceParams, referenceLossAndGradients } from './reference-gpt.ts';

/** Training loss (nats a token) of each batch, taken before the update made from it.
 * One step a batch, `step` counting from 1: `schedule(step)` is that update's learning rate, in place of
 * `optimizer.learning_rate`. Linear weights decay, nothing else. `params` stay as they were. */
export function referenceTrajectory(
  model: ModelSpec,
  params: ReferenceParams,
  batches: readonly Batch[],
  optimizer: OptimizerSpec,
  schedule: (step: number) => number,
): number[] {
  let state = { params, moments: zeroMoments(params) };
  return batches.map(({ inputs, targets, batch_size }, index) => {
    const step = index + 1;
    const { loss, gradients } = referenceLossAndGradients(state.params, model, inputs, targets, batch_size);
    const options = { ...optimizer, learning_rate: schedule(step), step, decayed: isDecayed };
    state = referenceAdamwStep(state.params, gradients, state.moments, options);
    return loss;
  });
}

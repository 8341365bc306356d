/** @file FLOPs of one training step by running it: the reference model counts every multiply-add of every matrix
 * product while it works, attention pair by pair, forward and backward, as 2 FLOPs. No formula is involved, so this
 * is what the closed form of `src/model/size.ts` is held against.
 */
import type { ModelSpec } from '../../src/config/run-spec.ts';
import { randomBatch, randomParams } from './random-params.ts';
import { referenceForward } from './reference-gpt.ts';
import type { Tally } from './reference-ops.ts';

/** FLOPs of the matrix products of one step on `batch_size` sequences of n_ctx tokens, look-ups free. */
export function bruteForceFlops(model: ModelSpec, batch_size: number): { forward: number; total: number } {
  const tally: Tally = { flops: 0 };
  const { inputs, targets } = randomBatch(model, batch_size, 0);
  const { backward } = referenceForward(randomParams(model, 0), model, inputs, targets, batch_size, tally);
  const forward = tally.flops;
  backward();
  return { forward, total: tally.flops };
}

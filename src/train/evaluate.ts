/** @file Validation loss: mean nats a token over the first `eval_tokens` tokens of the validation file, cut into
 * consecutive windows of n_ctx. Every token of a window is predicted from those before it in the window, so anyone
 * can recompute the number from a checkpoint and val.bin in another framework.
 */
import type { ModelSpec } from '../config/config.ts';
import { loss, type Params } from '../model/gpt.ts';
import type { tf } from '../tf.ts';

/** Windows in row-major order, as `data/` gives them. */
export interface ValidationWindows {
  inputs: Int32Array;
  targets: Int32Array;
  num_windows: number;
}

/** Tokens a forward pass scores. Fixed, so that the loss does not depend on the batch a run trains with. */
const CHUNK_TOKENS = 2048;

/** Mean cross-entropy in nats a token; NaN or infinity where the model gives them. Reads back once, when all is given to
 * the device. */
export async function evaluate(
  params: Params,
  model: ModelSpec,
  { inputs, targets, num_windows }: ValidationWindows,
): Promise<number> {
  const windowsPerChunk = Math.max(1, Math.floor(CHUNK_TOKENS / model.n_ctx));
  const chunks: { mean: tf.Scalar; num: number }[] = [];
  for (let start = 0; start < num_windows; start += windowsPerChunk) {
    const end = Math.min(start + windowsPerChunk, num_windows);
    const [from, to] = [start * model.n_ctx, end * model.n_ctx];
    const mean = loss(params, model, { inputs: inputs.subarray(from, to), targets: targets.subarray(from, to) });
    chunks.push({ mean, num: end - start });
  }
  const means = await Promise.all(chunks.map(({ mean }) => mean.data()));
  let total = 0;
  for (const [i, { mean, num }] of chunks.entries()) {
    total += means[i]![0]! * num;
    mean.dispose();
  }
  return total / num_windows;
}

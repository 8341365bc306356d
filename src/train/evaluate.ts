/** @file Validation loss: mean nats a token over the first `eval_tokens` tokens of the validation file, cut into
 * consecutive windows of n_ctx. Every token of a window is predicted from those before it in the window, so anyone
 * can recompute the number from a checkpoint and val.bin in another framework.
 */
import type { ModelSpec } from '../config/config.ts';
import { loss, type Params } from '../model/gpt.ts';

/** Windows in row-major order, as `data/` gives them. */
export interface ValidationWindows {
  inputs: Int32Array;
  targets: Int32Array;
  num_windows: number;
}

/** Tokens a forward pass scores. Fixed, so that the loss does not depend on the batch a run trains with. */
const CHUNK_TOKENS = 2048;

/** Mean cross-entropy in nats a token; NaN or infinity where the model gives them. */
export function evaluate(
  params: Params,
  model: ModelSpec,
  { inputs, targets, num_windows }: ValidationWindows,
): number {
  const windowsPerChunk = Math.max(1, Math.floor(CHUNK_TOKENS / model.n_ctx));
  let total = 0;
  for (let start = 0; start < num_windows; start += windowsPerChunk) {
    const end = Math.min(start + windowsPerChunk, num_windows);
    const [from, to] = [start * model.n_ctx, end * model.n_ctx];
    const mean = loss(params, model, { inputs: inputs.subarray(from, to), targets: targets.subarray(from, to) });
    total += mean.dataSync()[0]! * (end - start);
    mean.dispose();
  }
  return total / num_windows;
}

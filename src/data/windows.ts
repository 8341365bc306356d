/** @file Cuts tokens into windows of n_ctx and says which window each training sequence reads.
 * Training: the tokens are cut into U / n_ctx consecutive windows that do not overlap; each epoch has its own seeded
 * offset of the cuts and its own seeded permutation of the windows. Sequence g (= step x batch_size + row) reads
 * window `g mod num_windows` of epoch `floor(g / num_windows)`: no token is seen twice before all were seen once,
 * and all models with equal seed and n_ctx read the same sequences in the same order, whatever their batch size.
 * Validation: consecutive windows from the first token on, as anyone can recompute from val.bin.
 */
import { LabError } from '../lib/errors.ts';
import { rngStream } from '../lib/rng.ts';
import { permutationBelow } from './feistel.ts';

/** `inputs[b * n_ctx + t]` and its next token `targets[b * n_ctx + t]`, row-major [batch, n_ctx]. */
export interface Batch {
  inputs: Int32Array;
  targets: Int32Array;
}

/** Windows to score, `num_windows` rows of n_ctx. */
export interface Windows extends Batch {
  num_windows: number;
}

/** The training order over a corpus of `num_tokens` tokens. */
export interface WindowOrder {
  /** Windows of one epoch. */
  num_windows: number;
  /** Index of the first input token of sequence `sequence` under `seed`. */
  start: (seed: number, sequence: number) => number;
}

/** The order of windows; `num_tokens` must be at least n_ctx + 1. Keeps the keys of the last epoch asked for. */
export function windowOrder(num_tokens: number, n_ctx: number): WindowOrder {
  // n_ctx - 1 tokens are left for the offset; a corpus of one window has fewer.
  const num_windows = Math.max(1, Math.floor((num_tokens - n_ctx) / n_ctx));
  const num_offsets = Math.min(n_ctx, num_tokens - num_windows * n_ctx);
  let current = { seed: Number.NaN, epoch: -1, offset: 0, permutation: (x: number) => x };
  return {
    num_windows,
    start(seed, sequence) {
      const epoch = Math.floor(sequence / num_windows);
      if (seed !== current.seed || epoch !== current.epoch) {
        const rng = rngStream(seed, `data/epoch/${epoch}`);
        const offset = Math.floor(rng() * num_offsets);
        current = { seed, epoch, offset, permutation: permutationBelow(num_windows, rng) };
      }
      return current.offset + current.permutation(sequence - epoch * num_windows) * n_ctx;
    },
  };
}

/** Which of the first `num_unique` sequences is read as sequence `sequence` under `seed`, where no other is: themselves
 * first, then all of them again in an order that each pass has for itself. Keeps the order of the last pass asked for. */
export function repeatedOrder(): (seed: number, sequence: number, num_unique: number) => number {
  let current = { seed: Number.NaN, pass: -1, num_unique: 0, permutation: (x: number) => x };
  return (seed, sequence, num_unique) => {
    const pass = Math.floor(sequence / num_unique);
    if (pass === 0) return sequence;
    if (seed !== current.seed || pass !== current.pass || num_unique !== current.num_unique) {
      const permutation = permutationBelow(num_unique, rngStream(seed, `data/pass/${pass}`));
      current = { seed, pass, num_unique, permutation };
    }
    return current.permutation(sequence - pass * num_unique);
  };
}

/** Copies the window that starts at token `start` to row `row` of `batch`; targets are shifted by one. */
export function copyWindow(batch: Batch, row: number, tokens: Uint16Array, start: number, n_ctx: number): void {
  batch.inputs.set(tokens.subarray(start, start + n_ctx), row * n_ctx);
  batch.targets.set(tokens.subarray(start + 1, start + 1 + n_ctx), row * n_ctx);
}

/** An empty batch of `num_rows` rows. */
export function emptyBatch(num_rows: number, n_ctx: number): Batch {
  return { inputs: new Int32Array(num_rows * n_ctx), targets: new Int32Array(num_rows * n_ctx) };
}

/** Windows that fit into the first `eval_tokens` of `num_tokens` tokens, one more token being needed as the last
 * target: `floor(min(eval_tokens, num_tokens - 1) / n_ctx)`. A `usage` error when that is none. */
export function scoredWindows(num_tokens: number, eval_tokens: number, n_ctx: number): number {
  const num_windows = Math.floor(Math.min(eval_tokens, num_tokens - 1) / n_ctx);
  if (num_windows > 0) return num_windows;
  throw new LabError('usage', `invalid eval_tokens: ${eval_tokens} is less than one context of n_ctx ${n_ctx}`);
}

/** The first `num_windows` consecutive windows of `tokens`. */
export function consecutiveWindows(tokens: Uint16Array, num_windows: number, n_ctx: number): Windows {
  const batch = emptyBatch(num_windows, n_ctx);
  batch.inputs.set(tokens.subarray(0, num_windows * n_ctx));
  batch.targets.set(tokens.subarray(1, num_windows * n_ctx + 1));
  return { ...batch, num_windows };
}

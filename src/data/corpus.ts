/** @file What a corpus is to everyone else: facts for the planner, batches and windows for training.
 * Real text and the synthetic language both come in this form (text-corpus, zipf-corpus).
 */
import type { CorpusFacts } from '../config/config.ts';
import type { Batch, Windows } from './windows.ts';

/** Windows of another text, encoded with the corpus's tokenizer. */
export interface OutOfDomainWindows extends Windows {
  name: string;
  /** UTF-8 bytes a token stands for in this text, for bits per byte. */
  bytes_per_token: number;
  /** Characters without a token, written as "?" (left out where that has none either). */
  num_replaced: number;
}

/** How often a run reads its training tokens. */
export interface Repetition {
  /** num_tokens / unique_tokens; null for an endless stream. */
  epochs: number | null;
  /** Says so when tokens are read more than once. */
  warning: string | null;
}

/** Which batch of which run. */
export interface BatchPlace {
  seed: number;
  step: number;
  batch_size: number;
  unique_tokens?: number | undefined;
}

/** A corpus opened for one context length. */
export interface Corpus {
  /** For the planner. `unique_tokens` are those of whole windows of n_ctx. */
  facts: CorpusFacts;
  name: string;
  tokenizer_name: string;
  /** For the user, each once: what may surprise in the fits. */
  warnings: readonly string[];
  /** The batch at `step` (from 0): a pure function of seed and step; row r is sequence step x batch_size + r, or the
   * one that stands for it where only the first `unique_tokens` (whole windows of n_ctx) are read, again and again. */
  batch: (at: BatchPlace) => Batch;
  /** The first `eval_tokens` of val.bin in consecutive windows; fewer where val.bin is shorter. */
  validation: (of: { eval_tokens: number }) => Windows;
  /** Nats a token that the language itself assigns to the tokens of `validation`; null for real text. */
  true_val_loss: (eval_tokens: number) => number | null;
  /** The first `eval_tokens` of Moby-Dick in this corpus's tokens; null for a synthetic language. */
  out_of_domain: (of: { eval_tokens: number }) => OutOfDomainWindows | null;
  repetition: (num_tokens: number) => Repetition;
  encode: (text: string) => Uint16Array;
  decode: (ids: ArrayLike<number>) => string;
}

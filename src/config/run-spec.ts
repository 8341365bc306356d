/** @file One run with every number resolved: what the planner makes and what training takes.
 * Plain JSON, in the field's spelling. Its canonical form, with the checksums of corpus and tokenizer
 * inside, is what a run's identity is hashed from; so nothing here may depend on a label, a path,
 * a clock or the order of a sweep.
 */
import type { DataConfig } from './schema.ts';

/** The shape and initialisation of one transformer. */
export interface ModelSpec {
  n_layer: number;
  n_head: number;
  d_model: number;
  d_ff: number;
  n_ctx: number;
  vocab_size: number;
  tie_embeddings: boolean;
  bias: boolean;
  init_std: number;
  embedding_init_std: number;
}

/** AdamW. `learning_rate` is the peak; `weight_decay` is decoupled; `grad_clip` 0 means off. */
export interface OptimizerSpec {
  learning_rate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weight_decay: number;
  grad_clip: number;
}

/** Learning rate over steps. `horizon_steps` is where the decay ends; it is `num_steps` unless the
 * schedule is the fixed-length one, whose horizon is the longest run of its study. */
export interface ScheduleSpec {
  kind: 'constant' | 'cosine' | 'linear' | 'wsd' | 'fixed_cosine';
  warmup_steps: number;
  horizon_steps: number;
  /** wsd only: steps of the final linear decay. */
  decay_steps: number;
  /** The rate at the horizon as a share of the peak. */
  final_fraction: number;
}

export interface EvalSpec {
  /** Tokens of the validation file that every evaluation scores (a multiple of n_ctx). */
  eval_tokens: number;
  /** Log-spaced evaluations, the last at the end of the run. */
  num_evals: number;
}

/** What the planner must know of a corpus; computed by `data/`, passed in as plain numbers. */
export interface CorpusFacts {
  /** Rows of the embedding table. */
  vocab_size: number;
  /** Token values that occur in training. */
  live_vocab_size: number;
  /** Training tokens before they repeat; null for an endless stream. */
  unique_tokens: number | null;
  /** Bytes of text a token stands for on the validation set; null where there is no text. */
  bytes_per_token: number | null;
  /** Exact entropy, nats a token, of a language that has a known one. */
  entropy_nats: number | null;
  corpus_sha256: string;
  tokenizer_sha256: string;
  /** Tokens in the validation set. */
  val_tokens: number;
}

/** One run, every number resolved. */
export interface RunSpec {
  model: ModelSpec;
  data: DataConfig;
  corpus_sha256: string;
  tokenizer_sha256: string;
  /** Sequences a step. */
  batch_size: number;
  num_steps: number;
  /** = num_steps x batch_size x n_ctx */
  num_tokens: number;
  /** Tokens that the run repeats, in whole windows of n_ctx; absent where only the corpus itself ends. */
  unique_tokens?: number;
  optimizer: OptimizerSpec;
  schedule: ScheduleSpec;
  eval: EvalSpec;
  /** Seeds the parameters. */
  init_seed: number;
  /** Seeds the order of the batches. */
  data_seed: number;
}

/** @file RunRecord and metric row: the only seam between training and fitting.
 * One `run.json` a run and one `metrics.jsonl` row a logged step, in the field's spelling. Everything that
 * a fit, a table or another program needs is here as a field; nothing is ever parsed from a name.
 * Version 1. Readers keep unknown keys and refuse newer versions.
 */
import { z } from 'zod';

export const SCHEMA_VERSION = 1;

export const RUN_STATES = ['planned', 'running', 'finished', 'failed', 'diverged', 'preempted', 'cancelled'] as const;

const nonneg = z.number().nonnegative();

/** Parameters by group; `total` is the sum of the others. */
const numParamsSchema = z.looseObject({
  total: nonneg,
  token_embedding: nonneg,
  position_embedding: nonneg,
  /** Weight matrices of the blocks: 12 n_layer d_model^2 where d_ff = 4 d_model. Kaplan's N. */
  transformer: nonneg,
  /** LayerNorm gains and biases, linear biases. */
  norm_and_bias: nonneg,
  /** 0 when tied. */
  lm_head: nonneg,
  /** = transformer */
  non_embedding: nonneg,
  /** transformer + vocab_size x d_model of the output layer, tied or not (Porian et al. 2024). */
  non_embedding_head: nonneg,
  /** total less the embedding and head rows of tokens that never occur in training. */
  live: nonneg,
});

/** Training FLOPs of the whole run by each counting. */
const flopsSchema = z.looseObject({
  six_n_total: nonneg,
  six_n_non_embedding: nonneg,
  /** Every matrix product, forward and backward, attention as the causal half, head included. */
  exact: nonneg,
});

/** One evaluation: nats a token on the fixed validation windows. */
export const evalPointSchema = z.looseObject({
  step: nonneg,
  tokens: nonneg,
  val_loss: z.number().nullable(),
});

/** The GPU that trained a run; a fact that nobody tells is null. */
const gpuFactsSchema = z.looseObject({
  /** Place in nvidia-smi's list, the order of the PCI bus. */
  index: nonneg.nullable(),
  name: z.string(),
  driver: z.string().nullable(),
  /** MiB. */
  memory_mb: nonneg.nullable(),
  /** CUDA's, as `9.0`. */
  compute_capability: z.string().nullable(),
  /** The libraries that drive it, with their versions: `tensorflow 2.9.1`. */
  library: z.string().nullable(),
});

export const runRecordSchema = z.looseObject({
  schema_version: z.literal(SCHEMA_VERSION),
  run_id: z.string(),
  config_hash: z.string(),
  /** Study folder and block of the study. */
  sweep: z.string(),
  group: z.string(),
  status: z.enum(RUN_STATES),
  /** Why it failed or diverged. */
  error: z.string().nullable(),
  /** The whole resolved RunSpec, as planned. */
  spec: z.record(z.string(), z.unknown()),
  model: z.looseObject({
    n_layer: nonneg,
    n_head: nonneg,
    d_model: nonneg,
    d_ff: nonneg,
    n_ctx: nonneg,
    vocab_size: nonneg,
    tie_embeddings: z.boolean(),
  }),
  num_params: numParamsSchema,
  num_tokens: nonneg,
  /** Training tokens before they repeat; null for an endless stream. */
  unique_tokens: nonneg.nullable(),
  /** num_tokens / unique_tokens; at most 1 means no repetition; null for an endless stream. */
  epochs: nonneg.nullable(),
  batch_size: nonneg,
  num_steps: nonneg,
  flops: flopsSchema,
  /** The isoFLOP budget this run belongs to, or null. */
  budget_flops: nonneg.nullable(),
  budget_counting: z.string().nullable(),
  optimizer: z.looseObject({
    name: z.literal('adamw'),
    learning_rate: nonneg,
    beta1: nonneg,
    beta2: nonneg,
    eps: nonneg,
    weight_decay: nonneg,
    grad_clip: nonneg,
  }),
  schedule: z.looseObject({ kind: z.string(), warmup_steps: nonneg, horizon_steps: nonneg, final_fraction: nonneg }),
  init_seed: nonneg,
  data_seed: nonneg,
  /** Steps done so far; equals num_steps when finished. */
  step: nonneg,
  /** Final validation loss, nats a token; null unless finished. */
  val_loss: z.number().nullable(),
  val_bpb: z.number().nullable(),
  /** Final loss on another text (Moby-Dick) in the same tokens, nats a token and bits a byte; null for a synthetic language. */
  ood_loss: z.number().nullable(),
  ood_bpb: z.number().nullable(),
  /** Mean training loss of the last logged interval. */
  train_loss: z.number().nullable(),
  eval_curve: z.array(evalPointSchema),
  /** SHA-256 of metrics.jsonl when the run ended; absent in records from before it was kept. */
  metrics_sha256: z.string().optional(),
  /** Exact entropy of the language and the realised true loss of the validation tokens scored, where known. */
  entropy_nats: z.number().nullable(),
  true_val_loss: z.number().nullable(),
  /** Seconds of training, evaluation left out, summed over resumes; and with evaluation. */
  train_seconds: nonneg,
  wall_seconds: nonneg,
  tokens_per_second: nonneg.nullable(),
  /** Times the run was resumed from a checkpoint. */
  num_resumes: nonneg,
  backend: z.string(),
  device: z.string(),
  /** Null on a CPU; absent in records from before it was kept. */
  gpu: gpuFactsSchema.nullable().optional(),
  /** How TensorFlow multiplied matrices: in float32, or on a GPU rounded to TF32 first; absent on other backends. */
  matmul_precision: z.enum(['float32', 'tf32']).optional(),
  versions: z.record(z.string(), z.string()),
  git: z.looseObject({ commit: z.string().nullable(), dirty: z.boolean().nullable() }),
  host: z.looseObject({
    platform: z.string(),
    arch: z.string(),
    cpu: z.string(),
    num_cores: nonneg,
    memory_bytes: nonneg.optional(),
    /** Variables that change numbers or speed, from a fixed list; never the whole environment. */
    env: z.record(z.string(), z.string()).optional(),
  }),
  corpus: z.looseObject({ name: z.string(), sha256: z.string(), tokenizer: z.string(), tokenizer_sha256: z.string() }),
  started_at: z.string(),
  updated_at: z.string(),
});

/** A row of metrics.jsonl. A value that is not finite is null, its kind named in `nonfinite`. */
export const metricRowSchema = z.looseObject({
  kind: z.enum(['train', 'eval']),
  step: nonneg,
  tokens: nonneg,
  /** Nats a token: mean over the steps since the last train row, or the validation loss. */
  loss: z.number().nullable(),
  nonfinite: z.enum(['nan', 'inf', '-inf']).optional(),
  learning_rate: z.number().optional(),
  grad_norm: z.number().nullable().optional(),
  tokens_per_second: z.number().optional(),
});

export type RunRecord = z.infer<typeof runRecordSchema>;
export type RunStatus = (typeof RUN_STATES)[number];
export type MetricRow = z.infer<typeof metricRowSchema>;
export type EvalPoint = z.infer<typeof evalPointSchema>;
export type NumParams = z.infer<typeof numParamsSchema>;
export type GpuFacts = z.infer<typeof gpuFactsSchema>;
export type Flops = z.infer<typeof flopsSchema>;

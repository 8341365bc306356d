/** @file Plans for the tests of `sweep/`: tiny runs whose names, and costs where they matter, the test chooses.
 * Real workers can train them too: the language's records are 16 symbols, one context.
 */
import type { Plan, PlannedRun } from '../../src/plan/plan.ts';

export interface TinyRun {
  run_id: string;
  num_steps?: number;
  flops?: number;
  minutes?: number | null;
  memory_bytes?: number;
  config_hash?: string;
}

/** A run of a one-layer model of width 8 on the synthetic language. */
export function tinyRun({
  run_id,
  num_steps = 4,
  flops = 1,
  minutes = null,
  memory_bytes = 1e6,
  config_hash,
}: TinyRun): PlannedRun {
  const model = {
    n_layer: 1,
    n_head: 1,
    d_model: 8,
    d_ff: 32,
    n_ctx: 16,
    vocab_size: 8,
    tie_embeddings: false,
    bias: false,
    init_std: 0.02,
    embedding_init_std: 0.2,
  };
  return {
    run_id,
    config_hash: config_hash ?? `hash-of-${run_id}`,
    sweep: 'test',
    group: 'test',
    spec: {
      model,
      data: {
        corpus: 'zipf-lexicon',
        tail: 0.5,
        alphabet: 8,
        lexicon_size: 2 ** 40,
        language_seed: 0,
        val_tokens: 1024,
      },
      corpus_sha256: 'c0',
      tokenizer_sha256: 't0',
      batch_size: 2,
      num_steps,
      num_tokens: num_steps * 32,
      optimizer: { learning_rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0, grad_clip: 1 },
      schedule: { kind: 'constant', warmup_steps: 0, horizon_steps: num_steps, decay_steps: 0, final_fraction: 1 },
      eval: { eval_tokens: 1024, num_evals: 2 },
      init_seed: 0,
      data_seed: 0,
    },
    num_params: {
      total: 1000,
      token_embedding: 64,
      position_embedding: 64,
      transformer: 768,
      norm_and_bias: 40,
      lm_head: 64,
      non_embedding: 768,
      non_embedding_head: 832,
      live: 1000,
    },
    flops: { six_n_total: flops, six_n_non_embedding: flops, exact: flops },
    unique_tokens: null,
    live_vocab_size: 8,
    entropy_nats: null,
    bytes_per_token: null,
    corpus_name: 'zipf-lexicon',
    tokenizer_name: 'none',
    budget_flops: null,
    budget_counting: null,
    budget_error: null,
    memory_bytes,
    estimated_minutes: minutes,
    notes: [],
  };
}

/** A plan of these runs. */
export function tinyPlan(runs: (TinyRun | string)[]): Plan {
  const planned = runs.map((run) => tinyRun(typeof run === 'string' ? { run_id: run } : run));
  const [first] = planned;
  const totals = {
    num_runs: planned.length,
    num_tokens: 0,
    flops: first?.flops ?? { six_n_total: 0, six_n_non_embedding: 0, exact: 0 },
    memory_bytes: 1e6,
    estimated_minutes: null,
    num_unmeasured: planned.length,
  };
  return { schema_version: 1, name: 'test', runs: planned, duplicates: [], dropped: [], totals, warnings: [] };
}

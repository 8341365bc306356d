/** @file Small real training jobs for tests: a tiny model on the synthetic language, in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BackendInfo, startBackend } from '../../src/backend/backend.ts';
import { type DataConfig, type RunSpec, runHash } from '../../src/config/config.ts';
import { countFlops, countParams } from '../../src/model/size.ts';
import type { RunPlan, TrainJob } from '../../src/train/train.ts';

const DATA: DataConfig = {
  corpus: 'zipf-lexicon',
  tail: 0.5,
  alphabet: 64,
  lexicon_size: 2 ** 40,
  language_seed: 0,
  val_tokens: 4096,
};

/** A run of `num_steps` steps of a model of width 8; anything can be overridden. */
export function tinySpec(num_steps: number, overrides: Partial<RunSpec> = {}): RunSpec {
  const batch_size = 4;
  const model = {
    n_layer: 1,
    n_head: 1,
    d_model: 8,
    d_ff: 32,
    n_ctx: 16,
    vocab_size: 64,
    tie_embeddings: false,
    bias: false,
    init_std: 0.02,
    embedding_init_std: 0.2,
  };
  return {
    model,
    data: DATA,
    corpus_sha256: '0',
    tokenizer_sha256: '0',
    batch_size,
    num_steps,
    num_tokens: num_steps * batch_size * model.n_ctx,
    optimizer: { learning_rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 },
    schedule: { kind: 'cosine', warmup_steps: 2, horizon_steps: num_steps, decay_steps: 1, final_fraction: 0.02 },
    eval: { eval_tokens: 512, num_evals: 3 },
    init_seed: 0,
    data_seed: 0,
    ...overrides,
  };
}

/** The plan of one run, as the planner would make it. */
function planOf(spec: RunSpec): RunPlan {
  return {
    run_id: 'tiny',
    config_hash: runHash(spec),
    sweep: 'test',
    group: 'tiny',
    spec,
    num_params: countParams(spec.model, 64),
    flops: countFlops(spec.model, spec.num_tokens),
    unique_tokens: null,
    budget_flops: null,
    budget_counting: null,
  };
}

/** A job in `folder/run`; nothing stops it and nobody listens, unless overridden. */
export function jobIn(
  folder: string,
  spec: RunSpec,
  backend: BackendInfo,
  overrides: Partial<TrainJob> = {},
): TrainJob {
  return {
    run: planOf(spec),
    run_dir: path.join(folder, 'run'),
    cache_dir: path.join(folder, 'corpora'),
    backend,
    checkpoint_seconds: 1e6,
    should_stop: () => null,
    onProgress: () => {},
    ...overrides,
  };
}

/** A temporary folder and the call that removes it. */
export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'scaling-lab-test-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export { startBackend };

/** @file A whole, valid RunRecord to start a test from, and a sweep's folder made of such records. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunRecord } from '../../src/log/record.ts';

/** A finished run of a small model; `changes` replace whole top-level fields. */
export function makeRecord(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    schema_version: 1,
    run_id: 'a1b2c3d4e5f6',
    config_hash: '0f'.repeat(32),
    sweep: 'pilot',
    group: 'isoflop',
    status: 'finished',
    error: null,
    spec: { data: { corpus: 'zipf-lexicon', tail: 0.5 }, init_seed: 0 },
    model: { n_layer: 2, n_head: 2, d_model: 32, d_ff: 128, n_ctx: 64, vocab_size: 64, tie_embeddings: false },
    num_params: {
      total: 31_008,
      token_embedding: 2048,
      position_embedding: 2048,
      transformer: 24_576,
      norm_and_bias: 288,
      lm_head: 2048,
      non_embedding: 24_576,
      non_embedding_head: 26_624,
      live: 31_008,
    },
    num_tokens: 1_048_576,
    unique_tokens: null,
    epochs: null,
    batch_size: 16,
    num_steps: 1024,
    flops: { six_n_total: 1.95e11, six_n_non_embedding: 1.55e11, exact: 1.8e11 },
    budget_flops: 1.95e11,
    budget_counting: 'six_n_total',
    optimizer: {
      name: 'adamw',
      learning_rate: 0.004,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weight_decay: 0,
      grad_clip: 1,
    },
    schedule: { kind: 'cosine', warmup_steps: 20, horizon_steps: 1024, final_fraction: 0.02 },
    init_seed: 0,
    data_seed: 0,
    step: 1024,
    val_loss: 0.8231,
    val_bpb: null,
    ood_loss: null,
    ood_bpb: null,
    train_loss: 0.8312,
    eval_curve: [
      { step: 64, tokens: 65_536, val_loss: 2.9 },
      { step: 1024, tokens: 1_048_576, val_loss: 0.8231 },
    ],
    entropy_nats: 0.40226,
    true_val_loss: 0.40647,
    train_seconds: 12.5,
    wall_seconds: 14,
    tokens_per_second: 83_886,
    num_resumes: 0,
    backend: 'wasm',
    device: 'WebAssembly SIMD, one thread',
    versions: { node: '20.20.2', '@tensorflow/tfjs': '4.22.0' },
    git: { commit: 'c0ffee'.repeat(6).concat('c0ff'), dirty: false },
    host: { platform: 'linux', arch: 'x64', cpu: 'Some CPU @ 2.00GHz', num_cores: 2 },
    corpus: { name: 'zipf-lexicon', sha256: 'ab'.repeat(32), tokenizer: 'symbols', tokenizer_sha256: 'cd'.repeat(32) },
    started_at: '2026-01-02T03:04:05.678Z',
    updated_at: '2026-01-02T03:04:20.000Z',
    ...changes,
  };
}

/** A fresh folder, removed when the test ends. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'scaling-lab-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A sweep's folder with a run.json for each of `records` and, where given, a plan.json of `planned`. */
export function makeSweepFolder(records: RunRecord[], planned?: { run_id: string; [key: string]: unknown }[]): string {
  const dir = temporaryFolder();
  for (const record of records) {
    mkdirSync(join(dir, record.run_id), { recursive: true });
    writeFileSync(join(dir, record.run_id, 'run.json'), JSON.stringify(record));
  }
  if (planned) writeFileSync(join(dir, 'plan.json'), JSON.stringify({ schema_version: 1, runs: planned }));
  return dir;
}

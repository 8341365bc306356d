/** @file A small made-up study for the report's tests: a law that is known, runs on an isoFLOP grid, their records. */
import type { RunRecord } from '../../src/log/record.ts';
import type { Valley } from '../../src/report/report.ts';

export const ENTROPY = 0.4;

/** `E + A / N^.5 + B / D^.4` in nats a token. */
export const law = (N: number, D: number): number => ENTROPY + 60 / N ** 0.5 + 220 / D ** 0.4;

export interface SampleRun {
  N: number;
  D: number;
  C: number;
  L: number;
}

export const BUDGETS = [1e10, 4e10, 1.6e11];

/** Four sizes a budget around `N_opt ~ C^.444`, with a deterministic wiggle of 1% in the loss. */
export const RUNS: SampleRun[] = BUDGETS.flatMap((C, i) =>
  [0.4, 0.8, 1.6, 3.2].map((share, j) => {
    const N = Math.round(share * 4500 * (C / 1e10) ** 0.444);
    const D = C / (6 * N);
    return { N, D, C, L: law(N, D) * (1 + 0.01 * Math.sin(7 * i + 3 * j)) };
  }),
);

/** Eight evaluations of a run at log-spaced tokens. */
export const curve = ({ D, N }: SampleRun): { tokens: number; loss: number }[] =>
  Array.from({ length: 8 }, (_, i) => D * 2 ** (i - 7)).map((tokens) => ({ tokens, loss: law(N, tokens) }));

/** Points within 1% of a parabola whose minimum is at `N_opt`; the last budget's is said not to be interior. */
export const VALLEYS: Valley[] = BUDGETS.map((C, i) => {
  const center = Math.log(4500 * (C / 1e10) ** 0.444);
  const lowest = 2.2 - 0.4 * i;
  const parabola = [lowest + 0.1 * center ** 2, -0.2 * center, 0.1] as const;
  const points = RUNS.filter((r) => r.C === C).map(({ N }, j) => {
    const x = Math.log(N);
    return { N, L: (parabola[0] + parabola[1] * x + parabola[2] * x * x) * (1 + 0.008 * Math.sin(5 * i + 3 * j)) };
  });
  return { C, points, parabola, minimum: { N: Math.exp(center), L: lowest, isInterior: i < 2 } };
});

export function record(run: SampleRun, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    schema_version: 1,
    run_id: `run-${run.N}-${run.C.toExponential(0)}`,
    config_hash: 'c0ffee',
    sweep: 'sample',
    group: 'lexicon',
    status: 'finished',
    error: null,
    spec: {},
    model: { n_layer: 2, n_head: 1, d_model: 16, d_ff: 64, n_ctx: 64, vocab_size: 64, tie_embeddings: false },
    num_params: {
      total: run.N,
      token_embedding: 0,
      position_embedding: 0,
      transformer: run.N,
      norm_and_bias: 0,
      lm_head: 0,
      non_embedding: run.N,
      non_embedding_head: run.N,
      live: run.N,
    },
    num_tokens: run.D,
    unique_tokens: null,
    epochs: null,
    batch_size: 8,
    num_steps: 100,
    flops: { six_n_total: run.C, six_n_non_embedding: run.C, exact: run.C },
    budget_flops: run.C,
    budget_counting: 'six_n_total',
    optimizer: {
      name: 'adamw',
      learning_rate: 0.012,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weight_decay: 0,
      grad_clip: 1,
    },
    schedule: { kind: 'cosine', warmup_steps: 2, horizon_steps: 100, final_fraction: 0.02 },
    init_seed: 0,
    data_seed: 0,
    step: 100,
    val_loss: run.L,
    val_bpb: null,
    ood_loss: null,
    ood_bpb: null,
    train_loss: run.L,
    eval_curve: [],
    entropy_nats: ENTROPY,
    true_val_loss: null,
    train_seconds: 12,
    wall_seconds: 13,
    tokens_per_second: 45_000,
    num_resumes: 0,
    backend: 'wasm',
    device: 'wasm, SIMD',
    versions: { node: '20.20.2' },
    git: { commit: '0123abcd', dirty: false },
    host: { platform: 'linux', arch: 'x64', cpu: 'a CPU', num_cores: 2 },
    corpus: { name: 'zipf-lexicon', sha256: 'ab'.repeat(32), tokenizer: 'symbols', tokenizer_sha256: 'cd'.repeat(32) },
    started_at: '2025-01-01T00:00:00Z',
    updated_at: '2025-01-01T00:01:00Z',
    ...changes,
  };
}

/** @file A sweep of thousands of planned runs, nearly all of them trained, as a sweep leaves it: for tests of scale.
 * The plan is the lab's own for a grid of sizes x tokens x seeds, so that `sweep` takes the runs for its own; losses lie
 * on a Chinchilla surface with noise, so that `fit` has something to find; each log has the rows that its run logs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { openCorpus } from '../../src/data/data.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { writePlanFile } from '../../src/log/log.ts';
import { loggedRows } from '../../src/log/logged-steps.ts';
import type { RunRecord } from '../../src/log/record.ts';
import { type PlannedRun, planStudy } from '../../src/plan/plan.ts';
import { makeRecord } from './run-record.ts';

/** The surface under the records. */
export const TRUE_LAW = { E: 0.4, A: 12, alpha: 0.5, B: 9, beta: 0.4, noise: 0.003 };

const NUM_SIZES = 20;
const NUM_TOKEN_COUNTS = 25;

export interface ManyRuns {
  /** The study file. */
  config: string;
  /** The sweep's folder. */
  dir: string;
  num_runs: number;
  /** Runs without a record, the smallest ones of the last seeds. */
  num_left: number;
}

/** A study of `num_seeds` x 500 runs of 2 to 26 steps. */
const study = (num_seeds: number) => `name: many
model: { n_layer: 1, n_ctx: 16, d_head: 8 }
data: { corpus: zipf-lexicon, alphabet: 8, val_tokens: 1024 }
train: { batch_tokens: 32, learning_rate: 0.01, eval_tokens: 256, num_evals: 2 }
sweeps:
  - name: many
    grid:
      model.d_model: [${Array.from({ length: NUM_SIZES }, (_, i) => 8 + 4 * i)}]
      train.num_tokens: [${Array.from({ length: NUM_TOKEN_COUNTS }, (_, i) => 64 + 32 * i)}]
    seeds: [${Array.from({ length: num_seeds }, (_, i) => i)}]
`;

/** Writes study, plan and records into `folder`; `num_left` runs have none. */
export async function makeManyRuns(folder: string, { num_seeds = 20, num_left = 10 } = {}): Promise<ManyRuns> {
  const file = path.join(folder, 'many.yaml');
  writeFileSync(file, study(num_seeds));
  const { config } = loadConfig([file]);
  const { facts } = await openCorpus(config.data, { n_ctx: config.model.n_ctx, cache_dir: folder });
  const plan = planStudy(config, () => facts);
  const dir = path.join(folder, 'runs', config.name);
  mkdirSync(dir, { recursive: true });
  writePlanFile(dir, plan);
  const random = rngStream(0, 'noise');
  for (const run of plan.runs.slice(0, plan.runs.length - num_left)) {
    const run_dir = path.join(dir, run.run_id);
    mkdirSync(run_dir);
    const record = trained(run, Math.exp(TRUE_LAW.noise * normal(random)));
    writeFileSync(path.join(run_dir, 'run.json'), `${JSON.stringify(record, null, 2)}\n`);
    writeFileSync(path.join(run_dir, 'metrics.jsonl'), rows(record).join(''));
  }
  return { config: file, dir, num_runs: plan.runs.length, num_left };
}

/** The record of a planned run after its last step. */
function trained(run: PlannedRun, noise: number): RunRecord {
  const { run_id, config_hash, sweep, group, spec, num_params, flops, budget_flops, budget_counting } = run;
  const { model, num_tokens, batch_size, num_steps, optimizer, schedule, init_seed, data_seed } = spec;
  const { E, A, alpha, B, beta } = TRUE_LAW;
  const lossAt = (D: number) => (E + A / num_params.total ** alpha + B / D ** beta) * noise;
  const evals = loggedRows(num_steps, spec.eval.num_evals).filter(({ kind }) => kind === 'eval');
  const val_loss = lossAt(num_tokens);
  return makeRecord({
    ...{
      run_id,
      config_hash,
      sweep,
      group,
      spec: { ...spec },
      model: { ...model },
      num_params,
      flops,
      budget_flops,
      budget_counting,
    },
    ...{
      num_tokens,
      batch_size,
      num_steps,
      schedule: { ...schedule },
      init_seed,
      data_seed,
      step: num_steps,
      val_loss,
    },
    optimizer: { name: 'adamw', ...optimizer },
    train_loss: val_loss,
    eval_curve: evals.map(({ step }) => {
      const tokens = (num_tokens / num_steps) * step;
      return { step, tokens, val_loss: lossAt(tokens) };
    }),
    entropy_nats: run.entropy_nats,
    true_val_loss: run.entropy_nats,
    corpus: {
      name: run.corpus_name,
      sha256: spec.corpus_sha256,
      tokenizer: run.tokenizer_name,
      tokenizer_sha256: spec.tokenizer_sha256,
    },
  });
}

/** The lines of its log. */
function rows({ spec, num_steps, num_tokens, eval_curve, train_loss }: RunRecord): string[] {
  const { num_evals } = (spec as unknown as PlannedRun['spec']).eval;
  return loggedRows(num_steps, num_evals).map(({ kind, step }) => {
    const loss = kind === 'eval' ? eval_curve.find((point) => point.step === step)!.val_loss : train_loss;
    const tokens = (num_tokens / num_steps) * step;
    const speed = { learning_rate: 0.01, grad_norm: 0.7315264940261841, tokens_per_second: 83_886.0812345 };
    return `${JSON.stringify({ kind, step, tokens, loss, ...(kind === 'train' ? speed : {}) })}\n`;
  });
}

/** Writes `num_rows` rows of one long run into its folder `dir`. */
export function writeLongLog(dir: string, num_rows: number): void {
  mkdirSync(dir, { recursive: true });
  const block: string[] = [];
  const file = path.join(dir, 'metrics.jsonl');
  writeFileSync(file, '');
  for (let step = 1; step <= num_rows; step++) {
    const row = { kind: 'train', step, tokens: 4096 * step, loss: 2 + 1 / step, learning_rate: 0.003 / step };
    block.push(`${JSON.stringify({ ...row, grad_norm: 1 / (step + 3), tokens_per_second: 83_886 + 1 / step })}\n`);
    if (block.length === 10_000 || step === num_rows) writeFileSync(file, block.splice(0).join(''), { flag: 'a' });
  }
}

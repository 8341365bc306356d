/** @file The record of a run that ended without its trainer: its worker crashed, hung or was killed.
 * Where the trainer got as far as run.json only status and reason change, so that what it logged stays. Where it did
 * not, the record is made from the plan: identity and counts, no results.
 */
import { captureEnvironment, readRecord } from '../log/log.ts';
import { type RunRecord, type RunStatus, SCHEMA_VERSION } from '../log/record.ts';
import type { PlannedRun } from '../plan/plan.ts';

/** What run.json of `run` under `run_dir` should say now that it ended as `status` because of `error`. Throws `storage`
 * where the run.json that is there is damaged. */
export function endedRecord(run: PlannedRun, run_dir: string, status: RunStatus, error: string): RunRecord {
  const updated_at = new Date().toISOString();
  return { ...(readRecord(run_dir) ?? plannedRecord(run, updated_at)), status, error, updated_at };
}

/** The record of a run that never took a step. */
function plannedRecord(run: PlannedRun, started_at: string): RunRecord {
  const { spec } = run;
  return {
    schema_version: SCHEMA_VERSION,
    run_id: run.run_id,
    config_hash: run.config_hash,
    sweep: run.sweep,
    group: run.group,
    status: 'planned',
    error: null,
    spec: { ...spec },
    model: { ...spec.model },
    num_params: run.num_params,
    num_tokens: spec.num_tokens,
    unique_tokens: run.unique_tokens,
    epochs: run.unique_tokens === null ? null : spec.num_tokens / run.unique_tokens,
    batch_size: spec.batch_size,
    num_steps: spec.num_steps,
    flops: run.flops,
    budget_flops: run.budget_flops,
    budget_counting: run.budget_counting,
    optimizer: { name: 'adamw', ...spec.optimizer },
    schedule: { ...spec.schedule },
    init_seed: spec.init_seed,
    data_seed: spec.data_seed,
    step: 0,
    val_loss: null,
    val_bpb: null,
    ood_loss: null,
    ood_bpb: null,
    train_loss: null,
    eval_curve: [],
    entropy_nats: run.entropy_nats,
    true_val_loss: null,
    train_seconds: 0,
    wall_seconds: 0,
    tokens_per_second: null,
    num_resumes: 0,
    backend: '',
    device: '',
    gpu: null,
    ...captureEnvironment(),
    corpus: {
      name: run.corpus_name,
      sha256: spec.corpus_sha256,
      tokenizer: run.tokenizer_name,
      tokenizer_sha256: spec.tokenizer_sha256,
    },
    started_at,
    updated_at: started_at,
  };
}

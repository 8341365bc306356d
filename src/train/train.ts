/** @file One run, from its first step or its last checkpoint to its record: the door of `train/`.
 * Writes metrics.jsonl, checkpoints and run.json into the run's folder. A loss that is not finite ends the run as
 * `diverged`; a stop request ends it with a checkpoint. Given the same spec, backend and instruction set, the
 * losses are bit for bit the same, however often the run was stopped and resumed.
 */
import { setImmediate } from 'node:timers/promises';
import { type BackendInfo, freeMemory, settleBackend } from '../backend/backend.ts';
import type { RunSpec } from '../config/config.ts';
import { type Corpus, type OutOfDomainWindows, openCorpus } from '../data/data.ts';
import {
  type CheckpointState,
  captureEnvironment,
  evalSteps,
  latestCheckpoint,
  logInterval,
  RunWriter,
  writeCheckpoint,
} from '../log/log.ts';
import { type Flops, type NumParams, type RunRecord, type RunStatus, SCHEMA_VERSION } from '../log/record.ts';
import { registerOps } from '../model/gpt.ts';
import { tf } from '../tf.ts';

export { type BenchModel, type BenchShape, benchBackend } from './bench.ts';

import { evaluate, type ValidationWindows } from './evaluate.ts';
import { learningRateAt } from './schedule.ts';
import { createState, restoreState, storeState, type TrainState, takeLossSum, trainStep } from './state.ts';

/** What training needs of a planned run: its spec, and what its record repeats. */
export interface RunPlan {
  run_id: string;
  config_hash: string;
  sweep: string;
  group: string;
  spec: RunSpec;
  num_params: NumParams;
  flops: Flops;
  unique_tokens: number | null;
  budget_flops: number | null;
  budget_counting: string | null;
}

/** Where a run stands. Losses are nats a token, null where there is none yet or it is not finite. */
export interface TrainProgress {
  step: number;
  num_steps: number;
  tokens: number;
  train_loss: number | null;
  val_loss: number | null;
  tokens_per_second: number | null;
}

export interface TrainJob {
  run: RunPlan;
  /** Folder of the run; made if absent. */
  run_dir: string;
  /** Where prepared corpora are kept. */
  cache_dir: string;
  backend: BackendInfo;
  /** The GPU of `backend`; default null: it computes on a CPU. */
  gpu?: RunRecord['gpu'];
  /** Seconds between checkpoints; the last step is always checkpointed. */
  checkpoint_seconds: number;
  /** Asked after every step; a status ends the run there, checkpointed. */
  should_stop: () => 'preempted' | 'cancelled' | null;
  onProgress: (progress: TrainProgress) => void;
  /** Told of a damaged checkpoint that was passed over, or of repeated data. */
  onWarning?: (message: string) => void;
}

/** Milliseconds of training after which the event loop gets a turn (stop requests and heartbeats arrive there). */
const TURN_MS = 50;

const finiteOrNull = (x: number) => (Number.isFinite(x) ? x : null);

/** Trains one run to its end, to a stop request or to divergence, and returns its record, which is also in run.json.
 * Throws `storage` where the folder cannot be written, `usage` where a checkpoint does not belong to this run or
 * backend, and what the corpus throws; the record then still says `running`, for the caller to settle. */
export async function trainRun(job: TrainJob): Promise<RunRecord> {
  registerOps(job.backend.tfjs_name);
  const corpus = await cachedCorpus(job);
  const writer = new RunWriter(job.run_dir);
  const run = startRun(job, corpus, writer);
  try {
    writer.writeRecord(recordOf(run, 'running', null));
    const status = await trainLoop(run);
    const ended = recordOf(run, status, status === 'finished' ? await outOfDomainLoss(run) : null);
    const is_over = status === 'finished' || status === 'diverged';
    const record = is_over ? { ...ended, metrics_sha256: writer.metricsSha256() } : ended;
    writer.flush();
    writer.writeRecord(record);
    return record;
  } catch (error) {
    // A device that fails breaks whatever waits for it; its own reason is the one to tell.
    await settleBackend();
    throw error;
  } finally {
    tf.dispose(run.state as unknown as tf.TensorContainer);
    freeMemory();
    // Last, since a full disk lets it throw.
    writer.close();
  }
}

/** The corpus of the last run in this process: the runs of a sweep mostly share one. */
let lastCorpus: { key: string; corpus: Promise<Corpus> } | undefined;

function cachedCorpus({ run, cache_dir }: TrainJob): Promise<Corpus> {
  const { n_ctx } = run.spec.model;
  const key = JSON.stringify([run.spec.data, n_ctx, cache_dir]);
  if (lastCorpus?.key !== key) {
    const corpus = openCorpus(run.spec.data, { n_ctx, cache_dir });
    lastCorpus = { key, corpus };
    corpus.catch(() => {
      lastCorpus = undefined;
    });
  }
  return lastCorpus.corpus;
}

/** A run in progress. `done` is what a checkpoint stores beside the tensors. */
interface ActiveRun {
  job: TrainJob;
  corpus: Corpus;
  windows: ValidationWindows;
  /** Windows of another text, scored once at the end. */
  ood: OutOfDomainWindows | null;
  writer: RunWriter;
  state: TrainState;
  done: CheckpointState;
  started_at: string;
  startedMs: number;
  /** Wall seconds of earlier processes. */
  earlierSeconds: number;
  error: string | null;
}

function startRun(job: TrainJob, corpus: Corpus, writer: RunWriter): ActiveRun {
  const { spec, config_hash } = job.run;
  const { name: backend, instruction_set } = job.backend;
  const warnings: string[] = [];
  const checkpoint = latestCheckpoint(job.run_dir, { config_hash, backend, instruction_set }, warnings);
  for (const warning of warnings) job.onWarning?.(warning);
  writer.truncateMetrics(checkpoint?.state.metrics_bytes ?? 0);
  const fresh: CheckpointState = {
    step: 0,
    config_hash,
    backend,
    instruction_set,
    metrics_bytes: 0,
    loss_sum: 0,
    train_loss: null,
    eval_curve: [],
    train_seconds: 0,
    wall_seconds: 0,
    num_resumes: 0,
  };
  const done = checkpoint ? { ...checkpoint.state, num_resumes: checkpoint.state.num_resumes + 1 } : fresh;
  return {
    job,
    corpus,
    windows: corpus.validation({ eval_tokens: spec.eval.eval_tokens }),
    ood: corpus.out_of_domain({ eval_tokens: spec.eval.eval_tokens }),
    writer,
    state: checkpoint
      ? restoreState(spec.model, checkpoint.tensors, checkpoint.state.loss_sum)
      : createState(spec.model, spec.init_seed),
    done,
    started_at: new Date().toISOString(),
    startedMs: performance.now(),
    earlierSeconds: done.wall_seconds,
    error: null,
  };
}

/** Steps until the run ends; returns its status. */
async function trainLoop(run: ActiveRun): Promise<RunStatus> {
  const { job, done } = run;
  const { spec } = job.run;
  const evals = new Set(evalSteps(spec.num_steps, spec.eval.num_evals));
  const rowEvery = logInterval(spec.num_steps);
  let turnMs = performance.now();
  let savedMs = performance.now();

  while (done.step < spec.num_steps) {
    stepOnce(run);
    const is_eval = evals.has(done.step);
    if ((done.step % rowEvery === 0 || is_eval) && !(await logTrainRow(run))) return 'diverged';
    if (is_eval && !(await logEvalRow(run))) return 'diverged';
    const stop = job.should_stop();
    const now = performance.now();
    if (stop || done.step === spec.num_steps || now - savedMs > 1000 * job.checkpoint_seconds) {
      await saveCheckpoint(run);
      savedMs = performance.now();
    }
    if (stop && done.step < spec.num_steps) return stop;
    if (now - turnMs > TURN_MS) {
      await settleBackend();
      await setImmediate();
      turnMs = performance.now();
    }
  }
  return 'finished';
}

function stepOnce({ job, corpus, state, done }: ActiveRun): void {
  const { model, optimizer, schedule, batch_size, data_seed, unique_tokens } = job.run.spec;
  const startMs = performance.now();
  const batch = corpus.batch({ seed: data_seed, step: done.step, batch_size, unique_tokens });
  const step = done.step + 1;
  const learning_rate = learningRateAt(step, optimizer.learning_rate, schedule);
  trainStep(state, model, batch, { optimizer, learning_rate, step });
  done.step = step;
  done.train_seconds += (performance.now() - startMs) / 1000;
}

/** Rows between two train rows differ where an evaluation falls between: the mean is over the steps since the last. */
function stepsSinceRow({ job, done }: ActiveRun): number {
  const { num_steps, eval: spec } = job.run.spec;
  const every = logInterval(num_steps);
  const rows = evalSteps(num_steps, spec.num_evals).filter((step) => step < done.step);
  const lastEval = rows.at(-1) ?? 0;
  const lastRegular = Math.floor((done.step - 1) / every) * every;
  return done.step - Math.max(lastEval, lastRegular);
}

const tokensDone = ({ job, done }: ActiveRun) => done.step * job.run.spec.batch_size * job.run.spec.model.n_ctx;

/** Reads the loss back and logs it; false when it is not finite. */
async function logTrainRow(run: ActiveRun): Promise<boolean> {
  const { job, done, writer, state } = run;
  const { optimizer, schedule, num_steps } = job.run.spec;
  const startMs = performance.now();
  const { loss_sum, grad_norm } = await takeLossSum(state);
  done.train_seconds += (performance.now() - startMs) / 1000;
  const loss = loss_sum / stepsSinceRow(run);
  const tokens = tokensDone(run);
  const tokens_per_second = tokens / done.train_seconds;
  const learning_rate = learningRateAt(done.step, optimizer.learning_rate, schedule);
  writer.appendMetric({ kind: 'train', step: done.step, tokens, loss, learning_rate, grad_norm, tokens_per_second });
  done.train_loss = finiteOrNull(loss);
  job.onProgress({
    step: done.step,
    num_steps,
    tokens,
    train_loss: done.train_loss,
    val_loss: done.eval_curve.at(-1)?.val_loss ?? null,
    tokens_per_second,
  });
  if (!Number.isFinite(loss)) run.error = `training loss is ${loss} at step ${done.step}`;
  return Number.isFinite(loss);
}

/** Evaluates and logs; false when the loss is not finite. */
async function logEvalRow(run: ActiveRun): Promise<boolean> {
  const { job, done, writer, state } = run;
  const val_loss = await evaluate(state.params, job.run.spec.model, run.windows);
  const tokens = tokensDone(run);
  writer.appendMetric({ kind: 'eval', step: done.step, tokens, loss: val_loss });
  done.eval_curve = [...done.eval_curve, { step: done.step, tokens, val_loss: finiteOrNull(val_loss) }];
  if (!Number.isFinite(val_loss)) run.error = `validation loss is ${val_loss} at step ${done.step}`;
  return Number.isFinite(val_loss);
}

const wallSeconds = (run: ActiveRun) => run.earlierSeconds + (performance.now() - run.startedMs) / 1000;

async function saveCheckpoint(run: ActiveRun): Promise<void> {
  const { job, done, state, writer } = run;
  // What a failed device computed must not be kept.
  await settleBackend();
  done.metrics_bytes = writer.metricsLength();
  done.loss_sum = (await state.loss_sum.data())[0]!;
  done.wall_seconds = wallSeconds(run);
  writeCheckpoint(job.run_dir, { state: done, tensors: await storeState(state) });
}

/** Nats a token as bits a byte; null where either is not known. */
function bitsPerByte(loss: number | null, bytes_per_token: number | null): number | null {
  return loss !== null && bytes_per_token ? loss / Math.LN2 / bytes_per_token : null;
}

/** Loss of the finished model on the other text; null for a synthetic language. */
async function outOfDomainLoss({ job, state, ood }: ActiveRun): Promise<number | null> {
  return ood && finiteOrNull(await evaluate(state.params, job.run.spec.model, ood));
}

function recordOf(run: ActiveRun, status: RunStatus, ood: number | null): RunRecord {
  const { job, corpus, done } = run;
  const { spec, ...plan } = job.run;
  const environment = captureEnvironment();
  const val_loss = status === 'finished' ? (done.eval_curve.at(-1)?.val_loss ?? null) : null;
  const { bytes_per_token, entropy_nats } = corpus.facts;
  const { init_std, embedding_init_std, bias, ...model } = spec.model;
  const now = new Date().toISOString();
  return {
    schema_version: SCHEMA_VERSION,
    run_id: plan.run_id,
    config_hash: plan.config_hash,
    sweep: plan.sweep,
    group: plan.group,
    status,
    error: run.error,
    spec: spec as unknown as Record<string, unknown>,
    model: { ...model, bias, init_std, embedding_init_std },
    num_params: plan.num_params,
    num_tokens: spec.num_tokens,
    unique_tokens: plan.unique_tokens,
    epochs: plan.unique_tokens === null ? null : spec.num_tokens / plan.unique_tokens,
    batch_size: spec.batch_size,
    num_steps: spec.num_steps,
    flops: plan.flops,
    budget_flops: plan.budget_flops,
    budget_counting: plan.budget_counting,
    optimizer: { name: 'adamw', ...spec.optimizer },
    schedule: { ...spec.schedule },
    init_seed: spec.init_seed,
    data_seed: spec.data_seed,
    step: done.step,
    val_loss,
    val_bpb: bitsPerByte(val_loss, bytes_per_token),
    ood_loss: ood,
    ood_bpb: bitsPerByte(ood, run.ood?.bytes_per_token ?? null),
    train_loss: done.train_loss,
    eval_curve: done.eval_curve,
    entropy_nats,
    true_val_loss: corpus.true_val_loss(spec.eval.eval_tokens),
    train_seconds: done.train_seconds,
    wall_seconds: wallSeconds(run),
    tokens_per_second: done.train_seconds > 0 ? tokensDone(run) / done.train_seconds : null,
    num_resumes: done.num_resumes,
    backend: job.backend.name,
    device: job.backend.device,
    gpu: job.gpu ?? null,
    ...(job.backend.matmul_precision ? { matmul_precision: job.backend.matmul_precision } : {}),
    versions: { ...environment.versions, ...job.backend.versions },
    git: environment.git,
    host: environment.host,
    corpus: {
      name: corpus.name,
      sha256: spec.corpus_sha256,
      tokenizer: corpus.tokenizer_name,
      tokenizer_sha256: spec.tokenizer_sha256,
    },
    started_at: run.started_at,
    updated_at: now,
  };
}

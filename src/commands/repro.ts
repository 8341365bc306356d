/** @file `repro RUN`: trains a recorded run again, in a temporary folder, and says where it first differs.
 * It stops at the first training loss that differs. The recorded run is only read.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BackendInfo, startBackend } from '../backend/backend.ts';
import type { RunSpec } from '../config/config.ts';
import { openCorpus } from '../data/data.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatDuration } from '../lib/format.ts';
import {
  type Checkpoint,
  captureEnvironment,
  type Difference,
  firstDifference,
  listCheckpoints,
  readCheckpoint,
  readMetrics,
  recordDifference,
  weightDifference,
} from '../log/log.ts';
import { type RunRecord, SCHEMA_VERSION } from '../log/record.ts';
import { trainRun } from '../train/train.ts';
import type { OutputOptions } from './options.ts';
import { note, printResult } from './output.ts';
import { corpusCache } from './plan-study.ts';
import { changesSince } from './repro-changes.ts';
import { findRecorded, type RecordedRun } from './repro-source.ts';

export interface ReproOptions extends OutputOptions {
  backend?: string;
  threads?: number;
  adapter?: string;
}

/** Seconds between two lines of progress. */
const PROGRESS_SECONDS = 10;

/** What a repetition gave. */
interface Repetition {
  /** Rows of the log that are the same; 0 where the recorded run has no log. */
  num_rows_same: number;
  num_evals_same: number;
  /** Step of the checkpoint whose weights are the same; null where there was none to compare. */
  weights_same_at: number | null;
  difference: Difference | null;
  /** The signal that stopped the repetition before it was done; null where none did. */
  stopped_by: 'SIGINT' | 'SIGTERM' | null;
}

/** Trains the run that `source` and `run_id` name once more. Exits 0 where all is the same bits, 9 where not, 130 or 143
 * when stopped. Throws `usage`, `no_backend`, `storage`. */
export async function reproCommand(source: string, run_id: string | undefined, options: ReproOptions): Promise<number> {
  const startMs = performance.now();
  const recorded = findRecorded(source, run_id);
  const { record, spec, run_dir } = recorded;
  await requireCorpus(spec);
  const backend = await backendFor(record, options);
  const last = run_dir === null ? null : wholeCheckpoint(run_dir);
  const changes = changesSince(record, backend, captureEnvironment(), last?.state.instruction_set ?? null);
  for (const change of changes) note(options, change);
  const found = await repeat(recorded, { backend, last, options });
  if (found.stopped_by !== null && found.difference === null)
    return found.stopped_by === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  const seconds = (performance.now() - startMs) / 1000;
  const is_same = found.difference === null;
  const value = { schema_version: SCHEMA_VERSION, run_id: record.run_id, is_same, ...found, changes, seconds };
  printResult(options, value, () => describe(record, found, changes, seconds));
  return is_same ? EXIT.ok : EXIT.differs;
}

/** The text that is there must be the text that was. */
async function requireCorpus(spec: RunSpec): Promise<void> {
  const { facts } = await openCorpus(spec.data, { n_ctx: spec.model.n_ctx, cache_dir: corpusCache() });
  for (const what of ['corpus_sha256', 'tokenizer_sha256'] as const) {
    if (facts[what] === spec[what]) continue;
    const { corpus } = spec.data;
    throw new LabError(
      'usage',
      `corpus ${corpus} is not the recorded one: its ${what} is ${facts[what]}, not ${spec[what]}`,
    );
  }
}

async function backendFor(record: RunRecord, { backend = record.backend, threads, adapter }: ReproOptions) {
  try {
    return await startBackend(backend, { threads, adapter });
  } catch (error) {
    if (!(error instanceof LabError) || error.exit !== 'no_backend' || backend !== record.backend) throw error;
    const other = 'with --backend NAME it is trained on another one, whose bits differ';
    throw new LabError('no_backend', `${error.message}\nthe run was trained on ${backend}; ${other}`, { cause: error });
  }
}

/** The latest checkpoint in `dir` that is whole. */
function wholeCheckpoint(dir: string): Checkpoint | null {
  for (const { path: file } of listCheckpoints(dir)) {
    try {
      return readCheckpoint(file);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
    }
  }
  return null;
}

async function repeat(
  { record, spec, run_dir }: RecordedRun,
  { backend, last, options }: { backend: BackendInfo; last: Checkpoint | null; options: ReproOptions },
): Promise<Repetition> {
  const folder = mkdtempSync(path.join(tmpdir(), 'scaling-lab-repro-'));
  const rows = run_dir === null ? [] : [...readMetrics(run_dir)];
  const losses = new Map(rows.filter(({ kind }) => kind === 'train').map(({ step, loss }) => [step, loss]));
  // A run that was cut short is repeated as far as it got.
  const is_over = record.status === 'finished' || record.status === 'diverged';
  const reached = Math.max(rows.at(-1)?.step ?? 0, record.eval_curve.at(-1)?.step ?? 0, last?.state.step ?? 0);
  let step = 0;
  let has_differed = false;
  let stopped_by: Repetition['stopped_by'] = null;
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    stopped_by = signal;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let nextMs = performance.now() + 1000 * PROGRESS_SECONDS;
  try {
    const repeated = await trainRun({
      run: { ...planOf(record), spec },
      run_dir: folder,
      cache_dir: corpusCache(),
      backend,
      checkpoint_seconds: 1e9,
      should_stop: () => {
        step++;
        return stopped_by !== null || has_differed || (!is_over && step >= reached) ? 'cancelled' : null;
      },
      onProgress: ({ step: at, train_loss, num_steps }) => {
        if (losses.has(at) && losses.get(at) !== train_loss) has_differed = true;
        if (performance.now() < nextMs) return;
        nextMs = performance.now() + 1000 * PROGRESS_SECONDS;
        note(options, `step ${at} of ${num_steps}`);
      },
      onWarning: (message) => note(options, `warning: ${message}`),
    });
    return compare(record, { rows, last }, { repeated, folder, stopped_by });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    rmSync(folder, { recursive: true, force: true });
  }
}

const planOf = (record: RunRecord) => {
  const { run_id, config_hash, sweep, group, num_params, flops, unique_tokens, budget_flops, budget_counting } = record;
  return { run_id, config_hash, sweep, group, num_params, flops, unique_tokens, budget_flops, budget_counting };
};

function compare(
  record: RunRecord,
  { rows, last }: { rows: Parameters<typeof firstDifference>[0]; last: Checkpoint | null },
  { repeated, folder, stopped_by }: { repeated: RunRecord; folder: string; stopped_by: Repetition['stopped_by'] },
): Repetition {
  const found = firstDifference(rows, readMetrics(folder));
  const num_evals_same = record.eval_curve.filter(
    ({ step, val_loss }, i) => repeated.eval_curve[i]?.step === step && repeated.eval_curve[i].val_loss === val_loss,
  ).length;
  const result = { num_rows_same: found.num_same, num_evals_same, stopped_by };
  // What was never trained is not compared.
  const is_cut = stopped_by !== null && found.difference?.repeated === 'is missing';
  if (is_cut) return { ...result, weights_same_at: null, difference: null };
  const difference = found.difference ?? (stopped_by !== null ? null : recordDifference(record, repeated));
  const own = listCheckpoints(folder).find(({ step }) => step === last?.state.step);
  if (difference !== null || last === null || own === undefined) {
    return { ...result, weights_same_at: null, difference };
  }
  const weights = weightDifference(last, readCheckpoint(own.path));
  return { ...result, weights_same_at: weights === null ? last.state.step : null, difference: weights };
}

function describe(record: RunRecord, found: Repetition, changes: readonly string[], seconds: number): string {
  const { difference, num_rows_same, num_evals_same, weights_same_at } = found;
  const head = `${record.run_id}: ${record.status} at step ${record.step} of ${record.num_steps}, on ${record.backend}`;
  const time = `repeated in ${formatDuration(seconds)}`;
  if (difference === null) {
    const weights = weights_same_at === null ? '' : `, the weights at step ${weights_same_at}`;
    const rows = num_rows_same === 0 ? '' : `${num_rows_same} rows, `;
    return [head, `bit for bit the same: ${rows}${num_evals_same} evaluations${weights}`, time].join('\n');
  }
  const { where, step, column, recorded, repeated } = difference;
  const at = step === null ? where : `step ${step}, ${where}`;
  const before = num_rows_same > 0 ? `; ${num_rows_same} rows before it are the same` : '';
  const lines = [head, `differs first at ${at}, ${column}: recorded ${recorded}, repeated ${repeated}${before}`];
  if (changes.length > 0) lines.push(`not as it was recorded: ${changes.join('; ')}`);
  else lines.push('backend, machine, versions and code are as recorded: this should not be');
  return [...lines, time].join('\n');
}

/** @file Checks of one record: its identity, what it repeats of its spec and of the plan, its counts, its status. */
import { isDeepStrictEqual } from 'node:util';
import { checkRunSpec, type ModelSpec, type RunSpec } from '../../config/config.ts';
import type { PlanFile } from '../plan-file.ts';
import type { Flops, NumParams, RunRecord } from '../record.ts';
import type { Report } from './finding.ts';

/** Counts of a shape, from whoever knows them: the log does not. */
export interface Counter {
  countParams: (model: ModelSpec, live_vocab_size: number) => NumParams;
  countFlops: (model: ModelSpec, num_tokens: number) => Flops;
  /** Shape of every parameter by name. */
  paramShapes: (model: ModelSpec) => Record<string, number[]>;
}

type Planned = PlanFile['runs'][number];

/** What a record and the plan's entry for its run both say. */
const PLANNED_FIELDS = [
  'config_hash',
  'sweep',
  'group',
  'num_params',
  'flops',
  'unique_tokens',
  'budget_flops',
  'budget_counting',
] as const;

/** What a record says of its spec at its top. */
const SPEC_FIELDS = ['model', 'num_tokens', 'batch_size', 'num_steps', 'schedule', 'init_seed', 'data_seed'] as const;

const same = (a: unknown, b: unknown) => isDeepStrictEqual(a ?? null, b ?? null);

/** `value` shortened for a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Reports what is wrong with `record`, which stands at `path`; the spec where it can be trusted, else null. */
export function checkRecord(
  record: RunRecord,
  path: string,
  { planned, counter, report }: { planned: Planned | undefined; counter: Counter; report: Report },
): RunSpec | null {
  for (const field of PLANNED_FIELDS) {
    if (planned?.[field] === undefined || same(planned[field], record[field])) continue;
    report(path, 'record_plan', `${field} is ${shown(record[field])}, in plan.json ${shown(planned[field])}`);
  }
  checkStatus(record, path, report);
  const checked = checkRunSpec(record.spec);
  if ('faults' in checked) {
    report(path, 'record_spec', checked.faults.join('; '));
    return null;
  }
  const { spec, hash } = checked;
  if (hash !== record.config_hash) {
    report(path, 'record_identity', `config_hash is ${record.config_hash}, its spec's is ${hash}`);
  }
  for (const field of SPEC_FIELDS) {
    if (same(spec[field], record[field])) continue;
    report(path, 'record_repeats', `${field} is ${shown(record[field])}, in its spec ${shown(spec[field])}`);
  }
  if (!same({ name: 'adamw', ...spec.optimizer }, record.optimizer)) {
    report(path, 'record_repeats', `optimizer is ${shown(record.optimizer)}, in its spec ${shown(spec.optimizer)}`);
  }
  for (const field of ['corpus_sha256', 'tokenizer_sha256'] as const) {
    const own = record.corpus[field === 'corpus_sha256' ? 'sha256' : 'tokenizer_sha256'];
    if (own !== spec[field]) report(path, 'record_repeats', `corpus has ${field} ${own}, its spec ${spec[field]}`);
  }
  checkCounts(record, spec, path, { planned, counter, report });
  return spec;
}

function checkCounts(
  record: RunRecord,
  spec: RunSpec,
  path: string,
  { planned, counter, report }: { planned: Planned | undefined; counter: Counter; report: Report },
): void {
  const live = planned?.['live_vocab_size'];
  const params = counter.countParams(spec.model, typeof live === 'number' ? live : spec.model.vocab_size);
  for (const [name, count] of Object.entries(params)) {
    // Which tokens never occur is the plan's to say.
    if ((name === 'live' && typeof live !== 'number') || record.num_params[name] === count) continue;
    report(path, 'record_counts', `num_params.${name} is ${record.num_params[name]}, the shape has ${count}`);
  }
  for (const [name, count] of Object.entries(counter.countFlops(spec.model, spec.num_tokens))) {
    if (record.flops[name] === count) continue;
    report(path, 'record_counts', `flops.${name} is ${record.flops[name]}, shape and tokens give ${count}`);
  }
  const { unique_tokens, epochs } = record;
  const wanted = unique_tokens === null ? null : spec.num_tokens / unique_tokens;
  if (epochs !== wanted) {
    report(path, 'record_counts', `epochs is ${epochs}, num_tokens / unique_tokens is ${wanted}`);
  }
}

function checkStatus(record: RunRecord, path: string, report: Report): void {
  const { status, step, num_steps, val_loss, error, eval_curve } = record;
  const wrong = (message: string) => report(path, 'record_status', `${status}, and ${message}`);
  if (step > num_steps) wrong(`step ${step} lies beyond num_steps ${num_steps}`);
  const last = eval_curve.at(-1);
  if (status === 'finished') {
    if (step !== num_steps) wrong(`step ${step} is not num_steps ${num_steps}`);
    if (val_loss === null) wrong('there is no val_loss');
    else if (last?.val_loss !== val_loss || last.step !== num_steps) {
      wrong(`val_loss ${val_loss} is not the last evaluation's (${last?.val_loss} at step ${last?.step})`);
    }
    if (error !== null) wrong(`there is an error: ${shown(error)}`);
  } else if (val_loss !== null) wrong(`there is a val_loss: ${val_loss}`);
  if ((status === 'failed' || status === 'diverged') && error === null) wrong('no error says why');
  const unordered = eval_curve.find(({ step: at }, i) => i > 0 && at <= eval_curve[i - 1]!.step);
  if (unordered) wrong(`eval_curve has step ${unordered.step} out of order or twice`);
}

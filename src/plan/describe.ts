/** @file A resolved run -> the plan's entry for it: name, counts, cost; and a cell in words. */
import {
  type Cell,
  type CorpusFacts,
  canonicalJson,
  type DataConfig,
  type RunSpec,
  runHash,
  type StudyConfig,
  type SweepConfig,
  type TrainConfig,
} from '../config/config.ts';
import { formatCount, formatFlops } from '../lib/format.ts';
import { countFlops, countParams, trainingMemoryBytes } from '../model/size.ts';
import type { Counting } from './isoflop.ts';
import type { PlannedRun, PlanOptions } from './plan.ts';
import type { ResolvedRun } from './resolve.ts';

/** A cell in words: `budget 1e10, d_model 32`. */
export function describeCell({ values, budget, size }: Cell): string {
  const parts = Object.entries(values).map(([path, value]) => {
    const text = typeof value === 'object' ? canonicalJson(value) : String(value);
    return `${path.slice(path.indexOf('.') + 1)} ${text}`;
  });
  if (size !== undefined) parts.unshift(`size ${formatCount(size)}`);
  if (budget !== undefined) parts.unshift(`budget ${formatFlops(budget)}`);
  return parts.length === 0 ? 'its one run' : parts.join(', ');
}

/** Where a run comes from. */
interface RunContext {
  config: StudyConfig;
  sweep: SweepConfig;
  facts: CorpusFacts;
  budget: number | undefined;
  counting: Counting;
  options: PlanOptions;
}

/** The plan's entry for a resolved run. */
export function describeRun(
  { spec, budget_error, notes }: ResolvedRun,
  { config, sweep, facts, budget, counting, options }: RunContext,
): PlannedRun {
  const config_hash = runHash(spec);
  const { data } = spec;
  const speed = options.tokens_per_second?.(spec);
  return {
    run_id: runId(sweep.name, spec, config_hash),
    config_hash,
    sweep: config.name,
    group: sweep.name,
    spec,
    num_params: countParams(spec.model, facts.live_vocab_size),
    flops: countFlops(spec.model, spec.num_tokens),
    unique_tokens: spec.unique_tokens ?? facts.unique_tokens,
    live_vocab_size: facts.live_vocab_size,
    entropy_nats: facts.entropy_nats,
    bytes_per_token: facts.bytes_per_token,
    corpus_name: data.corpus === 'text' ? (data.path.split(/[\\/]/).at(-1) ?? 'text') : data.corpus,
    tokenizer_name: tokenizerName(data),
    budget_flops: budget ?? null,
    budget_counting: budget === undefined ? null : counting,
    budget_error,
    memory_bytes: trainingMemoryBytes(spec.model, spec.batch_size),
    estimated_minutes: speed === undefined || !(speed > 0) ? null : spec.num_tokens / speed / 60,
    notes,
  };
}

/** The run of the same cell with another seed. */
export function withSeed(
  run: PlannedRun,
  train: Pick<TrainConfig, 'init_seed' | 'data_seed'>,
  seed: number,
): PlannedRun {
  const { init_seed = seed, data_seed = seed } = train;
  if (run.spec.init_seed === init_seed && run.spec.data_seed === data_seed) return run;
  const spec: RunSpec = { ...run.spec, init_seed, data_seed };
  const config_hash = runHash(spec);
  return { ...run, run_id: runId(run.group, spec, config_hash), config_hash, spec };
}

const runId = (group: string, { model }: RunSpec, config_hash: string): string =>
  `${group}-d${model.d_model}-${config_hash.slice(0, 10)}`;

function tokenizerName(data: DataConfig): string {
  if (data.corpus === 'zipf-lexicon') return 'none';
  return data.tokenizer === 'bpe' ? `bpe-${data.vocab_size}` : data.tokenizer;
}

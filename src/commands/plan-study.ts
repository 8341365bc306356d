/** @file Study file -> plan, for every verb that needs one: reads the config, opens its corpora for the facts that the
 * planner needs, and looks up measured speeds in earlier runs.
 */
import os from 'node:os';
import path from 'node:path';
import {
  canonicalJson,
  type DataConfig,
  loadConfig,
  printConfig,
  type RunSpec,
  type StudyConfig,
} from '../config/config.ts';
import type { Corpus } from '../data/data.ts';
import { LabError } from '../lib/errors.ts';
import { type RunFacts, readRunFacts } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { checkLimits, type Plan, planStudy, remainingPlan } from '../plan/plan.ts';
import type { TrainOptions } from './options.ts';
import { note, printResult } from './output.ts';

export interface PlannedStudy {
  config: StudyConfig;
  plan: Plan;
  /** Folder of the study. */
  out_dir: string;
  /** Where prepared corpora are kept, for all studies of this user. */
  cache_dir: string;
  /** Ids of the runs of its folder that are finished. Not their records: a sweep of ten thousand would hold them to its
   * end. */
  finished: ReadonlySet<string>;
}

/** Prints the resolved config when --print-config asks for it; true when it did. */
export function printedConfig(files: string[], options: TrainOptions): boolean {
  if (!options.printConfig) return false;
  const loaded = loadConfig(files, options.set);
  printResult(options, { schema_version: SCHEMA_VERSION, config: loaded.config }, () => printConfig(loaded));
  return true;
}

/** Plans the study of `files`. Throws `usage`, `over_budget` and what opening its corpora throws. */
export async function planFiles(files: string[], options: TrainOptions): Promise<PlannedStudy> {
  const { config } = loadConfig(files, options.set);
  const out_dir = path.resolve(options.out ?? path.join('runs', config.name));
  const cache_dir = corpusCache();
  const corpora = await openCorpora(config, cache_dir);
  const { finished, tokens_per_second } = earlierRuns(out_dir);
  const plan = planStudy(config, (data) => corpora.get(canonicalJson(data))!.facts, { tokens_per_second });
  const workers = options.workers ?? options.arrayLimit ?? config.workers ?? os.availableParallelism();
  checkLimits(remainingPlan(plan, finished), { max_hours: options.maxHours, max_flops: options.maxFlops, workers });
  const warnings = [...corpora.values()].flatMap((corpus) => corpus.warnings);
  for (const warning of new Set([...warnings, ...plan.warnings])) note(options, `warning: ${warning}`);
  return { config, plan, out_dir, cache_dir, finished };
}

/** `SCALING_LAB_CACHE`, else the user's cache folder. */
export function corpusCache(): string {
  const { SCALING_LAB_CACHE, XDG_CACHE_HOME } = process.env;
  if (SCALING_LAB_CACHE) return path.resolve(SCALING_LAB_CACHE);
  return path.join(XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'scaling-lab', 'corpora');
}

/** Every corpus of the study, by the canonical JSON of its data block. */
async function openCorpora(config: StudyConfig, cache_dir: string): Promise<Map<string, Corpus>> {
  const { openCorpus } = await import('../data/data.ts');
  const blocks: DataConfig[] = config.sweeps.map((sweep) => sweep.data ?? config.data);
  const corpora = new Map<string, Corpus>();
  for (const data of blocks) {
    const key = canonicalJson(data);
    if (!corpora.has(key)) corpora.set(key, await openCorpus(data, { n_ctx: config.model.n_ctx, cache_dir }));
  }
  return corpora;
}

/** What a plan asks of the runs that its folder holds: which are finished, and the tokens a second, evaluation included,
 * of one of the same shape and batch. */
function earlierRuns(out_dir: string): {
  finished: Set<string>;
  tokens_per_second: (spec: RunSpec) => number | undefined;
} {
  const keyOf = ({ model, batch_size }: Pick<RunFacts, 'model' | 'batch_size'>): string =>
    [model.d_model, model.n_layer, model.vocab_size, model.n_ctx, batch_size].join();
  const finished = new Set<string>();
  const speeds = new Map<string, number>();
  try {
    for (const record of readRunFacts(out_dir)) {
      if (record.status !== 'finished') continue;
      finished.add(record.run_id);
      const key = keyOf(record);
      if (record.wall_seconds > 0 && !speeds.has(key)) speeds.set(key, record.num_tokens / record.wall_seconds);
    }
  } catch (error) {
    // There is no such folder yet.
    if (!(error instanceof LabError && error.exit === 'usage')) throw error;
  }
  return { finished, tokens_per_second: (spec) => speeds.get(keyOf(spec)) };
}

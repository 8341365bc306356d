/** @file The door of `plan/`: a study config -> the exact list of runs, each with its cost, before anything is trained.
 * Pure: what it must know of a corpus and of a machine's speed comes in as functions, so that the same config gives the
 * same plan everywhere. A run's name comes from its group, width and identity, not from its place in the list.
 */
import {
  type CorpusFacts,
  canonicalJson,
  type DataConfig,
  type RunSpec,
  resolveCell,
  type StudyConfig,
  type SweepConfig,
  sweepCells,
} from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { type Flops, type NumParams, SCHEMA_VERSION } from '../log/record.ts';
import { describeCell, describeRun, withSeed } from './describe.ts';
import type { Counting } from './isoflop.ts';
import { resolveRun } from './resolve.ts';
import { matches, outside } from './select.ts';
import { epochWarnings, sharedRuns, thinBudgets } from './warnings.ts';

export { checkLimits } from './limits.ts';
export { formatPlan } from './table.ts';

/** One run to train, with its counts and its place in the study. */
export interface PlannedRun {
  /** `<group>-d<d_model>-<first ten digits of config_hash>`: does not depend on the order of a study. */
  run_id: string;
  /** SHA-256 of the spec's canonical JSON. */
  config_hash: string;
  /** Name of the study. */
  sweep: string;
  /** Name of the sweep block. */
  group: string;
  spec: RunSpec;
  num_params: NumParams;
  flops: Flops;
  unique_tokens: number | null;
  live_vocab_size: number;
  entropy_nats: number | null;
  bytes_per_token: number | null;
  corpus_name: string;
  tokenizer_name: string;
  /** The isoFLOP budget C, its counting, and `(planned - C) / C`; null for runs without one. */
  budget_flops: number | null;
  budget_counting: Counting | null;
  budget_error: number | null;
  memory_bytes: number;
  /** From a measured speed; null where none is known. */
  estimated_minutes: number | null;
  notes: string[];
}

/** A cell some or all of whose seeds become no run, and why. */
interface DroppedCell {
  group: string;
  cell: string;
  reason: string;
  num_runs: number;
}

/** Everything a study will train. */
export interface Plan {
  schema_version: typeof SCHEMA_VERSION;
  /** Name of the study. */
  name: string;
  /** Each run once. */
  runs: PlannedRun[];
  /** Cells that came to a run that another cell of their block had planned already. */
  duplicates: { run_id: string; cell: string }[];
  dropped: DroppedCell[];
  totals: {
    num_runs: number;
    num_tokens: number;
    flops: Flops;
    /** The largest run's. */
    memory_bytes: number;
    /** Of one worker, summed over the runs with a measured speed; null when there is none. */
    estimated_minutes: number | null;
    num_unmeasured: number;
  };
  warnings: string[];
}

export interface PlanOptions {
  /** Tokens a second that this machine trains the run at, evaluation included, where measured. */
  tokens_per_second?: (spec: RunSpec) => number | undefined;
}

/** The plan of `config`. `facts` says what a corpus consists of; it is asked once for each corpus.
 * Throws one `usage` error that names every cell that cannot be planned, and blocks above their max_runs. */
export function planStudy(
  config: StudyConfig,
  facts: (data: DataConfig) => CorpusFacts,
  options: PlanOptions = {},
): Plan {
  const known = new Map<string, CorpusFacts>();
  const factsOf = (data: DataConfig): CorpusFacts => {
    const key = canonicalJson(data);
    const found = known.get(key) ?? facts(data);
    known.set(key, found);
    return found;
  };
  const plan: Pick<Plan, 'runs' | 'duplicates' | 'dropped' | 'warnings'> = {
    runs: [],
    duplicates: [],
    dropped: [],
    warnings: [],
  };
  const errors: string[] = [];
  for (const sweep of config.sweeps) {
    const block = planBlock(config, sweep, factsOf, options, errors);
    if (block.runs.length > sweep.max_runs) {
      errors.push(`sweep ${sweep.name}: ${block.runs.length} runs are more than max_runs ${sweep.max_runs}`);
    }
    // Not by spreading into push: a block may hold more runs than a call takes arguments.
    plan.runs = plan.runs.concat(block.runs);
    plan.duplicates = plan.duplicates.concat(block.duplicates);
    plan.dropped = plan.dropped.concat(block.dropped);
    plan.warnings = plan.warnings.concat(block.warnings);
  }
  if (errors.length > 0) throw new LabError('usage', errors.join('\n'));
  if (plan.runs.length === 0) throw new LabError('usage', `study ${config.name}: every run was excluded or dropped`);
  const warnings = [...plan.warnings, ...sharedRuns(plan.runs), ...epochWarnings(plan.runs)];
  return { schema_version: SCHEMA_VERSION, name: config.name, ...plan, totals: sumUp(plan.runs), warnings };
}

type Block = Pick<Plan, 'runs' | 'duplicates' | 'dropped' | 'warnings'>;

function planBlock(
  config: StudyConfig,
  sweep: SweepConfig,
  factsOf: (data: DataConfig) => CorpusFacts,
  options: PlanOptions,
  errors: string[],
): Block {
  const block: Block = { runs: [], duplicates: [], dropped: [], warnings: [] };
  const data = sweep.data ?? config.data;
  const counting = sweep.isoflop?.flops ?? 'six_n_total';
  const ids = new Set<string>();
  const numExcluded = sweep.exclude.map(() => 0);
  const num_runs = sweep.seeds.length;
  for (const cell of sweepCells(sweep)) {
    const name = describeCell(cell);
    const { model, train } = resolveCell(config, sweep, cell);
    try {
      const facts = factsOf(data);
      const { budget, size } = cell;
      // The runs of a cell differ in their seeds only.
      const seed = sweep.seeds[0]!;
      const resolved = resolveRun({ model, train, data, facts, seed, counting, budget, size });
      const excluding = sweep.exclude.findIndex((entry) => matches(entry, resolved.spec, model, train, budget));
      if (excluding >= 0) {
        numExcluded[excluding] = (numExcluded[excluding] ?? 0) + num_runs;
        block.dropped.push({ group: sweep.name, cell: name, reason: `matches exclude.${excluding}`, num_runs });
        continue;
      }
      const first = describeRun(resolved, { config, sweep, facts, budget, counting, options });
      const reason = outside(sweep.isoflop?.keep, first);
      if (reason !== undefined) block.dropped.push({ group: sweep.name, cell: name, reason, num_runs });
      for (const own of sweep.seeds) {
        const run = withSeed(first, train, own);
        if (reason === undefined && !ids.has(run.run_id)) block.runs.push(run);
        else if (reason === undefined) block.duplicates.push({ run_id: run.run_id, cell: `${name}, seed ${own}` });
        ids.add(run.run_id);
      }
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      errors.push(`sweep ${sweep.name}, ${name}: ${error.message}`);
    }
  }
  numExcluded.forEach((n, i) => {
    if (n === 0) block.warnings.push(`sweep ${sweep.name}: exclude.${i} matches no run`);
  });
  if (sweep.isoflop !== undefined) block.warnings.push(...thinBudgets(sweep.name, sweep.isoflop.budgets, block.runs));
  return block;
}

/** The plan without the runs whose id is in `done`: what is still to be paid for. */
export function remainingPlan(plan: Plan, done: ReadonlySet<string>): Plan {
  const runs = plan.runs.filter(({ run_id }) => !done.has(run_id));
  return { ...plan, runs, totals: sumUp(runs) };
}

function sumUp(runs: readonly PlannedRun[]): Plan['totals'] {
  const sum = (value: (run: PlannedRun) => number) => runs.reduce((total, run) => total + value(run), 0);
  const numUnmeasured = runs.filter((run) => run.estimated_minutes === null).length;
  return {
    num_runs: runs.length,
    num_tokens: sum((run) => run.spec.num_tokens),
    flops: {
      six_n_total: sum((run) => run.flops.six_n_total),
      six_n_non_embedding: sum((run) => run.flops.six_n_non_embedding),
      exact: sum((run) => run.flops.exact),
    },
    memory_bytes: runs.reduce((most, run) => Math.max(most, run.memory_bytes), 0),
    estimated_minutes: numUnmeasured === runs.length ? null : sum((run) => run.estimated_minutes ?? 0),
    num_unmeasured: numUnmeasured,
  };
}

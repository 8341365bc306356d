/** @file Rules that span several fields, checked on whatever fields are valid by themselves, so that one wrong value
 * never hides another problem. Rules of a run (heads divide the width, records fill the context ...) are checked on
 * every cell of every sweep block, as the planner will resolve it, and reported where the value was written.
 * The file's order: the valid part, the study, a block, a run.
 */
import { type Cell, countCells, resolveCell, sweepCells } from './cells.ts';
import { checkClaims, checkForecasts, checkSwitches } from './claim-rules.ts';
import { printPath } from './issues.ts';
import { type Problem, printValue } from './problems.ts';
import { checkData, checkShape, checkTraining, type Path, type Place, type Report } from './run-rules.ts';
import {
  type DataConfig,
  dataSchema,
  type ModelConfig,
  modelSchema,
  type SweepConfig,
  type TrainConfig,
  trainSchema,
} from './schema.ts';
import { asArray, asMap, type Raw, validFields, validSweep } from './valid.ts';
import { originOf, type Tree, treeAt } from './yaml-tree.ts';

/** All cross-field problems of a study whose plain form is `value`. */
export function checkRules(tree: Tree, value: unknown): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, problem, extra = {}) =>
    problems.push({ at: originOf(tree, path), path: printPath(path), problem, ...extra });
  const raw = asMap(value);
  const study: Valid = {
    model: validFields(modelSchema, raw.model) as Partial<ModelConfig>,
    train: validFields(trainSchema, raw.train) as Partial<TrainConfig>,
    data: dataSchema.safeParse(raw.data).data,
  };
  if (study.data !== undefined) checkData(study.data, ['data'], asMap(raw.data), report);
  const sweeps = asArray(raw.sweeps).map(validSweep);
  checkNames(sweeps, report);
  const schedules = new Set<string | undefined>();
  sweeps.forEach((sweep, i) => {
    const block: Block = { study, sweep, raw: asMap(asArray(raw.sweeps)[i]), rawStudy: raw, path: ['sweeps', i] };
    checkSweep(block, report);
    if (!isPlannable(block, report)) {
      schedules.add(undefined);
      return;
    }
    for (const cell of sweepCells(sweep)) schedules.add(checkCell(block, cell, tree, report));
  });
  checkUnused(raw, schedules, report);
  const groups = sweeps.flatMap(({ name }) => (name === undefined ? [] : [name]));
  checkClaims(raw.claims, groups, report);
  checkSwitches(raw.switches, groups, report);
  checkForecasts(raw.forecasts, groups, report);
  return problems;
}

interface Valid {
  model: Partial<ModelConfig>;
  train: Partial<TrainConfig>;
  data: DataConfig | undefined;
}

interface Block {
  study: Valid;
  sweep: Partial<SweepConfig>;
  raw: Raw;
  rawStudy: Raw;
  path: Path;
}

function checkNames(sweeps: Partial<SweepConfig>[], report: Report): void {
  const first = new Map<string, number>();
  sweeps.forEach(({ name }, i) => {
    if (name === undefined) return;
    const before = first.get(name);
    if (before === undefined) first.set(name, i);
    else
      report(['sweeps', i, 'name'], `the name of sweeps.${before} too; names must differ`, { got: printValue(name) });
  });
}

function checkSweep({ study, sweep, raw, rawStudy, path }: Block, report: Report): void {
  const ways = ['grid', 'list', 'isoflop'].filter((way) => raw[way] !== undefined);
  if (ways.length > 1) {
    report([...path, ways[1]!], `at most one of grid, list and isoflop; this block has ${ways.join(' and ')}`);
  }
  if (sweep.data !== undefined) checkData(sweep.data, [...path, 'data'], asMap(raw.data), report);
  checkRepeats(sweep.seeds ?? asArray(raw.seeds), [...path, 'seeds'], report);
  for (const [key, values] of Object.entries(sweep.grid ?? {})) {
    checkRepeats(asArray(values), [...path, 'grid', key], report);
    if (asMap(raw.set)[key] !== undefined)
      report([...path, 'set', key], 'set and varied by the grid in the same block');
  }
  const train = { ...study.train, ...section(sweep.set, 'train') };
  if ((sweep.seeds?.length ?? 0) > 1 && train.init_seed !== undefined && train.data_seed !== undefined) {
    report([...path, 'seeds'], 'init_seed and data_seed are both fixed, so that all seeds give the same run');
  }
  if (raw.isoflop !== undefined) checkIsoflop(sweep, raw, path, report);
  else {
    for (const key of ['model.d_model', 'train.num_tokens']) {
      if (isGiven(key, raw, rawStudy)) continue;
      report(path, `no ${key} for the runs of this block; give it in ${key.split('.')[0]}, set, grid or list`);
    }
    asArray(raw.exclude).forEach((entry, i) => {
      if (asMap(entry).budget !== undefined) {
        report([...path, 'exclude', i, 'budget'], 'only the runs of an isoflop block have a budget');
      }
    });
  }
}

function checkIsoflop(sweep: Partial<SweepConfig>, raw: Raw, path: Path, report: Report): void {
  const isoflop = asMap(raw.isoflop);
  if ((isoflop.d_model === undefined) === (isoflop.sizes === undefined)) {
    report([...path, 'isoflop'], `needs either d_model (widths) or sizes (parameter counts)`, {
      got: isoflop.sizes === undefined ? 'neither' : 'both',
    });
  }
  for (const key of ['train.num_tokens', 'model.d_model']) {
    if (asMap(raw.set)[key] !== undefined) {
      report([...path, 'set', key], 'isoflop decides it for every run; remove one of the two');
    }
  }
  for (const key of ['budgets', 'd_model', 'sizes'] as const) {
    checkRepeats(sweep.isoflop?.[key] ?? asArray(isoflop[key]), [...path, 'isoflop', key], report);
  }
  const keep = sweep.isoflop?.keep;
  for (const bound of ['tokens', 'tokens_per_param'] as const) {
    const [min, max] = [keep?.[`min_${bound}`], keep?.[`max_${bound}`]];
    if (min !== undefined && max !== undefined && min > max) {
      report([...path, 'isoflop', 'keep', `min_${bound}`], `above max_${bound} ${max}`, { got: printValue(min) });
    }
  }
}

function checkRepeats(values: readonly unknown[] | undefined, path: Path, report: Report): void {
  const seen = new Set<string>();
  values?.forEach((value, i) => {
    const text = JSON.stringify(value);
    if (seen.has(text)) report([...path, i], 'listed twice', { got: printValue(value) });
    seen.add(text);
  });
}

function section(set: Raw | undefined, name: string): Raw {
  const entries = Object.entries(set ?? {}).filter(([key]) => key.startsWith(`${name}.`));
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(name.length + 1), value]));
}

/** Whether `key` is written, rightly or wrongly, for all runs of the block. */
function isGiven(key: string, raw: Raw, rawStudy: Raw): boolean {
  const [name, field] = key.split('.') as [string, string];
  const maps = [asMap(raw.set), asMap(raw.grid)];
  if (asMap(rawStudy[name])[field] !== undefined || maps.some((map) => map[key] !== undefined)) return true;
  const list = asArray(raw.list);
  return list.length > 0 && list.every((entry) => asMap(entry)[key] !== undefined);
}

/** Whether the cells of a block can be listed: valid so far, and not too many. */
function isPlannable({ sweep, raw, path }: Block, report: Report): boolean {
  if (raw.isoflop !== undefined && sweep.isoflop === undefined) return false;
  const numRuns = countCells(sweep) * (sweep.seeds?.length ?? 1);
  const canShrink = sweep.exclude?.length !== 0 || sweep.isoflop?.keep !== undefined;
  const most = canShrink ? 1e6 : (sweep.max_runs ?? 1e6);
  if (numRuns > most)
    report(path, `more runs than max_runs ${most}; make the block smaller or raise max_runs`, {
      got: `${numRuns} runs`,
    });
  return numRuns <= Math.max(most, 20_000);
}

/** Checks one run of a block; gives its schedule back, undefined where that is not known. */
function checkCell(block: Block, cell: Cell, tree: Tree, report: Report): string | undefined {
  const { study, sweep, path } = block;
  const { model, train } = resolveCell(study as never, sweep, cell) as {
    model: Partial<ModelConfig>;
    train: Partial<TrainConfig>;
  };
  const data = block.raw.data === undefined ? study.data : sweep.data;
  // Where the first of these keys that was written stands: in the cell, in the block's set, in the study.
  const place: Place = (...keys) => {
    for (const key of keys) {
      const source = cell.sources[key];
      const candidates: Path[] = [
        ...(source === undefined ? [] : [[...path, ...source]]),
        [...path, 'set', key],
        key.split('.'),
      ];
      const written = candidates.find((candidate) => treeAt(tree, candidate) !== undefined);
      if (written !== undefined) return written;
    }
    return path;
  };
  checkShape(model, data, place, report);
  checkTraining(model, train, data, place, report);
  return train.schedule;
}

/** Values of the study's train block that no run uses: a sign that something else was meant. */
function checkUnused(raw: Raw, schedules: Set<string | undefined>, report: Report): void {
  const train = asMap(raw.train);
  const blocks = asArray(raw.sweeps).map(asMap);
  const hasOwnTokens = (block: Raw) =>
    block.isoflop !== undefined ||
    [block.set, block.grid].some((values) => asMap(values)['train.num_tokens'] !== undefined);
  if (train.num_tokens !== undefined && blocks.length > 0 && blocks.every(hasOwnTokens)) {
    report(['train', 'num_tokens'], 'never used: every block gives its own, or solves D from a budget');
  }
  if (schedules.size === 0 || schedules.has(undefined)) return;
  if (train.horizon_tokens !== undefined && !schedules.has('fixed_cosine')) {
    report(['train', 'horizon_tokens'], 'never used: only schedule fixed_cosine has a horizon');
  }
  const isDefault = train.decay_fraction === trainSchema.shape.decay_fraction.parse(undefined);
  if (train.decay_fraction !== undefined && !isDefault && !schedules.has('wsd')) {
    report(['train', 'decay_fraction'], 'never used: only schedule wsd has a final decay of its own');
  }
}

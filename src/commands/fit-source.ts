/** @file Where `fit` takes its points and learning curves from: the folder of a study, or a table. */
import { readFileSync, statSync } from 'node:fs';
import {
  atCriticalBatch,
  type BatchCurve,
  type CriticalBatch,
  curvesOfPoints,
  type FitPoint,
  KAPLAN_CRITICAL_BATCH,
  listLaws,
  seedNoise,
  type TrainingCurve,
  weightedBySeeds,
} from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { formatFixed, formatNumber } from '../lib/format.ts';
import { readFitRecords } from '../log/log.ts';
import type { RunRecord } from '../log/record.ts';
import { batchCurvesOf, type Counting, curvesOf, pointsOf, readPoints } from '../study/study.ts';
import { isOneCurve } from './fit-curve.ts';
import type { FitCommandOptions } from './fit-options.ts';
import { earlierNote, note } from './output.ts';

/** The runs to fit. */
export interface FitSource {
  counting: Counting;
  points: FitPoint[];
  /** The records of the one group, for a study; null for a table. */
  records: RunRecord[] | null;
}

/** Reads the source; what is wrong with the runs is said on stderr first. Throws `usage`. */
export function readSource(source: string, options: FitCommandOptions): FitSource {
  const counting = { params: options.params ?? 'total', flops: options.flops ?? '6nd' } as const;
  const records = isFolder(source) ? groupRecords(source, options) : null;
  const points = records ? pointsOf(records, counting) : filePoints(source, options);
  return { counting, points: prepared(points, options), records };
}

/** Points as `--critical-batch` and `--weights` want them. */
export function prepared(points: FitPoint[], options: FitCommandOptions): FitPoint[] {
  const { criticalBatch, weights } = options;
  const moved = criticalBatch === undefined ? points : atCriticalBatch(points, readCriticalBatch(criticalBatch));
  return weights === 'seeds' ? weightedBySeeds(moved) : moved;
}

/** The options with the Huber corner that `--delta seeds` stands for; says what was measured on stderr. */
export function withSeedDelta(points: readonly FitPoint[], options: FitCommandOptions): FitCommandOptions {
  if (options.delta !== 'seeds') return options;
  const { sd, freedom, delta: inLogs } = seedNoise(points);
  // In nats the spread is that of a typical loss.
  const typical = Math.exp(points.reduce((sum, { L }) => sum + Math.log(L), 0) / points.length);
  const delta = options.residuals === 'raw' ? inLogs * typical : inLogs;
  const spread = `${formatFixed(100 * sd, 2)}% over ${freedom} degrees of freedom`;
  note(options, `delta ${formatNumber(delta, 3)}: 1.345 times the spread of loss from seed to seed, ${spread}`);
  return { ...options, delta };
}

/** B* and alpha_B of a fit of critical_batch, or Kaplan's. */
function readCriticalBatch(which: string): CriticalBatch {
  if (which === 'kaplan-2020') return KAPLAN_CRITICAL_BATCH;
  let value: Partial<CriticalBatch>;
  try {
    value = JSON.parse(readFileSync(which, 'utf8')) as Partial<CriticalBatch>;
  } catch (error) {
    throw new LabError('usage', `cannot read a critical batch from ${which}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const { B_star, alpha_B } = value;
  if (typeof B_star === 'number' && typeof alpha_B === 'number') return { B_star, alpha_B };
  throw new LabError(
    'usage',
    `${which} has no B_star and alpha_B; make it with fit --law critical_batch --out ${which}`,
  );
}

/** Training curves by batch: of a study's runs, or of the rows of a table with equal N and B. */
export function sourceBatchCurves({ points, records, counting }: FitSource): BatchCurve[] {
  if (records !== null) return batchCurvesOf(records, counting);
  const curves = new Map<string, BatchCurve & { points: { S: number; L: number }[] }>();
  for (const { N, B, S, L } of points) {
    const key = `${N}/${B}`;
    const curve = curves.get(key) ?? { B: B!, ...(Number.isFinite(N) ? { N } : {}), points: [] };
    curve.points.push({ S: S!, L });
    curves.set(key, curve);
  }
  return [...curves.values()];
}

/** The curves of Approach 1: learning curves of a study, or the ends of runs with `--ends` and for a table. */
export function sourceCurves({ points, records, counting }: FitSource, { ends }: FitCommandOptions): TrainingCurve[] {
  return records === null || ends ? curvesOfPoints(points) : curvesOf(records, counting);
}

function isFolder(source: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch (error) {
    throw new LabError('usage', `cannot read ${source}: ${(error as Error).message}`, { cause: error });
  }
}

function filePoints(file: string, options: FitCommandOptions): FitPoint[] {
  const meaningless = (['group', 'params', 'flops'] as const).find((name) => options[name] !== undefined);
  if (meaningless) {
    throw new LabError('usage', `--${meaningless} is for the folder of a study; ${file} has the columns that it has`);
  }
  if (options.allCountings)
    throw new LabError('usage', `--all-countings is for the folder of a study; ${file} has one counting`);
  return readPoints({
    text: readFileSync(file, 'utf8'),
    file,
    needs: neededColumns(options),
    ...(options.columns === undefined ? {} : { columns: options.columns }),
  });
}

/** What a table must give: what the laws read, and N and D for all but laws in one variable and of the batch. */
function neededColumns({ law, compare, x, approach, criticalBatch }: FitCommandOptions): string[] {
  if (approach !== '3') return ['N', 'D'];
  if (law === 'critical_batch') return ['B', 'S'];
  const inputs = new Map(listLaws().map((info) => [info.name, info.inputs]));
  // Of laws in one variable the one that names its column.
  const curves = compare && isOneCurve(compare) ? compare : null;
  const own =
    curves?.map((name) => inputs.get(name)!).find(([input]) => input !== 'x') ?? inputs.get(curves?.[0] ?? law) ?? [];
  const batch = criticalBatch === undefined ? [] : ['B'];
  if (own.length === 1 && (curves || !compare))
    return [...(own[0] === 'x' ? (x === undefined ? [] : [x]) : own), ...batch];
  return ['N', 'D', ...(compare ?? [law]).flatMap((name) => inputs.get(name) ?? []), ...batch];
}

/** The records of one group of a study; the study must have one group only, or `--group` name it. */
function groupRecords(dir: string, options: FitCommandOptions): RunRecord[] {
  if (options.columns !== undefined) throw new LabError('usage', '--columns is for a points file, not for a study');
  const { records, num_earlier, problems } = readFitRecords(dir);
  for (const { message } of problems) note(options, `warning: ${message}`);
  if (num_earlier > 0) note(options, earlierNote(num_earlier));
  if (records.length === 0) throw new LabError('usage', `${dir} holds no runs`);
  const groups = [...new Set(records.map(({ group }) => group))];
  const group = options.group ?? (groups.length === 1 ? groups[0] : undefined);
  if (group === undefined || !groups.includes(group)) {
    const problem = options.group === undefined ? 'holds several groups' : `has no group ${options.group}`;
    throw new LabError('usage', `${dir} ${problem}; name one with --group: ${groups.join(', ')}`);
  }
  const own = records.filter((record) => record.group === group);
  for (const status of ['diverged', 'failed', 'cancelled', 'preempted', 'running'] as const) {
    const count = own.filter((record) => record.status === status).length;
    if (count > 0) note(options, `warning: ${count} ${count === 1 ? 'run' : 'runs'} ${status}, left out of the fit`);
  }
  return own;
}

/** @file Where `fit` takes its points and learning curves from: the folder of a study, or a table. */
import { readFileSync, statSync } from 'node:fs';
import { curvesOfPoints, type FitPoint, type TrainingCurve } from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { readSweep } from '../log/log.ts';
import type { RunRecord } from '../log/record.ts';
import { type Counting, curvesOf, pointsOf, readPoints } from '../study/study.ts';
import type { FitCommandOptions } from './fit-options.ts';
import { note } from './output.ts';

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
  if (!isFolder(source)) return { counting, points: filePoints(source, options), records: null };
  const records = groupRecords(source, options);
  return { counting, points: pointsOf(records, counting), records };
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
    ...(options.columns === undefined ? {} : { columns: options.columns }),
  });
}

/** The records of one group of a study; the study must have one group only, or `--group` name it. */
function groupRecords(dir: string, options: FitCommandOptions): RunRecord[] {
  if (options.columns !== undefined) throw new LabError('usage', '--columns is for a points file, not for a study');
  const { plan, records: all, problems } = readSweep(dir);
  const planned = new Set(plan?.runs.map(({ run_id }) => run_id));
  const records = plan ? all.filter(({ run_id }) => planned.has(run_id)) : all;
  for (const { message } of problems) note(options, `warning: ${message}`);
  if (records.length < all.length) {
    note(options, `warning: ${all.length - records.length} runs of an earlier plan are left out`);
  }
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

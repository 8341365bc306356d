/** @file `predict` from a study: the fit of one group and counting in its fit.json, with the draws behind its intervals.
 * A study's fit.json keeps no draws. They are made again, to the last bit, from the runs beside it: a second's work, no
 * file more to keep, and none that can fall behind the runs. Where what comes out is not what fit.json says, the runs are
 * others than it was made from: then there are no intervals, and a word why.
 */
import { dirname } from 'node:path';
import { fitLaw, type LawFit } from '../fit/fit.ts';
import { attempt } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { currentRuns, readSweep } from '../log/log.ts';
import { type Counting, pointsOf } from '../study/study.ts';
import { note } from './output.ts';
import type { PredictOptions } from './predict-options.ts';

/** What of a group of fit.json is read here. */
export interface FittedGroup {
  name: string;
  fits: { counting: Counting; chinchilla: LawFit | null; chinchilla_refused: string | null }[];
}

/** The fit that `--group` and `--counting` name in a study's fit.json, with draws where the runs beside it give them.
 * Throws `usage` where there is none of that name, `too_little_data` where it was refused. */
export function ofStudy(file: string, groups: readonly FittedGroup[], options: PredictOptions): LawFit {
  const { group, counting } = options;
  const found = groups.length === 1 && group === undefined ? groups[0] : groups.find(({ name }) => name === group);
  if (!found)
    throw new LabError('usage', `name a group of ${file} with --group: ${groups.map(({ name }) => name).join(', ')}`);
  if (found.fits.length === 0)
    throw new LabError(
      'too_little_data',
      `${file} has no law of group ${found.name}: its runs repeat or vary a few cells`,
    );
  const own = counting === undefined ? found.fits[0] : found.fits.find((fit) => fit.counting.params === counting);
  if (!own) throw new LabError('usage', `${file} has no fit of group ${found.name} by ${counting} parameters`);
  const { chinchilla: fit } = own;
  if (!fit) throw new LabError('too_little_data', `group ${found.name}: ${own.chinchilla_refused}`);
  const { draws, why } = drawsOf(dirname(file), found.name, own.counting, fit);
  note(options, `${found.name}, N counts ${own.counting.params} parameters; ${why}`);
  return draws ? { ...fit, draws } : fit;
}

/** The draws of a fit whose runs lie in `dir`, or why there are none. */
function drawsOf(
  dir: string,
  group: string,
  counting: Counting,
  fit: LawFit,
): { draws: Record<string, number[]> | null; why: string } {
  const none = (why: string) => ({ draws: null, why: `no intervals: ${why}` });
  if (!fit.bootstrap) return none('the study was fitted without a bootstrap');
  const { replicates: bootstrap, cluster, level, interval, seed } = fit.bootstrap;
  const left_out = new Set(fit.dropped.map(({ id }) => id));
  const { records } = currentRuns(readSweep(dir));
  const points = pointsOf(
    records.filter((record) => record.group === group),
    counting,
  ).filter(({ id }) => !left_out.has(id!));
  if (points.length === 0) return none(`the runs of the fit are not in ${dir}`);
  const { name: loss, delta, scale } = fit.loss;
  const { value: again } = attempt(() =>
    fitLaw(points, {
      law: fit.law,
      ...fit.constraints,
      ...{ loss, ...(loss === 'huber' && delta !== null ? { delta } : {}), ...(scale ? { scale } : {}) },
      ...{ bootstrap, cluster, level, interval, seed, keep_draws: true },
    }),
  );
  const isSame = (key: 'params' | 'intervals' | 'num_points'): boolean =>
    JSON.stringify(again?.[key]) === JSON.stringify(fit[key]);
  if (!again?.draws || !(isSame('params') && isSame('intervals') && isSame('num_points')))
    return none(`the runs in ${dir} are not those of its fit.json; make it anew with scaling-lab report ${dir}`);
  return { draws: again.draws, why: `intervals by ${bootstrap} replicates over ${cluster}` };
}

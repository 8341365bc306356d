/** @file Forecasts: a study's largest runs, predicted with intervals from its smaller ones before they are trained.
 * The predictions stand in `forecasts.json` with their hash from then on; once the runs are there they are scored, law by
 * law. A hold-out taken afterwards from finished runs can be tried again until it looks well; this one cannot.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { mean, rootMeanSquare } from 'simple-statistics';
import type { Forecast } from '../config/config.ts';
import { fitLaw, type Interval, predictRun } from '../fit/fit.ts';
import { formatFixed, formatFlops, formatNumber } from '../lib/format.ts';
import { currentRuns, readSweep } from '../log/log.ts';
import type { RunRecord } from '../log/record.ts';
import type { PlannedRun } from '../plan/plan.ts';
import { holdOutErrors, type ReportFigure, type Table } from '../report/report.ts';
import type { Resampling } from './claims/term.ts';
import { type Frozen, freeze, readFrozen } from './frozen-file.ts';
import { pointsOf } from './record-points.ts';
import { captionedLines } from './table-lines.ts';

/** A run's predicted loss in nats a token, with the interval of one run (law and scatter) at 90%. */
interface PredictedRun {
  run_id: string;
  /** Parameters, all of them; training tokens. */
  N: number;
  D: number;
  L: number;
  interval: Interval | null;
}

/** What one law says of a group's largest runs. */
export interface FrozenForecast {
  group: string;
  /** FLOPs, 6 N D: the runs beyond were predicted. */
  beyond: number;
  law: string;
  /** Runs that the law was fitted to, and the root mean square of its log residuals there. */
  num_fitted: number;
  fitted_rms: number;
  runs: PredictedRun[];
}

/** A forecast beside what was measured. */
export interface ScoredForecast extends Omit<FrozenForecast, 'runs'> {
  /** Runs that were predicted, finished or not. */
  num_predicted: number;
  runs: (PredictedRun & { measured: number })[];
  /** Over the finished ones, of predicted over measured in logs; null before the first. */
  errors: { rms: number; mean: number; share_inside: number | null } | null;
}

/** Forecasts with when they were frozen. */
export interface Forecasts extends Frozen {
  scored: ScoredForecast[];
}

/** A budget counts as the bound where it differs from it by rounding to whole steps. */
const ROUNDING = 1.01;

const pathOf = (dir: string): string => path.join(dir, 'forecasts.json');

/** What decides whether a run is beyond. */
type Sized = Pick<PlannedRun, 'group' | 'flops' | 'budget_flops'> & { budget_counting: string | null };

/** Whether a forecast says this run must wait until it was predicted. */
export function isForecast(run: Sized, forecasts: readonly Forecast[]): boolean {
  return forecasts.some(({ group, beyond }) => group === run.group && computeOf(run) > ROUNDING * beyond);
}

/** 6 N D; the budget itself where it was planned so. */
const computeOf = ({ flops, budget_flops, budget_counting }: Sized): number =>
  budget_counting === 'six_n_total' && budget_flops !== null ? budget_flops : flops.six_n_total;

/** Whether the forecasts of the study in `dir` are made. */
export const hasForecasts = (dir: string): boolean => existsSync(pathOf(dir));

/** Predicts the planned runs that wait, from the finished ones in `dir` that do not, and writes `forecasts.json` there.
 * @throws LabError('too_little_data') where a law cannot be fitted; LabError('storage').
 */
export function freezeForecasts(
  dir: string,
  forecasts: readonly Forecast[],
  planned: readonly PlannedRun[],
  resampling: Resampling,
): void {
  const { records } = currentRuns(readSweep(dir));
  const finished = records.filter(({ status }) => status === 'finished');
  const known = finished.filter((record) => !isForecast(record, forecasts));
  const waiting = planned.filter((run) => isForecast(run, forecasts));
  const made = forecasts.flatMap((forecast) => predictedBy(forecast, known, waiting, resampling));
  freeze(pathOf(dir), 'forecasts', made, finished.length - known.length);
}

function predictedBy(
  { group, beyond, laws, min_tokens = 0 }: Forecast,
  known: readonly RunRecord[],
  waiting: readonly PlannedRun[],
  resampling: Resampling,
): FrozenForecast[] {
  const points = pointsOf(
    known.filter((record) => record.group === group),
    { params: 'total', flops: '6nd' },
  );
  return laws.map((law) => {
    const fit = fitLaw(points, { law, min_tokens, cluster: 'sizes', keep_draws: true, ...resampling });
    const runs = waiting
      .filter((run) => run.group === group)
      .map(({ run_id, num_params: { total: N }, spec: { num_tokens: D } }) => {
        const { L, intervals } = predictRun(fit, { N, D });
        return { run_id, N, D, L, interval: intervals?.run ?? null };
      });
    return { group, beyond, law, num_fitted: fit.num_points, fitted_rms: fit.residuals.rms, runs };
  });
}

/** The forecasts of the study in `dir` beside its records; null where none were made.
 * @throws LabError('usage') for a file that is not as it was frozen.
 */
export function scoreForecasts(dir: string, records: readonly RunRecord[]): Forecasts | null {
  const frozen = readFrozen<FrozenForecast[]>(pathOf(dir), 'forecasts');
  if (frozen === null) return null;
  const { content, ...when } = frozen;
  const measured = new Map(
    records.flatMap(({ run_id, status, val_loss }) =>
      status === 'finished' && val_loss !== null ? [[run_id, val_loss] as const] : [],
    ),
  );
  return { ...when, scored: content.map((forecast) => scored(forecast, measured)) };
}

function scored({ runs: predicted, ...forecast }: FrozenForecast, measured: Map<string, number>): ScoredForecast {
  const runs = predicted.flatMap((run) => {
    const loss = measured.get(run.run_id);
    return loss === undefined ? [] : [{ ...run, measured: loss }];
  });
  if (runs.length === 0) return { ...forecast, num_predicted: predicted.length, runs, errors: null };
  const logs = runs.map(({ L, measured }) => Math.log(L / measured));
  const bounded = runs.flatMap(({ interval, measured }) => (interval ? [{ interval, measured }] : []));
  const num_inside = bounded.filter(({ interval: [low, high], measured: L }) => low <= L && L <= high).length;
  const errors = {
    rms: rootMeanSquare(logs),
    mean: mean(logs),
    share_inside: bounded.length === 0 ? null : num_inside / bounded.length,
  };
  return { ...forecast, num_predicted: predicted.length, runs, errors };
}

/** What the page and the terminal print of the forecasts. */
export function forecastTable({ scored, frozen_at, sha256, num_finished }: Forecasts): Table {
  const late = num_finished === 0 ? '' : `; ${num_finished} of the predicted runs were finished by then`;
  const percent = (log: number) => `${formatFixed(100 * Math.expm1(log), 1)}%`;
  return {
    caption: `Forecasts of the largest runs, frozen ${frozen_at} (${sha256.slice(0, 12)})${late}`,
    columns: ['group', 'law', 'fitted to', 'rms there', 'beyond C', 'trained', 'rms error', 'mean error', 'in 90%'].map(
      (title, i) => ({ title, align: i < 2 ? 'left' : 'right' }),
    ),
    rows: scored.map(({ group, law, num_fitted, fitted_rms, beyond, runs, num_predicted, errors }) => ({
      cells: [
        ...[group, law, `${num_fitted} runs`, percent(fitted_rms), formatFlops(beyond, 3)],
        `${runs.length} of ${num_predicted}`,
        ...(errors ? [percent(errors.rms), percent(errors.mean), share(errors.share_inside)] : ['', '', '']),
      ],
    })),
  };
}

const share = (value: number | null): string => (value === null ? '' : `${formatNumber(100 * value, 2)}%`);

/** The table on a terminal, a line an element; empty without forecasts. */
export const forecastLines = (forecasts: Forecasts | null): string[] =>
  forecasts === null ? [] : captionedLines(forecastTable(forecasts));

/** Predicted against measured loss of a group's forecasts; nothing where none of its runs is finished. */
export function forecastFigures(forecasts: Forecasts | null, group: string): ReportFigure[] {
  const laws = (forecasts?.scored ?? [])
    .filter((forecast) => forecast.group === group && forecast.runs.length > 0)
    .map(({ law, runs, errors, fitted_rms }) => ({
      law,
      runs: runs.map(({ L, measured, interval }) => ({ L: measured, predicted: L, interval })),
      rms: errors!.rms,
      fitted_rms,
    }));
  if (laws.length === 0) return [];
  const caption = 'Predicted before they were trained: the largest runs by each law, with the interval of one run.';
  return [{ id: 'forecasts', title: 'Forecasts', caption, svg: holdOutErrors({ laws }) }];
}

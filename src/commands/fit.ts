/** @file `fit` and `predict`: a law from a study's runs or from a table of points, and what it says elsewhere. */
import { readFileSync, statSync } from 'node:fs';
import {
  type Diagnostic,
  type FitPoint,
  fitLaw,
  type LawFit,
  type LossName,
  optimum,
  predictLoss,
} from '../fit/fit.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatCount, formatFixed, formatFlops, formatNumber } from '../lib/format.ts';
import { readSweep, writeJsonAtomic } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { type Counting, type FlopsCounting, type ParamsCounting, pointsOf, readPoints } from '../study/study.ts';
import type { OutputOptions } from './options.ts';
import { note, printResult } from './output.ts';

export interface FitCommandOptions extends OutputOptions {
  law: string;
  params?: ParamsCounting;
  flops?: FlopsCounting;
  loss: LossName;
  delta?: number;
  bootstrap?: number;
  cluster?: 'sizes' | 'runs';
  seed?: number;
  columns?: string;
  dropHighest?: number;
  minTokens?: number;
  group?: string;
  out?: string;
}

/** Replicates of the bootstrap where none are asked for: enough for a 90% interval to a digit. */
const DEFAULT_REPLICATES = 200;

/** `fit DIR|POINTS.csv`: one law for one group. Throws `usage` for bad input, `too_little_data` where it cannot be fitted. */
export function fitCommand(source: string, options: FitCommandOptions): number {
  const counting = { params: options.params ?? 'total', flops: options.flops ?? '6nd' } as const;
  const points = isFolder(source) ? studyPoints(source, options, counting) : filePoints(source, options);
  const fit = fitLaw(points, {
    law: options.law,
    loss: options.loss,
    bootstrap: options.bootstrap ?? DEFAULT_REPLICATES,
    seed: options.seed ?? 0,
    drop_highest: options.dropHighest ?? 0,
    min_tokens: options.minTokens ?? 0,
    keep_draws: true,
    ...(options.delta === undefined ? {} : { delta: options.delta }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
  });
  const { draws, ...plain } = fit;
  const value = {
    schema_version: SCHEMA_VERSION,
    counting,
    ...plain,
  };
  if (options.out !== undefined) writeJsonAtomic(options.out, { ...value, draws });
  printResult(options, value, () => formatFit(fit));
  return EXIT.ok;
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
  return readPoints({
    text: readFileSync(file, 'utf8'),
    file,
    ...(options.columns === undefined ? {} : { columns: options.columns }),
  });
}

/** The finished runs of one group of a study; the study must have one group only, or `--group` name it. */
function studyPoints(dir: string, options: FitCommandOptions, counting: Counting): FitPoint[] {
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
  return pointsOf(
    records.filter((record) => record.group === group),
    counting,
  );
}

function formatFit(fit: LawFit): string {
  const cell = (name: string, value: number) => {
    const interval = fit.intervals?.[name];
    return `${formatNumber(value, 5)}${interval ? `  [${interval.map((end) => formatNumber(end, 4)).join(', ')}]` : ''}`;
  };
  const width = Math.max(...Object.keys(fit.params).map((name) => name.length));
  const rows = Object.entries({ ...fit.params, ...(fit.exponents ?? {}) });
  const { name, delta } = fit.loss;
  return [
    `${fit.law}: ${fit.formula}`,
    `${fit.num_points} points, ${fit.num_sizes} sizes, ${fit.dropped.length} left out; ${name}${delta === null ? '' : ` with delta ${delta}`}`,
    '',
    ...rows.map(([symbol, value]) => `  ${symbol.padEnd(width)}  ${cell(symbol, value)}`),
    '',
    `objective ${fit.objective.toPrecision(7)}, residual rms ${formatFixed(100 * fit.residuals.rms, 2)}%, ` +
      `${fit.converged ? 'converged' : 'NOT converged'}; intervals: ${fit.bootstrap ? `${100 * fit.bootstrap.level}% over ${fit.bootstrap.cluster}` : 'none'}`,
    ...diagnosticLines(fit.diagnostics),
  ].join('\n');
}

const diagnosticLines = (diagnostics: readonly Diagnostic[]) =>
  diagnostics.map(
    ({ severity, name, message }) => `${severity === 'refuse' ? 'refused' : 'warning'} (${name}): ${message}`,
  );

export interface PredictOptions extends OutputOptions {
  compute?: number;
  params?: number;
  tokens?: number;
  group?: string;
}

/** `predict FIT.json`: the best split of a budget, or the loss of a size and its tokens. */
export function predictCommand(file: string, options: PredictOptions): number {
  const fit = readFit(file, options);
  for (const line of diagnosticLines(fit.diagnostics ?? [])) note(options, line);
  if (options.compute !== undefined && options.params === undefined && options.tokens === undefined) {
    const best = optimum(fit, options.compute);
    const interval = (symbol: 'N' | 'D' | 'L', format: (x: number) => string) => {
      const ends = best.intervals?.[symbol];
      return `${format(best[symbol])}${ends ? `  [${ends.map(format).join(', ')}]` : ''}`;
    };
    printResult(options, { schema_version: SCHEMA_VERSION, ...best }, () =>
      [
        `at ${formatFlops(best.C, 3)} FLOPs:`,
        `  N_opt  ${interval('N', (x) => formatCount(x, 4))} parameters`,
        `  D_opt  ${interval('D', (x) => formatCount(x, 4))} tokens`,
        `  loss   ${interval('L', (x) => formatNumber(x, 4))} nats a token`,
        ...((best.decades_beyond ?? 0) > 0.05
          ? [`extrapolated ${formatFixed(best.decades_beyond, 1)} decades beyond the runs`]
          : []),
      ].join('\n'),
    );
    return EXIT.ok;
  }
  if (options.params === undefined || options.tokens === undefined || options.compute !== undefined) {
    throw new LabError('usage', 'predict wants either --compute C, or both --params N and --tokens D');
  }
  const [N, D] = [options.params, options.tokens];
  const L = predictLoss(fit, { N, D });
  printResult(options, { schema_version: SCHEMA_VERSION, N, D, L }, () => `loss ${formatNumber(L, 5)} nats a token`);
  return EXIT.ok;
}

/** A fit file: one fit, or a study's fit.json, of which the fit by all parameters of the named group is taken. */
function readFit(file: string, { group }: PredictOptions): LawFit {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new LabError('usage', `cannot read a fit from ${file}: ${(error as Error).message}`, { cause: error });
  }
  const groups = value['groups'] as {
    name: string;
    fits: { chinchilla: LawFit | null; chinchilla_refused: string }[];
  }[];
  if (groups === undefined) {
    if (typeof value['law'] !== 'string' || typeof value['params'] !== 'object') {
      throw new LabError('usage', `${file} is not a fit; make one with fit --out, or name the fit.json of a study`);
    }
    return value as unknown as LawFit;
  }
  const found = groups.length === 1 && group === undefined ? groups[0] : groups.find(({ name }) => name === group);
  if (!found) {
    throw new LabError('usage', `name a group of ${file} with --group: ${groups.map(({ name }) => name).join(', ')}`);
  }
  const first = found.fits[0];
  if (!first?.chinchilla) throw new LabError('too_little_data', `group ${found.name}: ${first?.chinchilla_refused}`);
  return first.chinchilla;
}

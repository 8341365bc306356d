/** @file The options of `fit`, and how their values are read: constraints, lists, conditions. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type Cluster,
  type CurveColumn,
  type FitOptions,
  type IntervalKind,
  type LossName,
  listLaws,
} from '../fit/fit.ts';
import type { FlopsCounting, ParamsCounting } from '../study/study.ts';
import { type OutputOptions, positiveNumber, wholeNumber, withOutput } from './options.ts';

export interface FitCommandOptions extends OutputOptions {
  approach: '1' | '2' | '3';
  law: string;
  /** The variable of a law in one variable. */
  x?: CurveColumn;
  rows?: 'best' | 'all';
  criticalBatch?: string;
  losses?: number[];
  params?: ParamsCounting;
  flops?: FlopsCounting;
  allCountings?: boolean;
  loss?: LossName;
  delta?: number | 'seeds';
  deltas?: number[];
  residuals?: 'log' | 'raw';
  weights?: 'seeds';
  fix: Record<string, number>;
  tie: string[][];
  bound: Record<string, [number, number]>;
  bootstrap?: number;
  cluster?: Cluster;
  interval?: IntervalKind;
  level?: number;
  seed?: number;
  profile?: string[];
  holdout?: string;
  compare?: string[];
  checks: boolean;
  budgets?: number[];
  window?: number;
  ends?: boolean;
  columns?: string;
  dropHighest?: number;
  minTokens?: number;
  group?: string;
  out?: string;
  /** Where the figure goes; ends in .svg or .png. */
  figure?: string;
}

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;

/** `E=1.6` added to the constants held so far. */
function readFix(text: string, before: Record<string, number>): Record<string, number> {
  const [, name, value] = new RegExp(`^\\s*(\\w+)\\s*=\\s*(${NUMBER}|Infinity)\\s*$`).exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('a constant and its value are needed, as in E=1.6.');
  return { ...before, [name]: Number(value) };
}

/** `alpha=beta` added to the ties so far; three and more are joined alike. */
function readTie(text: string, before: string[][]): string[][] {
  const names = text.split('=').map((name) => name.trim());
  if (names.length < 2 || names.some((name) => !/^\w+$/.test(name)))
    throw new InvalidArgumentError('constants joined by = are needed, as in alpha=beta.');
  return [...before, names];
}

/** `alpha=.1..6` added to the bounds so far; an end left out is open. */
function readBound(text: string, before: Record<string, [number, number]>): Record<string, [number, number]> {
  const [, name, low, high] = new RegExp(`^\\s*(\\w+)\\s*=\\s*(${NUMBER})?\\.\\.(${NUMBER})?\\s*$`).exec(text) ?? [];
  if (name === undefined || (low === undefined && high === undefined))
    throw new InvalidArgumentError('a constant and two ends are needed, as in alpha=0.1..6.');
  return { ...before, [name]: [low === undefined ? 0 : Number(low), high === undefined ? Infinity : Number(high)] };
}

/** A file that can be drawn into. */
function readFigure(text: string): string {
  if (!/[^/\\]\.(svg|png)$/i.test(text)) throw new InvalidArgumentError('a file that ends in .svg or .png is needed.');
  return text;
}

function readNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('names with commas between them are needed.');
  return names;
}

function readDelta(text: string): number | 'seeds' {
  if (text === 'seeds') return text;
  const delta = Number(text);
  if (text.trim() === '' || !Number.isFinite(delta) || delta <= 0)
    throw new InvalidArgumentError('a number above 0 is needed, or "seeds".');
  return delta;
}

function readNumbers(text: string): number[] {
  return text.split(',').map(positiveNumber);
}

function readLevel(text: string): number {
  const level = positiveNumber(text);
  if (level >= 1) throw new InvalidArgumentError('a number between 0 and 1 is needed.');
  return level;
}

/** What `fitLaw` is told of the options; `--delta seeds` must have become a number by then. */
export function lawOptions(options: FitCommandOptions, replicates: number): FitOptions {
  const { fix, tie, bound: bounds, delta } = options;
  return {
    law: options.law,
    loss: options.loss ?? 'huber',
    bootstrap: options.bootstrap ?? replicates,
    seed: options.seed ?? 0,
    drop_highest: options.dropHighest ?? 0,
    min_tokens: options.minTokens ?? 0,
    ...(typeof delta === 'number' ? { delta } : {}),
    ...(options.residuals === undefined ? {} : { scale: options.residuals }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.interval === undefined ? {} : { interval: options.interval }),
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(Object.keys(fix).length === 0 ? {} : { fix }),
    ...(tie.length === 0 ? {} : { tie }),
    ...(Object.keys(bounds).length === 0 ? {} : { bounds }),
  };
}

const EXAMPLES = `
Examples:
  scaling-lab fit points.csv --columns "N=params,D=tokens,L=loss" --out fit.json
  scaling-lab fit runs/study --params non_embedding --approach 2 --figure valleys.svg
  scaling-lab fit runs/study --all-countings
  scaling-lab fit points.csv --law kaplan_n
  scaling-lab fit points.csv --law broken_power_law --x C
  scaling-lab fit batches.csv --law critical_batch --out batch.json`;

/** The options of `fit`, in groups. */
export function withFitting(command: Command): Command {
  const groups: [string, (command: Command) => Command][] = [
    ['Which law:', withLaw],
    ['Which runs and columns:', withSelection],
    ['How it is fitted:', withLoss],
    ['Intervals:', withIntervals],
    ['Checks and tables:', withTables],
    ['Other procedures:', withApproaches],
    ['Output:', (own) => withOutput(withFiles(own))],
  ];
  return groups
    .reduce((own, [heading, add]) => add(own.optionsGroup(heading)), command)
    .helpOption('-h, --help', 'display help for command')
    .addHelpText('after', EXAMPLES);
}

function withLaw(command: Command): Command {
  const laws = [...listLaws().map(({ name }) => name), 'kaplan', 'critical_batch'];
  return command
    .addOption(
      new Option('--law <name>', 'law in N and D or others (kaplan is kaplan_nd), in one variable, or of the batch')
        .choices(laws)
        .default('chinchilla'),
    )
    .addOption(
      new Option(
        '--x <column>',
        'variable of a law in one variable: N, D, C, steps S, unique tokens U or batch B',
      ).choices(['N', 'D', 'C', 'S', 'U', 'B']),
    )
    .addOption(
      new Option('--fix <constant=value>', 'hold a constant, as in E=1.6; may be repeated')
        .argParser(readFix)
        .default({}, 'none'),
    )
    .addOption(
      new Option('--tie <constants>', 'make exponents equal, as in alpha=beta; may be repeated')
        .argParser(readTie)
        .default([], 'none'),
    )
    .addOption(
      new Option('--bound <constant=low..high>', 'keep a constant between two ends; may be repeated')
        .argParser(readBound)
        .default({}, 'none'),
    )
    .option(
      '--critical-batch <file>',
      'first take runs to S_min and C_min by a fit of critical_batch, or by "kaplan-2020"',
    );
}

function withSelection(command: Command): Command {
  return command
    .option('--columns <mapping>', 'columns of a table, as in "N=Model Size,C=Training FLOP,L=loss"')
    .option('--group <name>', 'which group of a study; needed where it has several')
    .addOption(
      new Option('--params <counting>', 'which parameters N counts, for a study (default: total)').choices([
        'total',
        'non_embedding',
        'non_embedding_head',
        'live',
      ]),
    )
    .addOption(
      new Option(
        '--flops <counting>',
        'which FLOPs C counts, for a study: 6 N D (default), or every matrix product',
      ).choices(['6nd', 'exact']),
    )
    .addOption(
      new Option(
        '--rows <which>',
        'for one variable: "best" (default), the largest D of each N, the least loss of each D, the frontier in C; or "all"',
      ).choices(['best', 'all']),
    )
    .option('--drop-highest <count>', 'leave out the points of highest loss', wholeNumber)
    .option('--min-tokens <tokens>', 'leave out runs with fewer training tokens', positiveNumber);
}

function withLoss(command: Command): Command {
  return command
    .addOption(
      new Option('--loss <name>', 'what is minimised over residuals (default: huber; mse for one variable)').choices([
        'huber',
        'lad',
        'mse',
      ]),
    )
    .option('--delta <delta>', 'corner of the Huber loss (default: 1e-3), or "seeds": 1.345 seed spreads', readDelta)
    .addOption(new Option('--residuals <of>', 'of log loss (default), or of the raw loss').choices(['log', 'raw']))
    .addOption(
      new Option('--weights <from>', '"seeds": inverse variance from seed to seed, by size').choices(['seeds']),
    );
}

function withIntervals(command: Command): Command {
  return command
    .option('--bootstrap <replicates>', 'replicates (default: 200; 0 for no intervals)', wholeNumber)
    .addOption(
      new Option('--cluster <what>', 'what is resampled: whole sizes (default), runs, or seeds in cells').choices([
        'sizes',
        'runs',
        'seeds',
      ]),
    )
    .addOption(
      new Option('--interval <kind>', 'how ends are read off the replicates (default: percentile)').choices([
        'percentile',
        'bca',
      ]),
    )
    .option('--level <share>', 'coverage (default: 0.9)', readLevel)
    .option('--seed <seed>', 'seed of the bootstrap (default: 0)', wholeNumber);
}

function withTables(command: Command): Command {
  return command
    .option('--profile <constants>', 'the objective along a constant, or a or b; several with commas', readNames)
    .option('--holdout <which>', '"largest" size, "expanding" window, or a condition such as "C>1e12"')
    .option('--compare <laws>', 'several laws by hold-out error and information criteria, with commas', readNames)
    .option('--deltas <list>', 'the law under several Huber corners, absolute and squared error', readNumbers)
    .option('--all-countings', 'the law under every counting of N and C, beside valleys, for a study')
    .option('--no-checks', 'leave out the checks that need fits of their own');
}

function withFiles(command: Command): Command {
  return command
    .option('--out <file>', 'also write the fit as JSON, for predict')
    .option('--figure <file>', 'also draw the fit among its runs, as .svg or .png', readFigure);
}

function withApproaches(command: Command): Command {
  return command
    .addOption(
      new Option('--approach <number>', "Hoffmann's: 1 envelope of learning curves, 2 isoFLOP valleys, 3 a law")
        .choices(['1', '2', '3'])
        .default('3', '3'),
    )
    .option('--budgets <list>', 'approach 2: training FLOPs of the valleys (default: found)', readNumbers)
    .option('--window <sizes>', 'approach 2: parabolas through so many sizes nearest to the minimum', wholeNumber)
    .option('--ends', 'approach 1: the envelope of the ends of runs, not of their learning curves')
    .option('--losses <list>', 'critical_batch: losses at which curves are cut (default: found)', readNumbers);
}

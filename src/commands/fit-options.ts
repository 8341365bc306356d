/** @file The options of `fit` and `predict`, and how their values are read: constraints, lists, conditions. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Cluster, type FitOptions, type IntervalKind, type LossName, listLaws, presets } from '../fit/fit.ts';
import type { FlopsCounting, ParamsCounting } from '../study/study.ts';
import { type OutputOptions, positiveNumber, wholeNumber, withOutput } from './options.ts';

export interface FitCommandOptions extends OutputOptions {
  approach: '1' | '2' | '3';
  law: string;
  params?: ParamsCounting;
  flops?: FlopsCounting;
  allCountings?: boolean;
  loss: LossName;
  delta?: number;
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
}

export interface PredictOptions extends OutputOptions {
  law?: string;
  compute?: number;
  params?: number;
  tokens?: number;
  loss?: number;
  inferenceTokens?: number;
  group?: string;
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

function readNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('names with commas between them are needed.');
  return names;
}

function readNumbers(text: string): number[] {
  return text.split(',').map(positiveNumber);
}

function readLevel(text: string): number {
  const level = positiveNumber(text);
  if (level >= 1) throw new InvalidArgumentError('a number between 0 and 1 is needed.');
  return level;
}

/** What `fitLaw` is told of the options. */
export function lawOptions(options: FitCommandOptions, replicates: number): FitOptions {
  const { fix, tie, bound: bounds } = options;
  return {
    law: options.law,
    loss: options.loss,
    bootstrap: options.bootstrap ?? replicates,
    seed: options.seed ?? 0,
    drop_highest: options.dropHighest ?? 0,
    min_tokens: options.minTokens ?? 0,
    ...(options.delta === undefined ? {} : { delta: options.delta }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.interval === undefined ? {} : { interval: options.interval }),
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(Object.keys(fix).length === 0 ? {} : { fix }),
    ...(tie.length === 0 ? {} : { tie }),
    ...(Object.keys(bounds).length === 0 ? {} : { bounds }),
  };
}

/** The options of `fit`. */
export function withFitting(command: Command): Command {
  const ofRuns = listLaws().filter(({ inputs }) => !inputs.includes('x'));
  const laws = [...ofRuns.map(({ name }) => name), 'kaplan'];
  return withSelection(withIntervals(withOutput(command)))
    .addOption(
      new Option(
        '--approach <number>',
        "Hoffmann's: 1 envelope of learning curves, 2 isoFLOP valleys, 3 a law (default)",
      )
        .choices(['1', '2', '3'])
        .default('3', '3'),
    )
    .addOption(new Option('--law <name>', 'which law, for approach 3').choices(laws).default('chinchilla'))
    .addOption(
      new Option('--loss <name>', 'what is minimised over log residuals')
        .choices(['huber', 'lad', 'mse'])
        .default('huber'),
    )
    .option('--delta <delta>', 'threshold of the Huber loss', positiveNumber)
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
    .option('--budgets <list>', 'training FLOPs of the valleys, for approach 2 (default: found)', readNumbers)
    .option(
      '--window <sizes>',
      'parabolas through only so many sizes nearest to the minimum, for approach 2',
      wholeNumber,
    )
    .option('--ends', 'the envelope of the ends of runs, not of their learning curves, for approach 1')
    .option('--profile <constants>', 'the objective along a constant, or a or b; several with commas', readNames)
    .option('--holdout <which>', '"largest" size, "expanding" window, or a condition such as "C>1e12"')
    .option('--compare <laws>', 'several laws by hold-out error and information criteria, with commas', readNames)
    .option('--all-countings', 'one table over every counting of N and C, approaches 2 and 3, for a study')
    .option('--no-checks', 'leave out the checks that need fits of their own')
    .option('--out <file>', 'also write the fit as JSON, for predict');
}

function withIntervals(command: Command): Command {
  return command
    .option('--bootstrap <replicates>', 'replicates for the intervals (default: 200; 0 for none)', wholeNumber)
    .addOption(
      new Option(
        '--cluster <what>',
        'what the bootstrap resamples: whole sizes (default), runs, or seeds in cells',
      ).choices(['sizes', 'runs', 'seeds']),
    )
    .addOption(
      new Option('--interval <kind>', 'how the ends are read off the replicates (default: percentile)').choices([
        'percentile',
        'bca',
      ]),
    )
    .option('--level <share>', 'coverage of the intervals (default: 0.9)', readLevel)
    .option('--seed <seed>', 'seed of the bootstrap (default: 0)', wholeNumber);
}

function withSelection(command: Command): Command {
  return command
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
        'which FLOPs C counts, for a study: 6 N D with the chosen N (default), or every matrix product',
      ).choices(['6nd', 'exact']),
    )
    .option('--columns <mapping>', 'columns of a points file, as in "N=Model Size,C=Training FLOP,L=loss"')
    .option('--drop-highest <count>', 'leave out the points of highest loss', wholeNumber)
    .option('--min-tokens <tokens>', 'leave out runs with fewer training tokens', positiveNumber)
    .option('--group <name>', 'which group of a study; needed where it has several');
}

/** The options of `predict`. */
export function withPrediction(command: Command): Command {
  return withOutput(command)
    .addOption(
      new Option('--law <preset>', 'a published law in place of a file').choices(presets().map(({ name }) => name)),
    )
    .option('--compute <flops>', 'training budget in FLOPs: the best N, D and loss', positiveNumber)
    .option('--params <count>', 'parameters, by the counting of the fit: with --tokens the loss', positiveNumber)
    .option('--tokens <count>', 'training tokens', positiveNumber)
    .option('--loss <nats>', 'a loss to reach: the compute, N and D it takes', positiveNumber)
    .option('--inference-tokens <count>', 'with --loss: tokens to be served, counted into the cost', positiveNumber)
    .option('--group <name>', "which group of a study's fit.json");
}

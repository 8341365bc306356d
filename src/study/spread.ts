/** @file How much the loss of one cell differs between runs that share everything but their seeds.
 * Records of a group -> cells of equal specification -> mean and standard deviation, with the chi-square interval that
 * normal errors would give: ten runs know a standard deviation to about 24%, three to 50%. What varied (the initial
 * parameters, the data order, both) is read off the records, so that studies which move one seed at a time show parts.
 */
import { chiSquareQuantile, type Interval } from '../fit/fit.ts';
import type { RunRecord } from '../log/record.ts';
import { byCell } from './cells.ts';

/** One cell: runs that differ in seeds only. */
export interface Spread {
  d_model: number;
  /** Parameters, all counted. */
  N: number;
  /** Training tokens. */
  D: number;
  varied: 'init' | 'data' | 'both';
  /** Other values of the specification in which cells of this size and D differ: `beta2 0.99`, say. */
  variant: string;
  num_runs: number;
  /** Nats a token. */
  mean: number;
  /** Standard deviation between runs, nats a token. */
  sd: number;
  /** 90% of `sd`, by chi-square. */
  interval: Interval;
}

/** Runs from which a spread is given: two would know it to 70%. */
const MIN_RUNS = 3;
const LEVEL = 0.9;

/** The spread of every cell with at least three finished runs, by increasing size, then tokens. */
export function spreads(records: readonly RunRecord[]): Spread[] {
  const done = records.filter(({ status, val_loss }) => status === 'finished' && val_loss !== null);
  const repeated = byCell(done).filter((runs) => runs.length >= MIN_RUNS);
  const variants = variantsOf(repeated.map(([first]) => first!));
  return repeated.map((runs, i) => spreadOf(runs, variants[i]!)).sort((a, b) => a.N - b.N || a.D - b.D);
}

/** What tells the cells of one size and D apart, in words; empty where nothing does. */
function variantsOf(cells: readonly RunRecord[]): string[] {
  const leaves = cells.map(({ spec }) => leavesOf(spec));
  const place = (i: number) => `${cells[i]!.model.d_model}/${cells[i]!.num_tokens}`;
  const tells = [...new Set(leaves.flatMap((own) => [...own.keys()]))].filter((key) =>
    leaves.some((own, i) => leaves.some((other, j) => place(i) === place(j) && own.get(key) !== other.get(key))),
  );
  return leaves.map((own) =>
    tells
      .filter((key) => !key.endsWith('_seed'))
      .map((key) => `${key.replace(/^.*\./, '')} ${own.get(key) ?? '–'}`)
      .join(', '),
  );
}

/** The values of a nested record by dotted path. */
function leavesOf(value: object, path = ''): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]): [string, string][] =>
      typeof inner === 'object' && inner !== null
        ? [...leavesOf(inner, `${path}${key}.`)]
        : [[`${path}${key}`, String(inner)]],
    ),
  );
}

function spreadOf(runs: readonly RunRecord[], variant: string): Spread {
  const losses = runs.map(({ val_loss }) => val_loss!);
  const df = losses.length - 1;
  const mean = losses.reduce((sum, L) => sum + L, 0) / losses.length;
  const sum_squares = losses.reduce((sum, L) => sum + (L - mean) ** 2, 0);
  const tail = (1 - LEVEL) / 2;
  const end = (p: number) => Math.sqrt(sum_squares / chiSquareQuantile(p, df));
  const [first] = runs;
  const differ = (seed: 'init_seed' | 'data_seed') => new Set(runs.map((run) => run[seed])).size > 1;
  return {
    d_model: first!.model.d_model,
    N: first!.num_params.total,
    D: first!.num_tokens,
    varied: differ('init_seed') ? (differ('data_seed') ? 'both' : 'init') : 'data',
    variant,
    num_runs: runs.length,
    mean,
    sd: Math.sqrt(sum_squares / df),
    interval: [end(1 - tail), end(tail)],
  };
}

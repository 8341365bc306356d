/** @file `fit --law` with a law in one variable: L(N), L(D), L(C) or a loss along steps, batch or unique tokens, with the
 * test whether one break is justified.
 */
import {
  allRows,
  type BreakTest,
  breakTest,
  type CurveColumn,
  type CurveFit,
  type CurveOptions,
  fitCurve,
  listLaws,
  type NamedPoint,
  predictCurve,
  type RowAlong,
  rowsAlong,
} from '../fit/fit.ts';
import { attempt } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { formatFixed, formatNumber } from '../lib/format.ts';
import { type FitCommandOptions, lawOptions } from './fit-options.ts';
import type { FitSource } from './fit-source.ts';
import {
  constantLines,
  diagnosticLines,
  intervalNote,
  minimumNote,
  ofColumn,
  plotLines,
  section,
  withNumbers,
} from './fit-text.ts';

/** A fitted curve with the column it is a law of: what `--out` writes and `predict` reads. */
export interface CurveResult extends CurveFit {
  x: CurveColumn;
  rows: 'best' | 'all';
  /** Rows of the source, those fitted among them. */
  num_rows: number;
  break_test: BreakTest | null;
}

/** Whether the law of that name has one variable. */
export function isOneVariable(law: string): boolean {
  return listLaws().find(({ name }) => name === law)?.inputs.length === 1;
}

/** Whether all these laws are of one variable, and of the same one. */
export function isOneCurve(laws: readonly string[]): boolean {
  const columns = laws.flatMap((law) => listLaws().find(({ name }) => name === law)?.inputs ?? []);
  return laws.every(isOneVariable) && new Set(columns.filter((column) => column !== 'x')).size <= 1;
}

/** The rows that speak of one variable alone, as points of a curve, and how a law is fitted to them. */
export interface CurveRows {
  x: CurveColumn;
  rows: RowAlong[];
  curve: NamedPoint[];
  options: CurveOptions;
}

/** The rows for `--law`, or for the laws of `--compare`. Throws `usage` where it is not told which variable. */
export function curveRows(
  { points }: Pick<FitSource, 'points'>,
  options: FitCommandOptions,
  replicates: number,
): CurveRows {
  const x = columnOf(points, options);
  const { drop_highest: highest = 0, min_tokens = 0, ...law } = lawOptions(options, replicates);
  const given = points.filter(({ D }) => !(D < min_tokens)).sort((p, q) => q.L - p.L);
  const usable = given.slice(highest);
  const rows = options.rows === 'all' ? allRows(usable, x) : rowsAlong(usable, x);
  if (rows.length === 0) throw new LabError('too_little_data', `no row gives ${x} and a loss, both positive`);
  if (options.cluster === 'seeds')
    throw new LabError('usage', '--cluster seeds is for laws of N and D; of a law in one variable take sizes or runs');
  const curve = rows.map(({ x: value, point: { L, weight, id } }) => ({
    ...{ x: value, L },
    ...(weight === undefined ? {} : { weight }),
    ...(id === undefined ? {} : { id }),
  }));
  const own: CurveOptions = {
    ...law,
    loss: options.loss ?? (typeof options.delta === 'number' ? 'huber' : 'mse'),
    cluster: options.cluster === 'runs' ? 'points' : 'x',
  };
  return { x, rows, curve, options: own };
}

/** Fits the law to the rows that speak of its variable alone. Throws `usage` where it is not told which variable. */
export function fitOneVariable(
  source: Pick<FitSource, 'points'>,
  options: FitCommandOptions,
  replicates: number,
): { result: CurveResult } & CurveRows {
  const along = curveRows(source, options, replicates);
  const { x, curve } = along;
  const fit = fitCurve(curve, { ...along.options, keep_draws: true });
  const floor = options.fix[options.law === 'saturating' ? 'E' : 'a'];
  const is_tested = options.law === 'broken_power_law' || (options.law === 'saturating' && options.checks);
  const tested = is_tested
    ? attempt(() => breakTest(curve, { seed: options.seed ?? 0, ...(floor === undefined ? {} : { floor }) })).value
    : null;
  const about = { x, rows: options.rows ?? 'best', num_rows: source.points.length, break_test: tested } as const;
  return { result: { ...fit, ...about }, ...along };
}

/** The column that the law reads: its own, the one asked for, or the only one there is. */
function columnOf(points: FitSource['points'], { law: named, compare, x }: FitCommandOptions): CurveColumn {
  const inputOf = (law: string) => listLaws().find(({ name }) => name === law)!.inputs[0]!;
  const law = compare?.find((own) => inputOf(own) !== 'x') ?? compare?.[0] ?? named;
  const input = inputOf(law);
  if (input !== 'x') {
    if (x !== undefined && x !== input) throw new LabError('usage', `--x ${x} is not for ${law}, a law of ${input}`);
    return input as CurveColumn;
  }
  if (x !== undefined) {
    const lacking = points.filter((p) => !(p[x]! > 0)).length;
    if (lacking === points.length && lacking > 0) throw new LabError('usage', `--x ${x}: no run has ${x}`);
    return x;
  }
  const known = (['N', 'D', 'C'] as const).filter((column) => points.some((p) => p[column] > 0));
  if (known.length === 1) return known[0]!;
  const choices = known.length === 0 ? 'N, D, C, S, U or B' : known.join(', ');
  throw new LabError('usage', `${law} is a law of one variable: say which with --x (${choices})`);
}

/** A fitted curve for people. */
export function curveLines(result: CurveResult, rows: readonly RowAlong[], width: number): string[] {
  const { x, law, formula, params, range } = result;
  const own = { formula: formula.replace(/\bx\b/g, x), params };
  const [low, high] = range.x;
  const line = Array.from({ length: 100 }, (_, i) => low * (high / low) ** (i / 99));
  return [
    ...section([...diagnosticLines(result.diagnostics).map((line) => line.replace(/\bx\b/g, x)), ...suspicion(result)]),
    `${law}: ${own.formula.replace(/^L /, `L(${x}) `)}`,
    `  ${withNumbers(own)}`,
    '',
    ...constantLines(result),
    '',
    ...section(breakLines(result)),
    `${rowsNote(result, rows)}; residual rms ${formatFixed(100 * result.rms, 2)}%`,
    minimumNote(result),
    intervalNote(result.bootstrap, result.bootstrap?.cluster === 'sizes' ? `values of ${x}` : 'rows'),
    ...plotLines(
      [
        { mark: '.', points: line.map((value) => ({ x: value, y: predictCurve(result, value) })) },
        { mark: 'o', points: rows.map(({ x: value, point }) => ({ x: value, y: point.L })) },
      ],
      { xTitle: x, yTitle: 'loss, nats a token (log-log): o runs, . the law', width },
    ),
  ];
}

/** Which rows were fitted. */
export function rowsNote({ rows: which, num_rows, num_points, x }: CurveResult, rows: readonly RowAlong[]): string {
  if (which === 'all' || num_points === num_rows) return `${num_points} of ${num_rows} rows`;
  const tokens = rows.map(({ point }) => point.D);
  const span = [Math.min(...tokens), Math.max(...tokens)].map((D) => ofColumn('D', D));
  const how = {
    N: `of each N its most tokens (${span[0] === span[1] ? span[0] : span.join(' to ')})`,
    D: 'of each D the least loss',
    C: 'on the frontier of least loss',
  }[x as string];
  return `${num_points} of ${num_rows} rows${how === undefined ? '' : `, ${how}`}`;
}

/** A break where a law without one was asked for. */
function suspicion({ law, break_test, x }: CurveResult): string[] {
  if (law !== 'saturating' || !break_test?.is_justified) return [];
  const { p } = break_test;
  return [
    `warning (break_suspected): the curve bends near ${x} = ${ofColumn(x, break_test.break.x)} (p = ${formatNumber(p, 2)}); ` +
      'see --law broken_power_law',
  ];
}

/** Whether the points justify the break. */
function breakLines({ law, break_test, x }: CurveResult): string[] {
  if (law !== 'broken_power_law') return [];
  if (break_test === null) return ['break: not tested, for which 8 distinct values are needed'];
  const { is_justified, p, bic_difference, without } = break_test;
  const { x: at, slope_before, slope_after } = break_test.break;
  const bic = `BIC ${bic_difference > 0 ? 'for' : 'against'} it by ${formatFixed(Math.abs(bic_difference), 1)}`;
  if (!is_justified)
    return [
      `break: not justified (noise alone bends as much with p = ${formatNumber(p, 2)}; ${bic}).`,
      `  The law without: exponent ${formatNumber(without.params['alpha'], 3)}, floor ${formatNumber(without.params['E'], 4)}, ` +
        `rms ${formatFixed(100 * without.rms, 2)}%; fit it with --law saturating`,
    ];
  return [
    `break: justified (p = ${formatNumber(p, 2)}; ${bic})`,
    `  at ${x} = ${ofColumn(x, at)} the slope goes from ${formatNumber(slope_before, 3)} to ${formatNumber(slope_after, 3)}; ` +
      `without it rms ${formatFixed(100 * without.rms, 2)}%`,
  ];
}

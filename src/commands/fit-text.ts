/** @file A fitted law in print: warnings first, the law with its numbers, constants with intervals beside the published
 * ones, exponents beside Kaplan's and Hoffmann's, a small log-log plot. Each function takes a result and gives lines.
 */
import {
  type BootstrapReport,
  type Constraints,
  type Diagnostic,
  type FitPoint,
  type Interval,
  type LawFit,
  optimum,
  predictLoss,
  presetLaw,
} from '../fit/fit.ts';
import { alignRows } from '../lib/align.ts';
import { LabError } from '../lib/errors.ts';
import { formatCount, formatFixed, formatFlops, formatInterval, formatNumber } from '../lib/format.ts';
import { logLogPlot, type PlotSeries } from './text-plot.ts';

/** Kaplan et al. 2020, and Hoffmann et al. 2022 by approach, of N_opt ~ C^a; b = 1 - a. */
const PUBLISHED = { kaplan: 0.73, hoffmann: [0.5, 0.49, 0.46] } as const;

/** The preset whose exponents stand beside those of a law; scales depend on corpus and tokenizer, exponents less. */
const BESIDE: Readonly<Record<string, readonly [preset: string, label: string]>> = {
  chinchilla: ['chinchilla-2022', 'Hoffmann 2022'],
  kaplan_n: ['kaplan-2020-n', 'Kaplan 2020'],
  kaplan_d: ['kaplan-2020-d', 'Kaplan 2020'],
  kaplan_c: ['kaplan-2020-c', 'Kaplan 2020'],
  kaplan_nd: ['kaplan-2020', 'Kaplan 2020'],
  kaplan_ns: ['kaplan-2020-ns', 'Kaplan 2020'],
  data_constrained: ['muennighoff-2023', 'Muennighoff 2023'],
};
/** Constants without a unit. */
const COMPARABLE = /^(alpha|beta|R_)/;

/** Warnings and refusals, one a line. */
export function diagnosticLines(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(
    ({ severity, name, message }) => `${severity === 'refuse' ? 'refused' : 'warning'} (${name}): ${message}`,
  );
}

/** Lines, with an empty one after them where there are any. */
export function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [...lines, ''];
}

/** A law fitted to points: everything people read of it, in lines of `width` columns but for warnings. */
export function lawLines(fit: LawFit, points: readonly FitPoint[], width: number): string[] {
  const left_out = fit.dropped.length > 0 ? `, ${fit.dropped.length} left out` : '';
  return [
    ...section(diagnosticLines(fit.diagnostics)),
    `${fit.law}: ${fit.formula}`,
    `  ${withNumbers(fit)}`,
    '',
    ...constantLines(fit),
    '',
    ...section(exponentLines(fit.exponents, fit.intervals)),
    `${fit.num_points} points of ${fit.num_sizes} sizes${left_out}; residual rms ${formatFixed(100 * fit.residuals.rms, 2)}%`,
    minimumNote(fit),
    intervalNote(fit.bootstrap),
    ...plotOf(fit, points, width),
  ];
}

/** What was minimised, and whether it was. */
export function minimumNote({ loss, objective, converged }: Pick<LawFit, 'loss' | 'objective' | 'converged'>): string {
  const { name, delta, scale } = loss;
  const corner =
    name === 'huber' && delta !== null ? ` with delta ${formatNumber(delta, 3).replace(/\.0+$|(?<!0)0+$/, '')}` : '';
  const of = scale === 'raw' ? 'loss' : 'log loss';
  return `${name}${corner} on ${of}: objective ${objective.toPrecision(7)}, ${converged ? 'converged' : 'NOT converged'}`;
}

/** What the intervals are of. */
export function intervalNote(bootstrap: BootstrapReport | null, clusters?: string): string {
  if (!bootstrap) return 'intervals: none';
  const { level, interval, replicates, failed, cluster, num_clusters } = bootstrap;
  return (
    `intervals: ${Number((100 * level).toPrecision(4))}% ${interval}, ${replicates - failed} replicates over ` +
    `${num_clusters} ${clusters ?? (cluster === 'seeds' ? 'cells (seeds)' : cluster)}`
  );
}

/** The formula with every constant in figures. */
export function withNumbers({ formula, params }: Pick<LawFit, 'formula' | 'params'>): string {
  return formula.replace(/[A-Za-z]\w*/g, (word) => {
    const value = params[word];
    return value === undefined ? word : formatNumber(value, 4);
  });
}

/** What a table of constants shows. */
export interface Constants {
  law: string;
  params: Record<string, number>;
  intervals: Record<string, Interval> | null;
  standard_errors: Record<string, number> | null;
  constraints?: Constraints | null;
}

/** The constants, a row each: value, interval, standard error, published value where it can be compared, what held it. */
export function constantLines(fit: Constants, published = publishedBeside(fit.law)): string[] {
  const held = fit.constraints?.fix ?? {};
  const ties = fit.constraints?.tie ?? [];
  const rows = Object.entries(fit.params).map(([symbol, value]) => {
    const interval = fit.intervals?.[symbol];
    const tied = ties.find((names) => names.includes(symbol));
    const beside = published?.values[symbol];
    return [
      symbol,
      formatNumber(value, 5),
      interval ? `[${interval.map((end) => formatNumber(end, 4)).join(', ')}]` : '',
      fit.standard_errors?.[symbol] === undefined ? '' : formatNumber(fit.standard_errors[symbol], 2),
      beside === undefined ? '' : formatNumber(beside, 3),
      held[symbol] === undefined ? (tied ? `tied to ${tied.filter((n) => n !== symbol).join(', ')}` : '') : 'held',
    ];
  });
  const header = ['', 'value', 'interval', 'std. error', published?.label ?? '', ''];
  return alignRows(withoutEmpty([header, ...rows]));
}

/** Rows without the columns that hold nothing below the header. */
function withoutEmpty(rows: readonly (readonly string[])[]): string[][] {
  const used = rows[0]!.map((_, i) => rows.slice(1).some((row) => row[i] !== ''));
  return rows.map((row) => row.filter((_, i) => used[i]));
}

/** Published constants without a unit of the same law; null where none stands beside it. */
function publishedBeside(law: string): { label: string; values: Record<string, number> } | null {
  const [name, label] = BESIDE[law] ?? [];
  if (name === undefined || label === undefined) return null;
  const comparable = Object.entries(presetLaw(name).params).filter(([symbol]) => COMPARABLE.test(symbol));
  return { label, values: Object.fromEntries(comparable) };
}

/** a and b beside Kaplan's and Hoffmann's, and what the interval of a decides; nothing without exponents. */
export function exponentLines(
  exponents: { a: number; b: number } | null,
  intervals: Record<string, Interval> | null,
): string[] {
  if (!exponents) return [];
  const { kaplan, hoffmann } = PUBLISHED;
  const row = (name: 'a' | 'b', of: (a: number) => number): string[] => [
    name === 'a' ? 'a (N_opt ~ C^a)' : 'b (D_opt ~ C^b)',
    formatInterval(exponents[name], intervals?.[name], 3),
    formatFixed(of(kaplan), 2),
    hoffmann.map((a) => formatFixed(of(a), 2)).join(' / '),
  ];
  const header = ['exponent', 'here', 'Kaplan 2020', 'Hoffmann 2022 (1 / 2 / 3)'];
  return [...alignRows([header, row('a', (a) => a), row('b', (a) => 1 - a)]), ...verdict(intervals?.['a'])];
}

function verdict(interval: Interval | undefined): string[] {
  if (!interval) return [];
  const holds = (a: number): boolean => interval[0] <= a && a <= interval[1];
  const [kaplan, hoffmann] = [holds(PUBLISHED.kaplan), holds(PUBLISHED.hoffmann[0])];
  if (kaplan && hoffmann) return ["  the interval of a holds both Kaplan's .73 and Hoffmann's .50: undecided"];
  if (kaplan || hoffmann) {
    const [held, other] = kaplan ? ["Kaplan's .73", "Hoffmann's .50"] : ["Hoffmann's .50", "Kaplan's .73"];
    return [`  the interval of a holds ${held} and excludes ${other}`];
  }
  return ["  the interval of a excludes both Kaplan's .73 and Hoffmann's .50"];
}

/** Loss against compute: the runs, and the least loss the law gives for a budget. */
function plotOf(fit: LawFit, points: readonly FitPoint[], width: number): string[] {
  const runs: PlotSeries = { mark: 'o', points: points.map(({ C, L }) => ({ x: C, y: L })) };
  const [low, high] = fit.range.C;
  const budgets = Array.from({ length: 100 }, (_, i) => low * (high / low) ** (i / 99));
  // The line needs no intervals, and a hundred optima with them would take longer than the fit.
  const { draws: _, ...plain } = fit;
  const best: PlotSeries = { mark: '.', points: budgets.flatMap((C) => leastLoss(plain, C)) };
  const title = best.points.length > 0 ? 'o runs, . least loss for a budget (the law)' : 'o runs';
  return plotLines([best, runs], { xTitle: 'C, FLOPs', yTitle: `loss, nats a token (log-log): ${title}`, width });
}

/** A plot after an empty line, as wide as the terminal up to 100 columns; nothing without points. */
export function plotLines(
  series: readonly PlotSeries[],
  { width, ...titles }: { xTitle: string; yTitle: string; width: number },
): string[] {
  const plot = logLogPlot(series, { ...titles, width: Math.min(width, 100) - 10 });
  return plot.length === 0 ? [] : ['', ...plot];
}

/** The least loss at C; nothing for a law without one. */
function leastLoss(fit: LawFit, C: number): { x: number; y: number }[] {
  try {
    const { N, D } = optimum(fit, C);
    return [{ x: C, y: predictLoss(fit, { N, D }) }];
  } catch (error) {
    if (error instanceof LabError) return [];
    throw error;
  }
}

/** A number with its interval in brackets. */
export function bracketed(value: number, interval: Interval | null | undefined, format: (x: number) => string): string {
  return `${format(value)}${interval ? `  [${interval.map(format).join(', ')}]` : ''}`;
}

/** FLOPs with three digits. */
export const flops = (x: number): string => formatFlops(x, 3);

/** A value of a column: FLOPs in exponent form, counts with suffixes. */
export const ofColumn = (column: string, x: number): string => (column === 'C' ? flops(x) : formatCount(x, 3));

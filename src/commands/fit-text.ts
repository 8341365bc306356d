/** @file A fitted law in print: warnings first, the law with its numbers, constants with intervals, exponents beside the
 * published ones, a small log-log plot. Each function takes a result and gives lines.
 */
import { type Diagnostic, type FitPoint, type Interval, type LawFit, optimum, predictLoss } from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { formatFixed, formatFlops, formatInterval, formatNumber } from '../lib/format.ts';
import { alignRows, logLogPlot, type PlotSeries } from './text-table.ts';

/** Kaplan et al. 2020, and Hoffmann et al. 2022 by approach, of N_opt ~ C^a; b = 1 - a. */
const PUBLISHED = { kaplan: 0.73, hoffmann: [0.5, 0.49, 0.46] } as const;

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

/** A law fitted to points: everything people read of it. */
export function lawLines(fit: LawFit, points: readonly FitPoint[]): string[] {
  const { name, delta } = fit.loss;
  const lossName = `${name}${delta === null ? '' : ` with delta ${delta}`}`;
  return [
    ...section(diagnosticLines(fit.diagnostics)),
    `${fit.law}: ${fit.formula}`,
    `  ${withNumbers(fit)}`,
    '',
    ...paramLines(fit),
    '',
    ...section(exponentLines(fit.exponents, fit.intervals)),
    `${fit.num_points} points, ${fit.num_sizes} sizes, ${fit.dropped.length} left out; ${lossName}; ` +
      `objective ${fit.objective.toPrecision(7)}, residual rms ${formatFixed(100 * fit.residuals.rms, 2)}%, ` +
      `${fit.converged ? 'converged' : 'NOT converged'}`,
    intervalNote(fit.bootstrap),
    ...plotOf(fit, points),
  ];
}

/** What the intervals are of. */
export function intervalNote(bootstrap: LawFit['bootstrap']): string {
  if (!bootstrap) return 'intervals: none';
  const { level, interval, replicates, failed, cluster, num_clusters } = bootstrap;
  return (
    `intervals: ${Number((100 * level).toPrecision(4))}% ${interval}, ${replicates - failed} replicates over ` +
    `${num_clusters} ${cluster === 'seeds' ? 'cells (seeds)' : cluster}`
  );
}

/** The formula with every constant in figures. */
function withNumbers({ formula, params }: Pick<LawFit, 'formula' | 'params'>): string {
  return formula.replace(/[A-Za-z]\w*/g, (word) => {
    const value = params[word];
    return value === undefined ? word : formatNumber(value, 4);
  });
}

function paramLines(fit: LawFit): string[] {
  const held = fit.constraints?.fix ?? {};
  const tied = fit.constraints?.tie?.flat() ?? [];
  const rows = Object.entries(fit.params).map(([symbol, value]) => {
    const interval = fit.intervals?.[symbol];
    const note = held[symbol] === undefined ? (tied.includes(symbol) ? 'tied' : '') : 'held';
    const ends = interval ? `[${interval.map((end) => formatNumber(end, 4)).join(', ')}]` : '';
    const error = fit.standard_errors?.[symbol];
    return [symbol, formatNumber(value, 5), ends, error === undefined ? '' : formatNumber(error, 2), note];
  });
  return alignRows([['', 'value', 'interval', 'std. error', ''], ...rows]);
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
function plotOf(fit: LawFit, points: readonly FitPoint[]): string[] {
  const runs: PlotSeries = { mark: 'o', points: points.map(({ C, L }) => ({ x: C, y: L })) };
  const [low, high] = fit.range.C;
  const budgets = Array.from({ length: 60 }, (_, i) => low * (high / low) ** (i / 59));
  const best: PlotSeries = { mark: '.', points: budgets.flatMap((C) => leastLoss(fit, C)) };
  const title = best.points.length > 0 ? 'o runs, . least loss for a budget (the law)' : 'o runs';
  const plot = logLogPlot([best, runs], { xTitle: 'C, FLOPs', yTitle: `loss, nats a token (log-log): ${title}` });
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
export function bracketed(value: number, interval: Interval | undefined, format: (x: number) => string): string {
  return `${format(value)}${interval ? `  [${interval.map(format).join(', ')}]` : ''}`;
}

/** FLOPs with three digits. */
export const flops = (x: number): string => formatFlops(x, 3);

/** @file Envelope, valleys, hold-out, comparison, profile and the table of countings in print. */
import {
  type Comparison,
  type CurveFit,
  type Diagnostic,
  type EnvelopeFit,
  type HoldoutReport,
  type IsoflopFit,
  type LawFit,
  type LossScanRow,
  listLaws,
  type Profile,
} from '../fit/fit.ts';
import { alignRows } from '../lib/align.ts';
import { formatCount, formatFixed, formatInterval, formatNumber, MISSING } from '../lib/format.ts';
import { type Counting, countingName, exponentRows, type GroupAnalysis } from '../study/study.ts';
import type { CurveResult } from './fit-curve.ts';
import { diagnosticLines, exponentLines, flops, intervalNote, plotLines, section } from './fit-text.ts';

const percent = (x: number | null | undefined, decimals = 2): string =>
  x === null || x === undefined ? MISSING : `${formatFixed(100 * x, decimals)}%`;

/** Approach 1. */
export function envelopeLines(fit: EnvelopeFit, width: number): string[] {
  const rows = fit.steps.map(({ N, C, L, num_bins, interior }) => [
    formatCount(N),
    `${flops(C[0])} to ${flops(C[1])}`,
    `${formatNumber(L[0], 4)} to ${formatNumber(L[1], 4)}`,
    String(num_bins),
    interior ? '' : 'edge of the sizes: left out',
  ]);
  const frontier = fit.steps.flatMap(({ N, C }) => [
    { x: C[0], y: N },
    { x: C[1], y: N },
  ]);
  const line = fit.range.C.map((C) => ({ x: C, y: fit.coefficients.N * C ** fit.exponents.a }));
  return [
    ...section(diagnosticLines(fit.diagnostics)),
    `approach 1: N_opt = ${formatNumber(fit.coefficients.N, 3)} C^${formatFixed(fit.exponents.a, 3)}, ` +
      `D_opt = ${formatNumber(fit.coefficients.D, 3)} C^${formatFixed(fit.exponents.b, 3)}`,
    '',
    ...alignRows([['N', 'wins at C', 'loss', 'bins', ''], ...rows]),
    '',
    ...section(exponentLines(fit.exponents, fit.intervals)),
    `${fit.num_curves} curves of ${fit.num_sizes} sizes; ${fit.num_bins} bins of compute used, ${fit.num_edge} at the edge`,
    intervalNote(fit.bootstrap),
    ...plotLines(
      [
        { mark: '.', points: between(line) },
        { mark: 'o', points: frontier },
      ],
      { xTitle: 'C, FLOPs', yTitle: 'N (log-log): o envelope, . fitted line', width },
    ),
  ];
}

/** Approach 2. */
export function isoflopLines(fit: IsoflopFit, width: number): string[] {
  const rows = fit.budgets.map(({ C, num_sizes, N_opt, D_opt, L_opt, refused }) => [
    flops(C),
    String(num_sizes),
    formatInterval(N_opt, null, 0) === MISSING ? MISSING : formatCount(N_opt, 4),
    formatCount(D_opt, 4),
    formatNumber(L_opt, 4),
    refused ?? '',
  ]);
  const minima = fit.budgets.flatMap(({ C, N_opt }) => (N_opt === null ? [] : [{ x: C, y: N_opt }]));
  const { exponents, coefficients } = fit;
  const line = exponents && coefficients ? minima.map(({ x }) => ({ x, y: coefficients.N * x ** exponents.a })) : [];
  return [
    ...section(diagnosticLines(fit.diagnostics)),
    `approach 2: N_opt = ${formatNumber(coefficients?.N, 3)} C^${formatFixed(exponents?.a, 3)}, ` +
      `D_opt = ${formatNumber(coefficients?.D, 3)} C^${formatFixed(exponents?.b, 3)}`,
    '',
    ...alignRows([['C', 'sizes', 'N_opt', 'D_opt', 'loss', ''], ...rows]),
    '',
    ...section(exponentLines(exponents, fit.intervals)),
    ...(fit.bias
      ? [`what parabolas add to a on the law of these points without noise: ${formatFixed(fit.bias.a, 3)}`]
      : []),
    ...(fit.windows.length > 1
      ? [
          `a by sizes in a parabola: ${fit.windows.map(({ window, a }) => `${window}: ${formatFixed(a, 3)}`).join(', ')}`,
        ]
      : []),
    `${fit.num_points} points, ${fit.num_outside} outside every budget`,
    intervalNote(fit.bootstrap),
    ...plotLines(
      [
        { mark: '.', points: between(line) },
        { mark: 'o', points: minima },
      ],
      { xTitle: 'C, FLOPs', yTitle: 'N_opt (log-log): o minima, . fitted line', width },
    ),
  ];
}

/** Fifty points along the line from its first to its last point. */
function between(line: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const [from, to] = [line[0], line.at(-1)];
  if (!from || !to) return [];
  return Array.from({ length: 50 }, (_, i) => ({
    x: from.x * (to.x / from.x) ** (i / 49),
    y: from.y * (to.y / from.y) ** (i / 49),
  }));
}

/** A hold-out score and where it comes from; x is the column that says how far beyond the fitted runs it was taken. */
export function holdoutLines(report: HoldoutReport | HoldoutReport<CurveFit>, x = 'C'): string[] {
  const ends = (of: 'rms' | 'mean') => report.intervals?.[of].map((x) => percent(x)).join(', ');
  const score = (of: 'rms' | 'mean') => `${percent(report[of])}${report.intervals ? ` [${ends(of)}]` : ''}`;
  const rows = report.windows.map(({ held_out, num_fitted, num_held_out, rms, mean, fitted_rms, decades_beyond }) => [
    held_out,
    String(num_fitted),
    String(num_held_out),
    percent(rms),
    percent(mean),
    percent(fitted_rms),
    formatFixed(decades_beyond[x], 1),
  ]);
  const header = ['held out', 'fitted', 'held', 'error', 'mean', 'error where fitted', `decades of ${x} beyond`];
  return [
    `hold-out error of ${report.law}: ${score('rms')} of loss, mean ${score('mean')} over ${report.num_held_out} runs`,
    ...alignRows([header, ...rows]),
  ];
}

/** Laws beside each other, after what the records of a study say; x is the variable of laws that have one. */
export function comparisonLines(
  { held_out, laws }: Comparison | Comparison<CurveFit>,
  diagnostics: readonly Diagnostic[],
  x?: string,
): string[] {
  const rows = laws.map(({ law, fit, holdout, num_constants, delta_aicc, akaike_weight, bic, refused }) => [
    law,
    holdout ? percent(holdout.rms) : MISSING,
    holdout?.intervals ? `[${holdout.intervals.rms.map((end) => percent(end)).join(', ')}]` : '',
    percent(holdout?.mean),
    fit ? percent('rms' in fit ? fit.rms : fit.residuals.rms) : MISSING,
    num_constants === null ? MISSING : String(num_constants - 1),
    formatFixed(delta_aicc, 1),
    formatFixed(akaike_weight, 2),
    formatFixed(bic, 1),
    ...(x === undefined
      ? [fit && 'exponents' in fit && fit.exponents ? formatFixed(fit.exponents.a, 3) : MISSING]
      : []),
    refused ?? '',
  ]);
  const header = ['law', 'hold-out', '', 'mean', 'rms', 'constants', 'dAICc', 'weight', 'BIC'];
  const warnings = laws.flatMap(({ law, fit }) =>
    diagnosticLines((fit?.diagnostics ?? []).filter(({ name }) => name !== 'too_few_clusters')).map((line) =>
      line.replace(': ', `: ${law}: `).replace(/\bx\b/g, x ?? 'x'),
    ),
  );
  return [
    ...section([...diagnosticLines(diagnostics), ...warnings]),
    `laws ${x === undefined ? '' : `of ${x} `}by their error on the runs held out (${held_out}), then by AICc over all runs`,
    ...alignRows([[...header, ...(x === undefined ? ['a'] : []), ''], ...rows]),
  ];
}

/** A profile curve: the interval, and the rise of the objective as bars. */
export function profileLines({ param, value, interval, level, threshold, curve, diagnostics }: Profile): string[] {
  const ends = `[${formatNumber(interval[0], 4)}, ${interval[1] === null ? 'open' : formatNumber(interval[1], 4)}]`;
  const shown = curve.filter((_, i) => i % Math.max(1, Math.floor(curve.length / 13)) === 0);
  const rows = shown.map((point) => {
    const share = Math.min(1, point.statistic / (2 * threshold));
    const bar = '#'.repeat(Math.round(30 * share));
    return [
      formatNumber(point.value, 4),
      formatFixed(point.statistic, 2),
      point.statistic > threshold ? `${bar} out` : bar,
    ];
  });
  return [
    ...diagnosticLines(diagnostics),
    `profile of ${param}: ${formatNumber(value, 5)}, ${Number((100 * level).toPrecision(4))}% by likelihood ratio ${ends} ` +
      `(statistic above ${formatFixed(threshold, 2)} is out)`,
    ...alignRows([[param, 'statistic', ''], ...rows]),
  ];
}

/** One law under several losses. */
export function lossScanLines(rows: readonly LossScanRow[]): string[] {
  const names = rows[0]!.exponents ? ['a', ...Object.keys(rows[0]!.params)] : Object.keys(rows[0]!.params);
  const cells = rows.map(({ loss, delta, params, exponents, rms, converged }) => [
    loss,
    delta === null ? '' : String(delta),
    ...names.map((name) => (name === 'a' && exponents ? formatFixed(exponents.a, 3) : formatNumber(params[name], 4))),
    percent(rms),
    converged ? '' : 'NOT converged',
  ]);
  return ['the law by the loss that is minimised', ...alignRows([['loss', 'delta', ...names, 'rms', ''], ...cells])];
}

/** a and b under every counting, by approach; constants where the law has neither. */
export function countingLines(group: GroupAnalysis, law: string): string[] {
  const rows = exponentRows(group);
  const has_exponents = group.fits.some(({ surface }) => surface.fit?.exponents);
  const table = rows
    .filter(({ exponent, approach }) => exponent === 'a' && (has_exponents || approach === 'Approach 2'))
    .map((a) => {
      const b = rows.find((r) => r.exponent === 'b' && r.approach === a.approach && r.counting === a.counting);
      const cell = (row: typeof a | undefined) =>
        row?.value == null ? 'refused' : formatInterval(row.value, row.interval, 3);
      return [a.counting, a.approach, cell(a), cell(b), a.note ?? ''];
    });
  const constants = group.fits.map(({ name, counting, surface: { fit, refused } }) => ({
    name,
    counting,
    fit,
    refused,
  }));
  return [
    ...section(group.warnings.map((warning) => `warning: ${warning}`)),
    `${group.name}: ${group.num_finished} of ${group.records.length} runs finished; the same runs, counted in every way`,
    ...alignRows([['counting', 'approach', 'a (N_opt ~ C^a)', 'b (D_opt ~ C^b)', ''], ...table]),
    '  published: Kaplan 2020 a = .73 (non_embedding), Hoffmann 2022 a = .50 / .49 / .46 (total, approaches 1 / 2 / 3)',
    '',
    ...constantTable(law, distinctOf(law, constants)),
  ];
}

/** A law in one variable under every counting. */
export function curveCountingLines(
  law: string,
  rows: readonly { counting: Counting; fit: CurveResult | null; refused: string | null }[],
): string[] {
  const named = distinctOf(
    law,
    rows.map((row) => ({ ...row, name: countingName(row.counting) })),
  );
  const first = rows.find(({ fit }) => fit !== null)!.fit!;
  return [
    ...section(
      named.flatMap(({ name, fit }) =>
        diagnosticLines(fit?.diagnostics ?? []).map((text) => text.replace(': ', `: ${name}: `)),
      ),
    ),
    ...constantTable(`${law}, in ${first.x}`, named),
  ];
}

/** The countings that a law can tell apart: most laws do not read C. */
function distinctOf<T extends { counting: Counting }>(law: string, rows: readonly T[]): T[] {
  const reads = listLaws().find(({ name }) => name === law)?.inputs ?? [];
  return rows.filter(({ counting }) => counting.flops === '6nd' || reads.includes('C') || reads.includes('x'));
}

/** Constants whose interval says something by itself. */
const EXPONENT = /^(alpha|beta|eta|c\d|R_)/;

/** The constants of one law, a row a counting. */
function constantTable(
  law: string,
  rows: readonly {
    name: string;
    fit: (Pick<LawFit, 'formula' | 'params' | 'intervals'> & ({ rms: number } | Pick<LawFit, 'residuals'>)) | null;
    refused: string | null;
  }[],
): string[] {
  const first = rows.find(({ fit }) => fit !== null)?.fit;
  if (!first) return [`${law}: refused: ${rows[0]?.refused}`];
  const names = Object.keys(first.params);
  const cells = rows.map(({ name, fit, refused }) => [
    name,
    ...names.map((symbol) => {
      if (!fit) return '';
      const interval = EXPONENT.test(symbol) ? fit.intervals?.[symbol] : undefined;
      const ends = interval ? ` [${interval.map((end) => formatNumber(end, 3)).join(', ')}]` : '';
      return `${formatNumber(fit.params[symbol], 3)}${ends}`;
    }),
    fit ? percent('rms' in fit ? fit.rms : fit.residuals.rms) : `refused: ${refused}`,
  ]);
  return [`${law}: ${first.formula}`, ...alignRows([['counting', ...names, 'rms'], ...cells])];
}

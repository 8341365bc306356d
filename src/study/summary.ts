/** @file A study in print: for each group the exponents by approach and counting, the fitted laws and the warnings. */

import type { LawFit } from '../fit/fit.ts';
import { alignRows } from '../lib/align.ts';
import { formatCount, formatFixed, formatInterval, formatNumber } from '../lib/format.ts';
import type { LawRow } from '../report/report.ts';
import type { GroupAnalysis } from './analyse.ts';
import { cellTables } from './cell-tables.ts';
import { exponentRows, isUndecided, theoryExponents } from './exponent-rows.ts';
import { tableLines } from './table-lines.ts';

/** The fitted constants of every counting of a group. */
export function lawRows({ fits, size_curve }: GroupAnalysis): LawRow[] {
  const surfaces = fits.flatMap(({ name, surface: { fit } }) => {
    if (!fit) return [];
    return [
      {
        law: fit.law,
        counting: name,
        params: paramsOf(fit),
        objective: fit.objective,
        num_points: fit.num_points,
        num_left_out: fit.dropped.length,
        has_converged: fit.converged,
      },
    ];
  });
  const curve = size_curve?.curve.fit;
  if (!curve) return surfaces;
  const row: LawRow = {
    law: curve.law,
    counting: `total, at ${formatCount(size_curve.D)} tokens`,
    params: paramsOf(curve),
    objective: curve.objective,
    num_points: curve.num_points,
    num_left_out: curve.num_dropped,
    has_converged: curve.converged,
  };
  return [...surfaces, row];
}

function paramsOf({ params, intervals }: Pick<LawFit, 'params' | 'intervals'>): LawRow['params'] {
  return Object.fromEntries(
    Object.entries(params).map(([symbol, value]) => [symbol, { value, interval: intervals?.[symbol] ?? null }]),
  );
}

/** The text that ends a study. `is_color` is not needed: it is plain. */
export function formatSummary(groups: readonly GroupAnalysis[]): string {
  return groups.map(formatGroup).join('\n\n');
}

function formatGroup(group: GroupAnalysis): string {
  const { name, records, num_finished, warnings } = group;
  const [first] = records;
  const entropy = first?.entropy_nats ?? null;
  const lines = [
    `${name}: ${num_finished} of ${records.length} runs finished, ${first?.corpus.name ?? ''}` +
      (entropy === null ? '' : `, exact entropy ${formatFixed(entropy, 4)} nats a token`),
    ...cellTables(group).flatMap(tableLines),
    ...(group.fits.length > 0 ? exponentLines(group) : []),
    ...group.fits.flatMap(({ name, surface: { fit } }) => (fit ? lawLines(fit, name, fit.residuals.rms) : [])),
    ...sizeCurveLines(group),
  ];
  if (warnings.length > 0) lines.push('  warnings:', ...warnings.map((warning) => `    - ${warning}`));
  return lines.join('\n');
}

function exponentLines(group: GroupAnalysis): string[] {
  const rows = exponentRows(group);
  const pairs = rows.filter(({ exponent }) => exponent === 'a');
  const cell = (row: (typeof rows)[number]) => {
    if (row.value === null) return 'refused';
    const mark = isUndecided(row) ? ' ?' : '';
    return (row.interval ? formatInterval(row.value, row.interval, 3) : formatFixed(row.value, 3)) + mark;
  };
  const table = [['counting', 'approach', 'a (N_opt ~ C^a)', 'b (D_opt ~ C^b)']];
  for (const a of pairs) {
    const b = rows.find((r) => r.exponent === 'b' && r.approach === a.approach && r.counting === a.counting)!;
    table.push([a.counting, a.approach, cell(a), cell(b)]);
  }
  const theory = theoryExponents(group);
  if (theory) table.push(['theory', '1/(2+s)', formatFixed(theory.a, 3), formatFixed(theory.b, 3)]);
  const has_undecided = rows.some(isUndecided);
  const lines = alignRows(table);
  return has_undecided ? [...lines, '  ? undecided: the interval cannot tell the published exponents apart'] : lines;
}

function lawLines(fit: Pick<LawFit, 'formula' | 'num_points' | 'params' | 'intervals'>, what: string, rms: number) {
  const constants = Object.entries(fit.params).map(([symbol, value]) => {
    const interval = fit.intervals?.[symbol];
    return `${symbol} ${formatNumber(value, 3)}${interval ? ` [${interval.map((end) => formatNumber(end, 3)).join(', ')}]` : ''}`;
  });
  const about = `(${what}, ${fit.num_points} runs, rms ${formatFixed(100 * rms, 2)}%)`;
  return [`  ${fit.formula}  ${about}`, `    ${constants.join('  ')}`];
}

function sizeCurveLines({ size_curve }: GroupAnalysis): string[] {
  if (!size_curve) return [];
  const at = `N total, all at ${formatCount(size_curve.D)} tokens`;
  const { fit, refused } = size_curve.curve;
  return fit ? lawLines(fit, at, fit.rms) : [`  L(N), ${at}: refused: ${refused}`];
}

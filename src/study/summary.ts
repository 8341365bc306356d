/** @file A study in print: for each group the exponents by approach and counting, the fitted laws and the warnings. */
import { formatFixed, formatInterval, formatNumber } from '../lib/format.ts';
import type { LawRow } from '../report/report.ts';
import type { CountingFits, GroupAnalysis } from './analyse.ts';
import { exponentRows, theoryExponents } from './exponent-rows.ts';

/** The fitted constants of every counting of a group. */
export function lawRows({ fits }: GroupAnalysis): LawRow[] {
  return fits.flatMap(({ name, surface: { fit } }) => {
    if (!fit) return [];
    const params = Object.entries(fit.params).map(([symbol, value]) => {
      return [symbol, { value, interval: fit.intervals?.[symbol] ?? null }] as const;
    });
    return [
      {
        law: fit.law,
        counting: name,
        params: Object.fromEntries(params),
        objective: fit.objective,
        num_points: fit.num_points,
        num_left_out: fit.dropped.length,
        has_converged: fit.converged,
      },
    ];
  });
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
    ...exponentLines(group),
    ...group.fits.flatMap(lawLines),
  ];
  if (warnings.length > 0) lines.push('  warnings:', ...warnings.map((warning) => `    - ${warning}`));
  return lines.join('\n');
}

function exponentLines(group: GroupAnalysis): string[] {
  const rows = exponentRows(group);
  const pairs = rows.filter(({ exponent }) => exponent === 'a');
  const cell = (row: (typeof rows)[number]) => {
    if (row.value === null) return 'refused';
    return row.interval ? formatInterval(row.value, row.interval, 3) : formatFixed(row.value, 3);
  };
  const table = [['  counting', 'approach', 'a (N_opt ~ C^a)', 'b (D_opt ~ C^b)']];
  for (const a of pairs) {
    const b = rows.find((r) => r.exponent === 'b' && r.approach === a.approach && r.counting === a.counting)!;
    table.push([`  ${a.counting}`, a.approach, cell(a), cell(b)]);
  }
  const theory = theoryExponents(group);
  if (theory) table.push(['  theory', '1/(2+s)', formatFixed(theory.a, 3), formatFixed(theory.b, 3)]);
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

function lawLines({ name, surface: { fit } }: CountingFits): string[] {
  if (!fit) return [];
  const constants = Object.entries(fit.params).map(([symbol, value]) => {
    const interval = fit.intervals?.[symbol];
    return `${symbol} ${formatNumber(value, 3)}${interval ? ` [${interval.map((end) => formatNumber(end, 3)).join(', ')}]` : ''}`;
  });
  return [
    `  ${fit.formula}  (${name}, ${fit.num_points} runs, rms ${formatFixed(100 * fit.residuals.rms, 2)}%)`,
    `    ${constants.join('  ')}`,
  ];
}

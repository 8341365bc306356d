/** @file The straight lines that claims speak of, as figures: the runs, the line, and a law with a floor beside it.
 * After figure 1 of Kaplan et al. 2020 (arXiv 2001.08361). Three lines a figure, in the order of the claims, each once.
 */
import { type Claim, type ClaimTerm, canonicalJson } from '../../config/config.ts';
import { fitCurve, predictCurve } from '../../fit/fit.ts';
import { attempt } from '../../lib/attempt.ts';
import type { RunRecord } from '../../log/record.ts';
import { type CurveColumn, curveFits, type ReportFigure } from '../../report/report.ts';
import { batchRuns, type RecordsOf } from './term.ts';
import { lineOf, type TermLine } from './term-fits.ts';
import { interval90 } from './verdict.ts';

const COLUMNS = 3;

const AXES: Record<NonNullable<ClaimTerm['along']>, string> = {
  N: 'parameters',
  D: 'unique training tokens',
  C: 'training FLOPs',
};

/** The figures of every line among the claims; none where there is none, or too few runs for it. */
export function lineFigures(claims: readonly Claim[], recordsOf: RecordsOf): ReportFigure[] {
  const terms = claims.flatMap(({ ours }) => ours.filter(({ approach }) => approach === 'line'));
  const distinct = new Map(terms.map((term) => [canonicalJson({ ...term, quantity: null, times: null }), term]));
  const columns = [...distinct.values()].flatMap((term) => columnOf(term, recordsOf(term.study) ?? []));
  return Array.from({ length: Math.ceil(columns.length / COLUMNS) }, (_, i) => ({
    id: `lines-${i + 1}`,
    title: 'Straight lines in logs',
    caption:
      'Loss against one variable alone, on log axes: the best straight line, a pure power law, and thin beside it a law ' +
      'with a floor. The bend is how far the runs curve away from a line at most, in log loss: above 0 they flatten. ' +
      'Below, what the line leaves over.',
    svg: curveFits({ columns: columns.slice(COLUMNS * i, COLUMNS * (i + 1)) }),
  }));
}

function columnOf(term: ClaimTerm, records: readonly RunRecord[]): CurveColumn[] {
  const own = records.filter(({ group }) => group === term.group);
  const how = { num_left_out: { smallest: 0, largest: 0 }, others: batchRuns(records, term) };
  const { value: line } = attempt(() => lineOf(own, term, how));
  if (!line) return [];
  const { points, floor, standard_errors } = line;
  const { params } = line.fit;
  const { value: floored } = attempt(() => fitCurve(points));
  const words = [
    term.group,
    ...(term.params === 'total' || term.along === 'D' ? [] : [term.params.replaceAll('_', ' ')]),
    ...(floor > 0 ? ['above E'] : []),
    ...(term.critical_batch === undefined ? [] : ['at the critical batch']),
  ];
  return [
    {
      symbol: term.critical_batch === undefined ? term.along! : 'C_min',
      title: AXES[term.along!],
      heading: words.join(', '),
      constants: (['slope', 'bend'] as const).map((name) => ({
        name: name === 'slope' ? 'alpha' : name,
        value: params[name],
        interval: standard_errors && interval90(params[name], standard_errors[name]),
      })),
      points,
      lines: [
        { label: 'line', at: lineAt(line) },
        ...(floored ? [{ label: 'law with a floor', at: (x: number) => predictCurve(floored, x) }] : []),
      ],
    },
  ];
}

/** The line through the mean of the runs' logs, with the floor put back. */
function lineAt({ points, floor, fit: { params, range } }: TermLine): (x: number) => number {
  const middle = Math.sqrt(range.x[0] * range.x[1]);
  const offsets = points.map(({ x, L }) => Math.log(L - floor) + params.slope * Math.log(x / middle));
  const offset = offsets.reduce((sum, value) => sum + value, 0) / offsets.length;
  return (x) => floor + Math.exp(offset - params.slope * Math.log(x / middle));
}

/** @file The exponents a and b of a group by approach and counting, as rows for the terminal, the figure and the page. */
import type { Interval } from '../fit/fit.ts';
import type { ExponentRow } from '../report/report.ts';
import type { CountingFits, GroupAnalysis } from './analyse.ts';

/** An interval wider than twice the gap between Kaplan's .73 and Hoffmann's .50 cannot tell one from the other. */
const DECISIVE_WIDTH = 2 * (0.73 - 0.5);

/** Whether a row's interval is too wide to decide anything. */
export function isUndecided({ interval }: Pick<ExponentRow, 'interval'>): boolean {
  return interval !== null && interval[1] - interval[0] > DECISIVE_WIDTH;
}

/** Rows in the order: counting, approach, a before b. A refused fit has rows without values and with its reason. */
export function exponentRows({ fits }: GroupAnalysis): ExponentRow[] {
  return fits.flatMap((fit) => [...rowsOf(fit, 'Approach 2'), ...rowsOf(fit, 'Approach 3')]);
}

function rowsOf(fits: CountingFits, approach: 'Approach 2' | 'Approach 3'): ExponentRow[] {
  const { fit, refused } = approach === 'Approach 2' ? fits.isoflop : fits.surface;
  const intervals: Record<string, Interval> | null = fit?.intervals ?? null;
  return (['a', 'b'] as const).map((exponent) => {
    const value = fit?.exponents?.[exponent] ?? null;
    const interval = intervals?.[exponent] ?? null;
    const note = refused ?? (isUndecided({ interval }) ? 'undecided: the interval is too wide' : undefined);
    return { approach, counting: fits.name, exponent, value, interval, ...(note === undefined ? {} : { note }) };
  });
}

/** Exponents that theory gives for the language of these runs: `a = 1/(2+s)` on `zipf-lexicon`; null elsewhere. */
export function theoryExponents({ records }: GroupAnalysis): { label: string; a: number; b: number } | null {
  const data = records[0]?.spec['data'] as { corpus?: string; tail?: number; late_records?: object } | undefined;
  if (data?.corpus !== 'zipf-lexicon' || data.tail === undefined || data.late_records) return null;
  const a = 1 / (2 + data.tail);
  return { label: 'theory', a, b: 1 - a };
}

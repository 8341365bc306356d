/** @file The sum of several terms, each times its factor, with its standard error.
 * Where all terms resampled the same ladder their replicates belong together and the error is that of the paired sums; else
 * errors are added in squares, which overstates that of a difference.
 */
import { sampleStandardDeviation } from 'simple-statistics';
import type { TermFit } from './term.ts';

/** A term's factor. */
interface Weighted {
  times: number;
}

/** The sum; null where a term has no value. */
export function sumOf(terms: readonly Weighted[], values: readonly (number | null)[]): number | null {
  if (values.some((value) => value === null)) return null;
  return values.reduce<number>((sum, value, i) => sum + terms[i]!.times * value!, 0);
}

/** Standard error of the sum, and whether replicates were paired (null for a single term). */
export function errorOf(
  terms: readonly Weighted[],
  fits: readonly TermFit[],
): { standard_error: number | null; is_paired: boolean | null } {
  const [first] = fits;
  if (fits.some(({ standard_error }) => standard_error === null)) return { standard_error: null, is_paired: null };
  if (fits.length === 1) return { standard_error: Math.abs(terms[0]!.times) * first!.standard_error!, is_paired: null };
  const is_paired = fits.every(
    ({ num_sizes, ladder, draws }) => draws.length > 0 && num_sizes === first!.num_sizes && ladder === first!.ladder,
  );
  if (!is_paired) {
    return { standard_error: Math.hypot(...fits.map((fit, i) => terms[i]!.times * fit.standard_error!)), is_paired };
  }
  const sums = first!.draws.map((_, r) => fits.reduce((sum, { draws }, i) => sum + terms[i]!.times * draws[r]!, 0));
  const sound = sums.filter(Number.isFinite);
  return { standard_error: sound.length > 1 ? sampleStandardDeviation(sound) : null, is_paired };
}

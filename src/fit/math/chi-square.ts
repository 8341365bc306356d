/** @file Quantiles of the chi-square distribution: what ends of an interval a standard deviation of few runs has.
 * The cumulative probability is the series of the lower incomplete gamma function (Abramowitz & Stegun 6.5.29), whose
 * terms are all positive; the quantile is its root by bisection.
 */
import { gammaln } from 'simple-statistics';
import { increasingRoot } from './normal.ts';

/** P(X <= x) for `df` degrees of freedom; x and df above 0. */
function chiSquareCdf(x: number, df: number): number {
  const a = df / 2;
  const half = x / 2;
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > sum * Number.EPSILON; k++) {
    term *= half / (a + k);
    sum += term;
  }
  return Math.min(1, sum * Math.exp(a * Math.log(half) - half - gammaln(a)));
}

/** x with P(X <= x) = p, for p inside 0 to 1 and `df` degrees of freedom. */
export function chiSquareQuantile(p: number, df: number): number {
  const far = df + 20 * Math.sqrt(2 * df) + 100;
  return increasingRoot((x) => (x <= 0 ? -p : chiSquareCdf(x, df) - p), 0, far);
}

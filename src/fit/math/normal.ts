/** @file The standard normal distribution: its cumulative probability and the quantile.
 * Needed by BCa intervals, prediction intervals and the likelihood of the Huber loss. The probability is Marsaglia's
 * series (2004, J. Stat. Softw. 11, issue 4), whose terms are all of one sign; beyond eight standard deviations
 * nothing is left of the tail in a double. The quantile is found by bisection: exact enough and nothing to get wrong.
 */

/** Standard deviations beyond which the tail is zero for all purposes here. */
const FAR = 8;

/** P(Z <= z), absolute error about 1e-15; NaN of NaN. */
export function normalCdf(z: number): number {
  if (z > FAR) return 1;
  if (z < -FAR) return 0;
  // Its series would never end.
  if (Number.isNaN(z)) return z;
  let sum = z;
  let term = z;
  let before = 0;
  for (let i = 3; sum !== before; i += 2) {
    before = sum;
    term *= (z * z) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * z * z - 0.5 * Math.log(2 * Math.PI));
}

/** z with P(Z <= z) = p, within -8 to 8. */
export function normalQuantile(p: number): number {
  return increasingRoot((z) => normalCdf(z) - p, -FAR, FAR);
}

/** Where a function that rises from `low` to `high` crosses zero, to rounding error. */
export function increasingRoot(f: (x: number) => number, low: number, high: number): number {
  let [left, right] = [low, high];
  for (let round = 0; round < 200; round++) {
    const middle = left + (right - left) / 2;
    if (middle === left || middle === right) break;
    if (f(middle) < 0) left = middle;
    else right = middle;
  }
  return left + (right - left) / 2;
}

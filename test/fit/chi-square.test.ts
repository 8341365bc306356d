/** @file Quantiles of chi-square against closed forms and printed tables. */
import { describe, expect, it } from 'vitest';
import { chiSquareQuantile } from '../../src/fit/math/chi-square.ts';

describe('chiSquareQuantile', () => {
  it.each([0.001, 0.05, 0.5, 0.95, 0.999])('is -2 ln(1 - p) for two degrees of freedom, p %d', (p) => {
    expect(chiSquareQuantile(p, 2)).toBeCloseTo(-2 * Math.log1p(-p), 10);
  });

  // NIST/SEMATECH e-Handbook, table 1.3.6.7.4.
  it.each([
    [0.95, 1, 3.841],
    [0.05, 9, 3.325],
    [0.95, 9, 16.919],
    [0.99, 30, 50.892],
    [0.01, 100, 70.065],
  ])('equals the table at p %d and %d degrees of freedom', (p, df, x) => {
    expect(chiSquareQuantile(p, df)).toBeCloseTo(x, 3);
  });
});

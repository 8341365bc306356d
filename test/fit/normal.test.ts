/** @file The normal distribution's probabilities, and that they come to an end whatever they are asked of. */
import { expect, it } from 'vitest';
import { normalCdf, normalQuantile } from '../../src/fit/math/normal.ts';

it('has the tabled probabilities', () => {
  expect(normalCdf(0)).toBe(0.5);
  expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14);
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
});

it('ends far out and where there is no number', () => {
  expect([normalCdf(1e300), normalCdf(-1e300), normalCdf(Number.POSITIVE_INFINITY)]).toEqual([1, 0, 1]);
  expect(normalCdf(Number.NaN)).toBeNaN();
});

/** @file The tail of Fisher's distribution against SciPy. */
import { expect, it } from 'vitest';
import { upperTail } from '../../src/fit/checks/lack-of-fit.ts';

it.each([
  [1, 3, 10, 0.4323372030216972],
  [4.5, 3, 232, 0.004323365981866979],
  [40.9, 3, 232, 2.963138497754385e-21],
  [0.2, 7, 4, 0.9681229638020076],
  [2.5, 1, 1, 0.35901703597137613],
])('P(F > %d) with %i and %i degrees of freedom', (F, m, n, p) => {
  expect(upperTail(F, m, n) / p).toBeCloseTo(1, 8);
  expect(upperTail(0, m, n)).toBe(1);
});

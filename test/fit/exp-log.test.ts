/** @file The exponential and logarithm of the laws' inner loops against the engine's own. */
import { describe, expect, it } from 'vitest';
import { expShare, logSum } from '../../src/fit/laws/exp-log.ts';
import { rngStream } from '../../src/lib/rng.ts';

const EPSILON = Number.EPSILON;

describe('expShare and logSum', () => {
  const rng = rngStream(1, 'exp-log');

  it('agree with Math.exp and Math.log to two units in the last place', () => {
    const worst = { exp: 0, log: 0 };
    for (let i = 0; i < 50_000; i++) {
      const x = -(10 ** (6 * rng() - 4));
      const sum = 1 + 3 * rng();
      if (x > -690) worst.exp = Math.max(worst.exp, Math.abs(expShare(x) / Math.exp(x) - 1));
      worst.log = Math.max(worst.log, Math.abs(logSum(sum) - Math.log(sum)));
    }
    expect(worst.exp).toBeLessThan(4 * EPSILON);
    expect(worst.log).toBeLessThanOrEqual(2 * EPSILON);
  });

  it('are exact where nothing is to be rounded', () => {
    expect([expShare(0), expShare(Number.NEGATIVE_INFINITY), expShare(-1e9), logSum(1)]).toEqual([1, 0, 0, 0]);
    expect([expShare(Number.NaN), logSum(Number.NaN)]).toEqual([Number.NaN, Number.NaN]);
    expect(logSum(4)).toBeCloseTo(Math.log(4), 15);
  });
});

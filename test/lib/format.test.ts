/** @file Numbers as people read them: examples at the seams (rounding up into the next suffix, missing values). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCount,
  formatDuration,
  formatFixed,
  formatFlops,
  formatInterval,
  formatNumber,
  MISSING,
} from '../../src/lib/format.ts';

describe('formatCount', () => {
  it.each([
    [0, '0'],
    [7, '7'],
    [950, '950'],
    [0.25, '0.25'],
    [1000, '1k'],
    [12_345, '12.3k'],
    [999_499, '999k'],
    [999_500, '1M'],
    [4_500_000, '4.5M'],
    [1.5e9, '1.5B'],
    [2e12, '2T'],
    [1.234e15, '1.23e15'],
    [-12_345, '-12.3k'],
  ])('%d is %s', (x, text) => expect(formatCount(x)).toBe(text));

  it('keeps two digits where two are asked for', () => {
    expect(formatCount(123_456, 2)).toBe('120k');
    expect(formatCount(1_251, 2)).toBe('1.3k');
  });
});

describe('formatFlops', () => {
  it.each([
    [1.2e11, '1.2e11'],
    [3e9, '3e9'],
    [0, '0'],
    [9.96e10, '1e11'],
    [5, '5e0'],
    [2.5e-3, '2.5e-3'],
  ])('%d is %s', (x, text) => expect(formatFlops(x)).toBe(text));
});

describe('formatNumber', () => {
  it.each([
    [0.40226, '0.4023'],
    [9.99996, '10.00'],
    [1820.4, '1820'],
    [123_456, '123500'],
    [3.2e-7, '3.2e-7'],
    [8.8e13, '8.8e13'],
    [-0.5, '-0.5000'],
  ])('%d is %s', (x, text) => expect(formatNumber(x)).toBe(text));

  it('has the digits asked for between 1e-4 and 1e6', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 9e5, noNaN: true }), fc.integer({ min: 1, max: 8 }), (x, digits) => {
        expect(Math.abs(Number(formatNumber(x, digits)) / x - 1)).toBeLessThanOrEqual(
          0.5 * 10 ** (1 - digits) * 1.000001,
        );
      }),
    );
  });
});

describe('formatInterval', () => {
  it('prints the value and its brackets', () => {
    expect(formatInterval(0.41, [0.372, 0.458])).toBe('0.41 [0.37, 0.46]');
    expect(formatInterval(0.41, [0.372, 0.458], 3)).toBe('0.410 [0.372, 0.458]');
  });
  it('leaves out what is not there', () => {
    expect(formatInterval(0.41, null)).toBe('0.41');
    expect(formatInterval(0.41, [Number.NaN, 1])).toBe('0.41');
    expect(formatInterval(null, [0, 1])).toBe(MISSING);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [0.085, '85 ms'],
    [0.9996, '1 s'],
    [12.44, '12.4 s'],
    [59.96, '1 min 00 s'],
    [200, '3 min 20 s'],
    [3599.6, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [86_400 * 3 + 4 * 3600, '3 d 4 h'],
    [-5, '-5 s'],
  ])('%d seconds are %s', (x, text) => expect(formatDuration(x)).toBe(text));
});

it('never prints NaN, undefined or a negative zero', () => {
  const anything = fc.option(fc.double(), { nil: null });
  fc.assert(
    fc.property(anything, (x) => {
      for (const text of [formatCount(x), formatFlops(x), formatNumber(x), formatFixed(x), formatDuration(x)]) {
        expect(text).not.toMatch(/NaN|undefined|null|Infinity/);
        expect(text).not.toMatch(/^-0(\.0+)?$/);
      }
    }),
  );
  for (const missing of [null, undefined, Number.NaN]) {
    expect([formatCount, formatFlops, formatNumber, formatFixed, formatDuration].map((f) => f(missing))).toEqual(
      Array(5).fill(MISSING),
    );
  }
});

/** @file The matcher must fail where it should: every comparison of the project leans on it. */
import { describe, expect, it } from 'vitest';
import { type Comparable, compareAll } from './allclose.ts';

const tolerance = { rtol: 1e-3, atol: 1e-6 };

describe('toBeAllclose', () => {
  it.each<[Comparable, Comparable]>([
    [1, 1.0005],
    [
      [1, 2],
      [1.001, 2],
    ],
    [Float32Array.of(1, 2), Float64Array.of(1, 2)],
    [[NaN, Infinity, -Infinity, 0], Float64Array.of(NaN, Infinity, -Infinity, -0)],
    [
      [
        [1, 2],
        [3, 4],
      ],
      { shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) },
    ],
    [{ shape: [1, 2], dataSync: () => [5, 6] }, [[5, 6]]],
    [9e-7, 0],
  ])('accepts %j and %j', (a, b) => {
    expect(a).toBeAllclose(b, tolerance);
  });

  it.each<[Comparable, Comparable]>([
    [1, 1.002],
    [2e-6, 0],
    [NaN, Infinity],
    [Infinity, NaN],
    [NaN, 1],
    [1, NaN],
    [Infinity, -Infinity],
    [1e308, Infinity],
    [
      [NaN, 1],
      [1, NaN],
    ],
    [[1, 2], [1]],
    [[1, 2], [[1, 2]]],
    [[], []],
    [{ shape: [2, 1], data: [1, 2] }, [1, 2]],
  ])('refuses %j and %j', (a, b) => {
    expect(a).not.toBeAllclose(b, tolerance);
  });

  it('names the worst place, both values and the relative error', () => {
    const a = [
      [1, 2, 3],
      [4, 5.5, 6.2],
    ];
    const b = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(() => expect(a).toBeAllclose(b, { rtol: 1e-3 })).toThrow(
      '2 of 6 values differ by more than 0 + 0.001 |expected|; worst at [1,1]: 5.5 against 5, ' +
        'difference 5.000e-1, relative 1.000e-1',
    );
    expect(() => expect([NaN]).toBeAllclose([Infinity], tolerance)).toThrow('worst at [0]: NaN against Infinity');
    expect(() => expect([1]).toBeAllclose([[1]], tolerance)).toThrow('shape [1] is not [1,1]');
  });

  it('refuses tolerances that compare nothing and arrays that have no shape', () => {
    for (const bad of [{}, { rtol: 0 }, { rtol: -1 }, { atol: NaN }, { atol: Infinity }]) {
      expect(() => compareAll(1, 1, bad)).toThrow('invalid tolerance');
    }
    expect(() => compareAll([[1], [1, 2]], [1], tolerance)).toThrow('ragged');
    expect(() => compareAll({ shape: [2], data: [1] }, [1], tolerance)).toThrow('do not fill shape [2]');
  });
});

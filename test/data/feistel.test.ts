/** @file The seeded permutations: invertible, onto, and the same on every machine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feistel, permutationBelow, permute, unpermute } from '../../src/data/feistel.ts';
import { rngStream } from '../../src/lib/rng.ts';

describe('feistel', () => {
  it('is undone by its inverse, for every half size and seed', () => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 26 }), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(cases, ([half_bits, seed, share]) => {
        const network = feistel(half_bits, rngStream(seed, 'test'));
        const x = Math.min(Math.floor(share * 4 ** half_bits), 4 ** half_bits - 1);
        const y = permute(network, x);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y).toBeLessThan(4 ** half_bits);
        expect(unpermute(network, y)).toBe(x);
      }),
    );
  });

  it('maps 0 .. n-1 onto itself for any n', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (n, seed) => {
        const permutation = permutationBelow(n, rngStream(seed, 'test'));
        const images = Array.from({ length: n }, (_, i) => permutation(i)).sort((a, b) => a - b);
        expect(images).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
      { numRuns: 50 },
    );
  });

  it('differs between seeds and leaves no order behind', () => {
    const n = 10_000;
    const [a, b] = [1, 2].map((seed) => permutationBelow(n, rngStream(seed, 'test'))) as [
      (x: number) => number,
      (x: number) => number,
    ];
    const indices = Array.from({ length: n }, (_, i) => i);
    expect(indices.filter((i) => a(i) === b(i)).length).toBeLessThan(10);
    // The correlation of index and image of a random permutation has standard deviation 1/sqrt(n) = .01.
    const mean = (n - 1) / 2;
    const covariance = indices.reduce((sum, i) => sum + (i - mean) * (a(i) - mean), 0) / n;
    expect(Math.abs(covariance / ((n * n - 1) / 12))).toBeLessThan(0.04);
  });
});

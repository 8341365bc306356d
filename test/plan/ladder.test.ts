/** @file Widths and heads of the ladder of sizes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countParams } from '../../src/model/size.ts';
import { chooseHeads, modelSpec, nearestWidth } from '../../src/plan/ladder.ts';
import { studyOf } from './facts.ts';

const { model } = studyOf('set: {model.d_model: 8, train.num_tokens: 1M}');
const total = (d_model: number) => countParams(modelSpec(model, d_model, 64), 64).total;

describe('chooseHeads', () => {
  it.each([
    [8, 1],
    [12, 1],
    [16, 1],
    [20, 1],
    [24, 2],
    [32, 2],
    [40, 2],
    [48, 3],
    [64, 4],
    [80, 5],
    [96, 6],
    [128, 8],
    [160, 10],
  ])('d_model %i has %i heads of about 16', (d_model, heads) => {
    expect(chooseHeads(d_model, 16)).toBe(heads);
  });

  it('divides any width', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.integer({ min: 1, max: 256 }), (d_model, d_head) => {
        expect(d_model % chooseHeads(d_model, d_head)).toBe(0);
      }),
    );
  });
});

describe('nearestWidth', () => {
  it('gives the width of the ladder whose N is nearest in log', () => {
    for (const d_model of [8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 160]) {
      expect(nearestWidth(model, 64, total(d_model), 'six_n_total')).toBe(d_model);
    }
    const between = Math.sqrt(total(16) * total(20));
    expect(nearestWidth(model, 64, between * 0.99, 'six_n_total')).toBe(16);
    expect(nearestWidth(model, 64, between * 1.01, 'six_n_total')).toBe(20);
  });

  it('counts N as the compute is counted', () => {
    expect(nearestWidth(model, 64, 24 * 32 ** 2, 'six_n_non_embedding')).toBe(32);
    expect(nearestWidth(model, 64, total(32), 'exact')).toBe(32);
  });

  it('is within a quarter of any target between the ends', () => {
    fc.assert(
      fc.property(fc.double({ min: Math.log(total(8)), max: Math.log(total(160)), noNaN: true }), (logN) => {
        const N = Math.exp(logN);
        expect(Math.abs(Math.log(total(nearestWidth(model, 64, N, 'six_n_total')) / N))).toBeLessThan(Math.log(1.4));
      }),
    );
  });

  it('keeps to widths that given heads divide, and refuses when there is none', () => {
    expect(nearestWidth({ ...model, n_head: 6 }, 64, total(32), 'six_n_total') % 6).toBe(0);
    expect(() => nearestWidth({ ...model, n_head: 97 }, 64, 1e4, 'six_n_total')).toThrow(
      'invalid model.n_head: 97 divides no width of the ladder, 8 to 160',
    );
  });
});

/** @file The order of training windows: nothing twice before everything once, the same for every batch size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consecutiveWindows, copyWindow, emptyBatch, scoredWindows, windowOrder } from '../../src/data/windows.ts';

const shapes = fc.record({
  n_ctx: fc.integer({ min: 1, max: 40 }),
  extra: fc.integer({ min: 1, max: 2000 }),
  seed: fc.nat(),
  epoch: fc.nat(5),
});

describe('windowOrder', () => {
  it('covers num_windows x n_ctx different tokens in each epoch, none beyond the corpus', () => {
    fc.assert(
      fc.property(shapes, ({ n_ctx, extra, seed, epoch }) => {
        const num_tokens = n_ctx + extra;
        const order = windowOrder(num_tokens, n_ctx);
        // At most two contexts of the corpus are left out.
        expect(order.num_windows * n_ctx).toBeGreaterThan(num_tokens - 2 * n_ctx - 1);
        const starts = Array.from({ length: order.num_windows }, (_, i) =>
          order.start(seed, epoch * order.num_windows + i),
        ).sort((a, b) => a - b);
        expect(starts[0]).toBeGreaterThanOrEqual(0);
        expect(starts.at(-1)! + n_ctx + 1).toBeLessThanOrEqual(num_tokens);
        for (let i = 1; i < starts.length; i++) expect(starts[i]! - starts[i - 1]!).toBe(n_ctx);
      }),
    );
  });

  it('is a pure function of seed and sequence, in whatever order it is asked', () => {
    const order = windowOrder(1000, 8);
    const forward = Array.from({ length: 600 }, (_, i) => order.start(3, i));
    const backward = Array.from({ length: 600 }, (_, i) => windowOrder(1000, 8).start(3, 599 - i)).reverse();
    expect(backward).toEqual(forward);
    order.start(4, 17);
    expect(order.start(3, 5)).toBe(forward[5]);
  });

  it('shuffles each epoch and each seed anew', () => {
    const order = windowOrder(10_000, 16);
    const n = order.num_windows;
    const epochs = [0, 1, 2].map((e) => Array.from({ length: n }, (_, i) => order.start(0, e * n + i)));
    expect(new Set(epochs.map((starts) => starts.join())).size).toBe(3);
    expect(new Set(epochs.map((starts) => starts[0]! % 16)).size).toBeGreaterThan(1);
    expect(Array.from({ length: n }, (_, i) => order.start(1, i))).not.toEqual(epochs[0]);
  });
});

describe('windows', () => {
  const tokens = Uint16Array.from({ length: 100 }, (_, i) => i);

  it('copy inputs and targets shifted by one', () => {
    const batch = emptyBatch(2, 4);
    copyWindow(batch, 1, tokens, 10, 4);
    expect(Array.from(batch.inputs)).toEqual([0, 0, 0, 0, 10, 11, 12, 13]);
    expect(Array.from(batch.targets)).toEqual([0, 0, 0, 0, 11, 12, 13, 14]);
  });

  it('are consecutive from the first token and leave one token for the last target', () => {
    expect(scoredWindows(100, 1000, 4)).toBe(24);
    expect(scoredWindows(101, 1000, 4)).toBe(25);
    expect(scoredWindows(100, 19, 4)).toBe(4);
    expect(() => scoredWindows(100, 3, 4)).toThrow('invalid eval_tokens: 3 is less than one context of n_ctx 4');
    const { inputs, targets, num_windows } = consecutiveWindows(tokens, 3, 4);
    expect(num_windows).toBe(3);
    expect(Array.from(inputs)).toEqual(Array.from(tokens.subarray(0, 12)));
    expect(Array.from(targets)).toEqual(Array.from(tokens.subarray(1, 13)));
  });
});

/** @file "Did you mean": edit distance, and when a name is near enough to be suggested. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, suggest } from '../../src/config/suggest.ts';

describe('editDistance', () => {
  it.each([
    ['kitten', 'sitting', 3],
    ['n_layer', 'n_lyaer', 1],
    ['', 'abc', 3],
    ['same', 'same', 0],
  ])('%s to %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, zero for equal texts only, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('suggest', () => {
  const known = ['d_model', 'n_head', 'learning_rate', 'learning_rate_scale', 'n_ctx', 'seeds', 'model.d_model'];
  it.each([
    ['d_modle', 'd_model'],
    ['learningRate', 'learning_rate'],
    ['lr', 'learning_rate'],
    ['block_size', 'n_ctx'],
    ['N_HEAD', 'n_head'],
    ['train.d_model', 'd_model'],
    ['model.dmodel', 'model.d_model'],
  ])('%s -> %s', (name, meant) => {
    expect(suggest(name, known)).toBe(meant);
  });

  it.each(['dropout', '', 'x'.repeat(100), '__proto__', 'constructor'])('nothing near %s', (name) => {
    expect(suggest(name, known)).toBeUndefined();
  });
});

/** @file The global gradient norm against a float64 sum of squares. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { globalNorm } from '../../../src/model/ops/global-norm.ts';
import { tf } from '../../../src/tf.ts';
import { anySize, describeOnBackends, normalValues, type Values } from '../../support/op-checks.ts';

const normOf = (tensors: Values[]) =>
  tf.tidy(() => globalNorm(tensors.map(({ shape, data }) => tf.tensor(data, shape, 'float32'))).dataSync()[0]!);

const anyShapes = fc.array(fc.array(anySize, { maxLength: 2 }), { minLength: 1, maxLength: 5 });

describeOnBackends('globalNorm', () => {
  it('is the square root of the float64 sum of squares over tensors of any shapes', () => {
    const property = fc.property(anyShapes, (shapes) => {
      const rng = rngStream(1, `global-norm/${JSON.stringify(shapes)}`);
      const tensors = shapes.map((shape) => normalValues(shape, rng));
      const squares = tensors.flatMap(({ data }) => Array.from(data, (g) => g * g));
      const expected = Math.sqrt(squares.reduce((a, b) => a + b, 0));
      // All terms are positive: nothing cancels. n terms are off by at most n 2^-24, by far less as a rule.
      expect([normOf(tensors)]).toBeAllclose([expected], { rtol: 16 * 2 ** -24 });
      expect(normOf(tensors)).toBe(normOf(tensors));
    });
    fc.assert(property, { seed: 1, numRuns: 30, examples: [[[[]]], [[[1], [33, 17], [7]]]] });
  });

  it('is 0 for zeros, and not finite where a gradient is not', () => {
    const tensors = (value: number): Values[] => [
      { shape: [3], data: Float32Array.of(1, 2, 3) },
      { shape: [2, 2], data: Float32Array.of(1, 1, value, 1) },
    ];
    expect(normOf([{ shape: [7], data: new Float32Array(7) }])).toBe(0);
    expect(normOf(tensors(Number.NaN))).toBeNaN();
    expect(normOf(tensors(Infinity))).toBe(Infinity);
    expect(normOf(tensors(-Infinity))).toBe(Infinity);
  });
});

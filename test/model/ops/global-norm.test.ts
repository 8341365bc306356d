/** @file The global gradient norm against a float64 sum of squares. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rngStream } from '../../../src/lib/rng.ts';
import { globalNorm } from '../../../src/model/ops/global-norm.ts';
import { tf } from '../../../src/tf.ts';
import { anySize, describeOnBackends, normalValues, type Values } from '../../support/op-checks.ts';
import { valuesOf } from '../../support/values.ts';

const normOf = async (tensors: Values[]) =>
  (await valuesOf(() => globalNorm(tensors.map(({ shape, data }) => tf.tensor(data, shape, 'float32')))))[0]!;

const anyShapes = fc.array(fc.array(anySize, { maxLength: 2 }), { minLength: 1, maxLength: 5 });

describeOnBackends('globalNorm', () => {
  it('is the square root of the float64 sum of squares over tensors of any shapes', async () => {
    const property = fc.asyncProperty(anyShapes, async (shapes) => {
      const rng = rngStream(1, `global-norm/${JSON.stringify(shapes)}`);
      const tensors = shapes.map((shape) => normalValues(shape, rng));
      const squares = tensors.flatMap(({ data }) => Array.from(data, (g) => g * g));
      const expected = Math.sqrt(squares.reduce((a, b) => a + b, 0));
      // All terms are positive: nothing cancels. n terms are off by at most n 2^-24, by far less as a rule.
      expect([await normOf(tensors)]).toBeAllclose([expected], { rtol: 16 * 2 ** -24 });
      expect(await normOf(tensors)).toBe(await normOf(tensors));
    });
    await fc.assert(property, { seed: 1, numRuns: 30, examples: [[[[]]], [[[1], [33, 17], [7]]]] });
  });

  it('is 0 for zeros, and not finite where a gradient is not', async () => {
    const tensors = (value: number): Values[] => [
      { shape: [3], data: Float32Array.of(1, 2, 3) },
      { shape: [2, 2], data: Float32Array.of(1, 1, value, 1) },
    ];
    expect(await normOf([{ shape: [7], data: new Float32Array(7) }])).toBe(0);
    expect(await normOf(tensors(Number.NaN))).toBeNaN();
    expect(await normOf(tensors(Infinity))).toBe(Infinity);
    expect(await normOf(tensors(-Infinity))).toBe(Infinity);
  });
});

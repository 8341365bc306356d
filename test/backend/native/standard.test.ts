/** @file tfjs's standard kernels on the native backend against tfjs's own cpu backend, over random shapes, dtypes and
 * instruction sets.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { configureNative, nativeInstructionSets } from '../../../src/backend/native/native.ts';
import { normal, rngStream } from '../../../src/lib/rng.ts';
import { tf } from '../../../src/tf.ts';
import { compareAll } from '../../support/allclose.ts';
import { useBackend, WITHOUT_NATIVE } from '../../support/backend.ts';

const SETS = ['avx512', 'avx2', 'neon', 'portable'];

/** A float tensor of `shape` from a seed, made anew on the current backend. */
function floats(shape: number[], seed: number): tf.Tensor {
  const rng = rngStream(seed, 'standard');
  return tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => normal(rng)),
    shape,
  );
}

const positive = (shape: number[], seed: number) => tf.add(tf.abs(floats(shape, seed)), 0.1);
const ints = (shape: number[], seed: number, limit = 5) =>
  tf.cast(tf.minimum(tf.abs(tf.mul(floats(shape, seed), limit / 2)), limit - 1), 'int32');

interface Result {
  shape: number[];
  dtype: string;
  data: number[];
}

function evaluate(op: () => tf.Tensor | tf.Tensor[]): Result[] {
  return tf.tidy(() => [op()].flat().map((t) => ({ shape: t.shape, dtype: t.dtype, data: [...t.dataSync()] })));
}

/** `op` on native within `rtol` (and 1e-6 near 0) of cpu; shapes and dtypes equal. */
async function agrees(op: () => tf.Tensor | tf.Tensor[], rtol = 2e-6): Promise<void> {
  await useBackend('cpu');
  const expected = evaluate(op);
  await useBackend('native');
  const actual = evaluate(op);
  expect(actual.map(({ shape, dtype }) => [shape, dtype])).toEqual(expected.map(({ shape, dtype }) => [shape, dtype]));
  actual.forEach(({ data }, i) => {
    if (data.length === 0) return;
    const { pass, message } = compareAll(data, expected[i]!.data, { rtol, atol: 1e-6 });
    expect(pass, message).toBe(true);
  });
}

const size = fc.oneof(fc.constantFrom(1, 7, 17, 33), fc.integer({ min: 1, max: 20 }));
const shapeOf = (min: number, max: number) => fc.array(size, { minLength: min, maxLength: max });
const check = (arbitrary: fc.Arbitrary<unknown[]>, body: (...args: never[]) => Promise<void>, numRuns = 12) =>
  fc.assert(
    fc.asyncProperty(arbitrary, (args) => body(...(args as never[]))),
    { seed: 1, numRuns },
  );

const UNARY: Record<string, (shape: number[]) => tf.Tensor> = {
  neg: (s) => tf.neg(floats(s, 1)),
  abs: (s) => tf.abs(floats(s, 1)),
  square: (s) => tf.square(floats(s, 1)),
  sqrt: (s) => tf.sqrt(positive(s, 1)),
  rsqrt: (s) => tf.rsqrt(positive(s, 1)),
  exp: (s) => tf.exp(tf.mul(floats(s, 1), 20)),
  log: (s) => tf.log(positive(s, 1)),
  sigmoid: (s) => tf.sigmoid(tf.mul(floats(s, 1), 5)),
  tanh: (s) => tf.tanh(floats(s, 1)),
  relu: (s) => tf.relu(floats(s, 1)),
  reciprocal: (s) => tf.reciprocal(positive(s, 1)),
  floor: (s) => tf.floor(tf.mul(floats(s, 1), 3)),
  isNaN: (s) => tf.isNaN(tf.log(floats(s, 1))),
  'cast to int32': (s) => tf.cast(tf.mul(floats(s, 1), 3), 'int32'),
  'cast to bool': (s) => tf.cast(ints(s, 1), 'bool'),
  'int32 to float32': (s) => tf.cast(ints(s, 1), 'float32'),
  zerosLike: (s) => tf.zerosLike(floats(s, 1)),
  onesLike: (s) => tf.onesLike(ints(s, 1)),
  softmax: (s) => tf.softmax(tf.mul(floats(s, 1), 4)),
  logSoftmax: (s) => tf.logSoftmax(tf.mul(floats(s, 1), 4)),
  'int32 square': (s) => tf.square(ints(s, 1)),
};

const BINARY: Record<string, (a: number[], b: number[]) => tf.Tensor> = {
  add: (a, b) => tf.add(floats(a, 1), floats(b, 2)),
  sub: (a, b) => tf.sub(floats(a, 1), floats(b, 2)),
  mul: (a, b) => tf.mul(floats(a, 1), floats(b, 2)),
  div: (a, b) => tf.div(floats(a, 1), positive(b, 2)),
  maximum: (a, b) => tf.maximum(floats(a, 1), floats(b, 2)),
  minimum: (a, b) => tf.minimum(floats(a, 1), floats(b, 2)),
  squaredDifference: (a, b) => tf.squaredDifference(floats(a, 1), floats(b, 2)),
  pow: (a, b) => tf.pow(positive(a, 1), floats(b, 2)),
  equal: (a, b) => tf.equal(ints(a, 1), ints(b, 2)),
  notEqual: (a, b) => tf.notEqual(ints(a, 1), ints(b, 2)),
  less: (a, b) => tf.less(floats(a, 1), floats(b, 2)),
  lessEqual: (a, b) => tf.lessEqual(ints(a, 1), ints(b, 2)),
  greater: (a, b) => tf.greater(floats(a, 1), floats(b, 2)),
  greaterEqual: (a, b) => tf.greaterEqual(ints(a, 1), ints(b, 2)),
  'int32 add': (a, b) => tf.add(ints(a, 1), ints(b, 2)),
  'int32 mul': (a, b) => tf.mul(ints(a, 1), ints(b, 2)),
  'int32 maximum': (a, b) => tf.maximum(ints(a, 1), ints(b, 2)),
  floorDiv: (a, b) => tf.floorDiv(ints(a, 1, 20), tf.add(ints(b, 2), tf.scalar(1, 'int32'))),
  logicalAnd: (a, b) => tf.logicalAnd(tf.cast(ints(a, 1, 2), 'bool'), tf.cast(ints(b, 2, 2), 'bool')),
};

describe.skipIf(WITHOUT_NATIVE !== '')(`standard kernels on native ${WITHOUT_NATIVE}`, () => {
  let sets: string[] = [];
  beforeAll(async () => {
    sets = WITHOUT_NATIVE === '' ? await nativeInstructionSets() : [];
  });

  describe.each(SETS)('%s', (instruction_set) => {
    beforeAll(async () => {
      if (sets.includes(instruction_set)) await configureNative({ instruction_set });
    });
    const run = (name: string, body: () => Promise<void>) =>
      it(name, async (context) => {
        context.skip(!sets.includes(instruction_set), `this machine lacks ${instruction_set}`);
        await body();
      });

    for (const [name, op] of Object.entries(UNARY)) {
      run(name, () => check(fc.tuple(shapeOf(1, 3)), (shape: number[]) => agrees(() => op(shape), 4e-6)));
    }

    for (const [name, op] of Object.entries(BINARY)) {
      run(`${name}, broadcast`, () =>
        check(
          fc.tuple(shapeOf(1, 4), fc.infiniteStream(fc.nat(3)), fc.nat(3)),
          async (shape: number[], cuts, drop) => {
            // One operand loses axes from the left, or has them shrunk to 1.
            const stream = cuts as unknown as Iterator<number>;
            const other = shape.map((n) => (stream.next().value === 0 ? 1 : n)).slice((drop as number) % shape.length);
            await agrees(() => op(shape, other), 4e-6);
            await agrees(() => op(shape, shape), 4e-6);
          },
          6,
        ),
      );
    }

    run('sum, mean, max, min over any axes', () =>
      check(fc.tuple(shapeOf(1, 4), fc.nat(15), fc.boolean()), async (shape: number[], mask: number, keep: boolean) => {
        const axes = shape.map((_, i) => i).filter((i) => (mask >> i) & 1);
        const axis = axes.length > 0 ? axes : undefined;
        await agrees(() => {
          const x = floats(shape, 1);
          return [tf.sum(x, axis, keep), tf.mean(x, axis, keep), tf.max(x, axis, keep), tf.min(x, axis, keep)];
        }, 1e-5);
        await agrees(() => [tf.sum(ints(shape, 2), axis, keep), tf.argMax(floats(shape, 1), 0)]);
      }),
    );

    run('matMul in batches and transposed', () =>
      check(
        fc.tuple(shapeOf(3, 3), fc.nat(3), fc.nat(2)),
        async (dims: number[], flips: number, batch: number) => {
          const [m, k, n] = dims as [number, number, number];
          const [ta, tb] = [(flips & 1) === 1, (flips & 2) === 2];
          const outer = batch > 0 ? [batch + 1] : [];
          const a = [...outer, ...(ta ? [k, m] : [m, k])];
          const b = tb ? [n, k] : [k, n];
          await agrees(() => tf.matMul(floats(a, 1), floats([...outer, ...b], 2), ta, tb), 1e-4);
          if (batch > 0) await agrees(() => tf.matMul(floats(a, 1), floats([1, ...b], 2), ta, tb), 1e-4);
        },
        20,
      ),
    );

    run('transpose, slice, concat, stack, split, tile, pad, gather, one-hot, select', () =>
      check(fc.tuple(shapeOf(3, 3), fc.nat(5)), async (shape: number[], order: number) => {
        const perms = [
          [0, 1, 2],
          [0, 2, 1],
          [1, 0, 2],
          [1, 2, 0],
          [2, 0, 1],
          [2, 1, 0],
        ];
        const [a, b, c] = shape as [number, number, number];
        await agrees(() => {
          const x = floats(shape, 1);
          const y = floats([a, 3, c], 2);
          return [
            tf.transpose(x, perms[order]),
            tf.slice(x, [0, b - 1, 0], [a, 1, -1]),
            tf.concat([x, y, x], 1),
            tf.stack([x, x], 1),
            ...tf.unstack(x, 2).slice(0, 2),
            ...tf.split(tf.concat([x, y], 1), [b, 3], 1),
            tf.tile(x, [2, 1, 3]),
            tf.pad(
              x,
              [
                [1, 0],
                [0, 2],
                [1, 1],
              ],
              0.5,
            ),
            tf.gather(x, ints([4], 3, b), 1),
            tf.oneHot(ints([a], 4), 5),
            tf.where(tf.greater(x, 0), x, tf.neg(x)),
            tf.broadcastTo(floats([1, c], 5), [b, c]),
            tf.unsortedSegmentSum(x, ints([a], 6) as tf.Tensor1D, 5),
            tf.addN([x, x, x]),
            tf.expandDims(x, 1),
            tf.range(0, a),
            tf.range(a, 0, -1, 'int32'),
            tf.fill([a], 2.5),
          ];
        });
      }),
    );
  });

  it('refuses a tensor type it does not hold', async () => {
    await useBackend('native');
    expect(() => tf.tensor1d(['a'])).toThrow(/dtype string/);
  });
});

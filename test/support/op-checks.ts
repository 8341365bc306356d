/** @file The checks that every operation of the model must pass on every portable backend, whoever wrote its kernel:
 * forward and backward against the float64 reference over random shapes, backward against finite differences and
 * against tfjs's tape, NaN and infinity let through, the same bits twice, no tensor left behind.
 * A test file describes its operation as an `OpSuite`; a new backend only adds a name to `PORTABLE_BACKENDS`.
 */
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { normal, type Rng, randomInt, rngStream } from '../../src/lib/rng.ts';
import { tf } from '../../src/tf.ts';
import './allclose.ts';
import { PORTABLE_BACKENDS, useBackend } from './backend.ts';
import { differenceGradient, directionalCheck } from './finite-difference.ts';
import type { Matrix } from './reference-ops.ts';
import { ROUNDING, TOLERANCES } from './tolerances.ts';
import { valuesOf } from './values.ts';

/** A float32 array with its shape: kernel and reference both start from it, so that they see equal numbers. */
export interface Values {
  shape: number[];
  data: Float32Array;
}

type Named<T> = Record<string, T>;

/** One operation at one shape. `inputs` are those with a gradient; token ids and the like are kept in the closures. */
export interface OpCase {
  inputs: Named<Values>;
  /** The kernel's main output. */
  forward: (inputs: Named<tf.Tensor>) => tf.Tensor;
  /** The explicit backward pass, with whatever forward pass it needs before it: a gradient for each input. */
  backward: (dy: tf.Tensor, inputs: Named<tf.Tensor>) => Named<tf.Tensor>;
  reference: (inputs: Named<Matrix>) => { y: Matrix; backward: (dy: Matrix) => Named<Matrix> };
}

/** An operation over all its shapes. */
export interface OpSuite<Shape> {
  name: string;
  /** Random shapes; sizes from `anySize`. */
  shapes: fc.Arbitrary<Shape>;
  /** Shapes that are always run, and the only ones for the checks other than the reference's. */
  edges: Shape[];
  make: (shape: Shape, rng: Rng) => OpCase;
}

/** Finite differences of a float32 function: with each coordinate moved by about h the rounding of the outputs gives a
 * relative error of 2^-24 / h = 6e-6, the cubic term h^2 / 6 = 2e-5 times a ratio of derivatives that is of the order
 * of 1 for the inputs here. The worst measured is 8e-5. */
const STEP = 1e-2;
const DIFFERENCE_TOLERANCE = 3e-4;

/** Sizes that are no multiple of a vector's width or a kernel's tile, and 1; now and then any up to 40. */
export const anySize = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 7, 17, 33) },
  fc.integer({ min: 1, max: 40 }),
);

/** The same, but at least 2, which is the smallest vocabulary. */
export const anyVocabulary = anySize.map((size) => Math.max(size, 2));

/** Standard normal values. */
export function normalValues(shape: number[], rng: Rng): Values {
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => normal(rng)) };
}

/** Runs `body` for each portable backend; every test inside must leave the number of tensors as it was. */
export function describeOnBackends(name: string, body: (backend: string) => void): void {
  describe.each(PORTABLE_BACKENDS)(`${name} on %s`, (backend) => {
    let num_tensors = 0;
    beforeAll(() => useBackend(backend));
    beforeEach(() => {
      num_tensors = tf.memory().numTensors;
    });
    afterEach(() => {
      expect(tf.memory().numTensors).toBe(num_tensors);
    });
    body(backend);
  });
}

/** Checks that every call throws, naming the kernel and the shape that is wrong. */
export function itRefuses(kernel: string, calls: Named<{ call: () => unknown; shape: string }>): void {
  it.each(Object.entries(calls))(`refuses %s, naming ${kernel} and the shapes`, (_, { call, shape }) => {
    const run = () => tf.tidy(() => void call());
    expect(run).toThrow(new RegExp(`^${kernel}: `));
    expect(run).toThrow(shape);
  });
}

/** A tensor of ones, for calls that must fail before its values matter. */
export const ones = (...shape: number[]): tf.Tensor => tf.ones(shape);

const toTensor = ({ shape, data }: Values): tf.Tensor => tf.tensor(data, shape, 'float32');

/** Vectors have one row, scalars one element. */
function toMatrix({ shape, data }: Values): Matrix {
  const cols = shape.at(-1) ?? 1;
  return { rows: data.length / cols, cols, data: Float64Array.from(data) };
}

function mapValues<A, B>(record: Named<A>, f: (value: A, name: string) => B): Named<B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}

/** Output and gradients of a case on the current backend, as plain arrays. */
function evaluate({ forward, backward }: OpCase, inputs: Named<Values>, dy: Values): Promise<Named<Float32Array>> {
  return valuesOf(() => {
    const tensors = mapValues(inputs, toTensor);
    return { y: forward(tensors), ...prefixed(backward(toTensor(dy), tensors)) };
  });
}

/** The same from the float64 reference. */
function expectedOf({ reference }: OpCase, inputs: Named<Values>, dy: Values): Named<Float64Array> {
  const { y, backward } = reference(mapValues(inputs, toMatrix));
  return mapValues({ y, ...prefixed(backward(toMatrix(dy))) }, (m) => m.data);
}

/** `x` to `dx`, so that gradients stand beside the output. */
function prefixed<T>(gradients: Named<T>): Named<T> {
  return Object.fromEntries(Object.entries(gradients).map(([name, value]) => [`d${name}`, value]));
}

const largest = (data: Float64Array): number => data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/** A case with its inputs and a random gradient of its output. */
function draw<Shape>(suite: OpSuite<Shape>, shape: Shape) {
  const rng = rngStream(1, `${suite.name}/${JSON.stringify(shape)}`);
  const op = suite.make(shape, rng);
  const y_shape = tf.tidy(() => op.forward(mapValues(op.inputs, toTensor)).shape);
  return { op, rng, dy: normalValues(y_shape, rng) };
}

/** Kernel against reference, every output element: on the scale of the largest of the output, or of all gradients,
 * since one may vanish by cancellation (softmax ignores shifts). */
async function checkReference({ op, dy }: ReturnType<typeof draw>, backend: string): Promise<void> {
  const allowed = TOLERANCES[backend]!.operation * ROUNDING;
  const actual = await evaluate(op, op.inputs, dy);
  const expected = expectedOf(op, op.inputs, dy);
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const gradient_scale = Math.max(
    ...Object.entries(expected).map(([name, data]) => (name === 'y' ? 0 : largest(data))),
  );
  for (const [name, data] of Object.entries(expected)) {
    const scale = name === 'y' ? largest(data) : gradient_scale;
    expect(actual[name]!, name).toBeAllclose(data, { rtol: allowed, atol: allowed * scale });
  }
}

/** Each gradient against differences of `sum dy y`, summed in float64: by coordinate where there are few, else along
 * four random directions. One input moves at a time, so that a small one is not hidden by a large one. */
async function checkDifferences({ op, rng, dy }: ReturnType<typeof draw>): Promise<void> {
  const gradients = await evaluate(op, op.inputs, dy);
  const scale = Math.max(...Object.keys(op.inputs).map((name) => largest(Float64Array.from(gradients[`d${name}`]!))));
  for (const [name, { shape, data }] of Object.entries(op.inputs)) {
    const gradient = gradients[`d${name}`]!;
    const f = async (x: Float64Array) => {
      const moved = { ...op.inputs, [name]: { shape, data: Float32Array.from(x) } };
      const y = await valuesOf(() => op.forward(mapValues(moved, toTensor)));
      return y.reduce((sum, value, i) => sum + value * dy.data[i]!, 0);
    };
    const x = Float64Array.from(data);
    if (x.length <= 8) {
      const tolerance = { rtol: DIFFERENCE_TOLERANCE, atol: DIFFERENCE_TOLERANCE * scale };
      expect(await differenceGradient(f, x, STEP), name).toBeAllclose(gradient, tolerance);
    } else {
      const h = STEP * Math.sqrt(x.length);
      const { analytic, numeric } = await directionalCheck(f, x, gradient, { rng, num_directions: 4, h });
      // Along a unit direction a gradient of length |g| shows as |g| / sqrt(size).
      const typical = Math.hypot(...gradient) / Math.sqrt(x.length);
      expect(numeric, name).toBeAllclose(analytic, {
        rtol: DIFFERENCE_TOLERANCE,
        atol: DIFFERENCE_TOLERANCE * typical,
      });
    }
  }
}

/** The registered gradient must be the same kernel on the same numbers: equal bits. */
async function checkTape({ op, dy }: ReturnType<typeof draw>): Promise<void> {
  const explicit = await evaluate(op, op.inputs, dy);
  const names = Object.keys(op.inputs);
  const taped = await valuesOf(() => {
    const f = (...xs: tf.Tensor[]) => op.forward(Object.fromEntries(names.map((name, i) => [name, xs[i]!])));
    return tf.grads(f)(
      names.map((name) => toTensor(op.inputs[name]!)),
      toTensor(dy),
    );
  });
  names.forEach((name, i) => {
    expect(taped[i], name).toEqual(explicit[`d${name}`]);
  });
}

/** One spoiled element of an input or of dy: wherever the reference is not finite, the kernel must not be either.
 * Returns the number of those places. */
async function checkNonFinite(
  { op, rng, dy }: ReturnType<typeof draw>,
  spoiled: string,
  value: number,
): Promise<number> {
  const spoil = ({ shape, data }: Values): Values => {
    const at = randomInt(rng, data.length);
    return { shape, data: data.map((v, i) => (i === at ? value : v)) };
  };
  const inputs = mapValues(op.inputs, (values, name) => (name === spoiled ? spoil(values) : values));
  const spoiledDy = spoiled === 'dy' ? spoil(dy) : dy;
  const expected = expectedOf(op, inputs, spoiledDy);
  const actual = await evaluate(op, inputs, spoiledDy);
  let num_bad = 0;
  for (const [name, data] of Object.entries(expected)) {
    const swallowed = [...data.keys()].filter((i) => !Number.isFinite(data[i]!) && Number.isFinite(actual[name]![i]!));
    expect(swallowed, `${name}: finite where the reference is not, with ${value} in ${spoiled}`).toEqual([]);
    num_bad += data.filter((v) => !Number.isFinite(v)).length;
  }
  return num_bad;
}

/** Declares all checks of an operation, on each portable backend. */
export function describeOp<Shape>(suite: OpSuite<Shape>): void {
  describeOnBackends(suite.name, (backend) => {
    it('agrees with the float64 reference over random shapes, forward and backward', async () => {
      const examples = suite.edges.map((shape): [Shape] => [shape]);
      const property = fc.asyncProperty(suite.shapes, (shape) => checkReference(draw(suite, shape), backend));
      await fc.assert(property, { seed: 1, numRuns: examples.length + 24, examples });
    });

    it.each(suite.edges)('backward agrees with finite differences at %o', async (shape) => {
      await checkDifferences(draw(suite, shape));
    });

    it.each(suite.edges)('gives the tape the gradients of the backward pass at %o', async (shape) => {
      await checkTape(draw(suite, shape));
    });

    it('lets NaN and infinity through', async () => {
      const cases = suite.edges.map((shape) => draw(suite, shape));
      for (const spoiled of [...Object.keys(cases[0]!.op.inputs), 'dy']) {
        for (const value of [Number.NaN, Infinity, -Infinity]) {
          let num_bad = 0;
          for (const drawn of cases) num_bad += await checkNonFinite(drawn, spoiled, value);
          // Minus infinity is an honest logit: it may spoil nothing.
          if (value !== -Infinity) expect(num_bad, `outputs that ${value} in ${spoiled} spoils`).toBeGreaterThan(0);
        }
      }
    });

    it('gives the same bits twice', async () => {
      for (const shape of suite.edges) {
        const { op, dy } = draw(suite, shape);
        expect(await evaluate(op, op.inputs, dy)).toEqual(await evaluate(op, op.inputs, dy));
      }
    });
  });
}

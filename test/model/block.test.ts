/** @file A backend's own block against the operations it is made of, on the same backend, over random shapes. The
 * single operations are held against the float64 reference in files of their own, whole models in gpt.test.ts.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KERNEL, type KernelInputs } from '../../src/kernels.ts';
import { rngStream } from '../../src/lib/rng.ts';
import { blockForward, blockKernels, type Tensors } from '../../src/model/block.ts';
import { runOp } from '../../src/model/ops/kernel.ts';
import { LAYER_NORM_EPS } from '../../src/model/ops/layer-norm.ts';
import { paramShapes } from '../../src/model/size.ts';
import { tf } from '../../src/tf.ts';
import { compareAll } from '../support/allclose.ts';
import { anySize, describeOnBackends, itRefuses, normalValues, ones } from '../support/op-checks.ts';
import { ROUNDING } from '../support/tolerances.ts';
import { valuesOf } from '../support/values.ts';

/** Of the largest value, twice an operation's (tolerances.ts): here up to twelve follow each other. */
const ROUNDINGS = 64 * ROUNDING;

interface Shape {
  batch: number;
  n_ctx: number;
  n_head: number;
  d_head: number;
  d_ff: number;
  bias: boolean;
  seed: number;
}

const ANY_SHAPE: fc.Arbitrary<Shape> = fc.record({
  ...{ batch: fc.integer({ min: 1, max: 3 }), n_ctx: anySize, n_head: fc.integer({ min: 1, max: 3 }) },
  ...{ d_head: fc.constantFrom(1, 2, 7, 16, 17), d_ff: anySize, bias: fc.boolean(), seed: fc.nat(99) },
});

/** Random rows x and dy and the parameters of one block, the first weight of `spoilt` replaced. */
function drawn({ batch, n_ctx, n_head, d_head, d_ff, bias, seed }: Shape, spoilt?: { name: string; value: number }) {
  const d_model = n_head * d_head;
  const rng = rngStream(seed, 'block');
  const draw = (name: string, shape: number[]) => {
    const { data } = normalValues(shape, rng);
    // Weights as wide as keep sums of their inputs near 1, so that softmax and GELU are neither flat nor a step.
    const scale = name.endsWith('.w') ? 1 / Math.sqrt(shape[0]!) : 1;
    const values = data.map((v) => v * scale);
    if (name === spoilt?.name) values[0] = spoilt.value;
    return tf.tensor(values, shape);
  };
  const model = { n_layer: 1, n_head, d_model, d_ff, n_ctx, vocab_size: 2, bias, tie_embeddings: true };
  const shapes = Object.entries(paramShapes({ ...model, init_std: 1, embedding_init_std: 1 }));
  const params: Tensors = {};
  for (const [name, shape] of shapes) {
    if (name.startsWith('h.0.')) params[name.slice(4)] = draw(name.slice(4), shape);
  }
  const rows = [batch * n_ctx, d_model];
  return { params, x: draw('x', rows), dy: draw('dy', rows), attrs: { n_ctx, n_head, eps: LAYER_NORM_EPS } };
}

type Runner = (inputs: KernelInputs, attrs: Record<string, number>) => tf.Tensor[];

/** Output, input gradient and parameter gradients. */
function forwardAndBack({ params, x, dy, attrs }: ReturnType<typeof drawn>, [block, blockGrad]: [Runner, Runner]) {
  const [y, ...saved] = block({ x, ...params }, attrs);
  const kept = Object.fromEntries(saved.map((t, i) => [`saved${i}`, t]));
  return [y!, ...blockGrad({ dy, x, ...kept, ...params }, attrs)];
}

const [composedBlock, composedGrad] = blockKernels.map(({ run }) => run);
const COMPOSED: [Runner, Runner] = [composedBlock!, composedGrad!];
const REGISTERED: [Runner, Runner] = [
  (inputs, attrs) => runOp(KERNEL.block, inputs, attrs),
  (inputs, attrs) => runOp(KERNEL.blockGrad, inputs, attrs),
];

const runOn = (inputs: () => ReturnType<typeof drawn>, runners: [Runner, Runner]) =>
  valuesOf(() => forwardAndBack(inputs(), runners));

const largest = (arrays: Float32Array[]) =>
  arrays.reduce((most, a) => a.reduce((max, v) => Math.max(max, Math.abs(v)), most), 1e-6);

describeOnBackends('the block', () => {
  it('equals the operations it is made of', async () => {
    const check = async (shape: Shape) => {
      const own = await runOn(() => drawn(shape), REGISTERED);
      const apart = await runOn(() => drawn(shape), COMPOSED);
      expect(own.length).toBe(apart.length);
      // Gradients on the scale of the largest: that of the keys' bias is 0 but for rounding.
      const scales = apart.map((_, i) => largest(i === 0 ? apart.slice(0, 1) : apart.slice(1)));
      own.forEach((values, i) => {
        const { pass, message } = compareAll(values, apart[i]!, { atol: ROUNDINGS * scales[i]! });
        expect(pass, `output ${i}: ${message}`).toBe(true);
      });
    };
    await fc.assert(fc.asyncProperty(ANY_SHAPE, check), { seed: 1, numRuns: 20 });
    // More rows than go through together, and a context as long as that.
    const usual = { n_head: 2, d_head: 16, d_ff: 128, bias: true, seed: 5 };
    await check({ ...usual, batch: 5, n_ctx: 64 });
    await check({ ...usual, batch: 2, n_ctx: 200, d_head: 56 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('lets %s through as they do', async (value) => {
    const shape = { batch: 2, n_ctx: 7, n_head: 2, d_head: 8, d_ff: 17, bias: true, seed: 1 };
    for (const name of ['x', 'dy', 'ln_1.g', 'attn.c_q.w', 'attn.c_v.w', 'mlp.c_fc.w', 'mlp.c_proj.w']) {
      const finite = async (runners: [Runner, Runner]) =>
        (await runOn(() => drawn(shape, { name, value }), runners)).map((values) => [...values].map(Number.isFinite));
      expect(await finite(REGISTERED), name).toEqual(await finite(COMPOSED));
    }
  });

  const block = (name: string, weight: tf.Tensor) => {
    const { params, x } = drawn({ batch: 1, n_ctx: 2, n_head: 1, d_head: 3, d_ff: 5, bias: false, seed: 1 });
    const all = Object.fromEntries(Object.entries({ ...params, [name]: weight }).map(([n, t]) => [`h.0.${n}`, t]));
    return blockForward(all, { n_ctx: 2, n_head: 1 }, 0, x);
  };
  itRefuses('LabBlock', {
    'a context that does not divide the rows': {
      call: () => blockForward({}, { n_ctx: 2, n_head: 1 }, 0, ones(3, 4)),
      shape: 'x [3, 4]',
    },
    'a weight of another width': { call: () => block('mlp.c_proj.w', ones(4, 3)), shape: 'mlp.c_proj.w [4, 3]' },
    'a gain of another width': { call: () => block('ln_2.g', ones(4)), shape: 'ln_2.g [4]' },
  });

  it('refuses a missing parameter by name', () => {
    expect(() => tf.tidy(() => blockForward({}, { n_ctx: 2, n_head: 1 }, 0, ones(2, 4)).out)).toThrow(/h\.0\.ln_1\.g/);
  });
});

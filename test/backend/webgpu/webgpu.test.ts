/** @file What is the webgpu backend's own: which adapter it takes, how few programs a step starts, sizes at which its
 * kernels change, and a run that goes on from its checkpoint. What every backend must do is checked in test/model and
 * training.test.ts. Runs on the software adapter of Debian's `chromium`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BackendInfo, describeAdapter, numLaunches } from '../../../src/backend/backend.ts';
import { findWebgpu } from '../../../src/backend/webgpu/webgpu.ts';
import { gelu } from '../../../src/model/ops/gelu.ts';
import { linear } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { createState, trainStep } from '../../../src/train/state.ts';
import { trainRun } from '../../../src/train/train.ts';
import { TEST_ADAPTER, useBackend, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { randomBatch, smallModel } from '../../support/random-params.ts';
import { jobIn, startBackend, temporaryFolder, tinySpec } from '../../support/training.ts';
import { valuesOf } from '../../support/values.ts';

const OPTIMIZER = { learning_rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 };

/** Programs a training step starts on a model of `n_layer` layers. */
function launchesOf(overrides: Parameters<typeof smallModel>[0]): number {
  const model = smallModel(overrides);
  const state = createState(model, 0);
  const before = numLaunches()!;
  trainStep(state, model, randomBatch(model, 2, 1), { optimizer: OPTIMIZER, learning_rate: 0.01, step: 1 });
  const launches = numLaunches()! - before;
  tf.dispose(state as unknown as tf.TensorContainer);
  return launches;
}

describe('choice of an adapter', () => {
  it('takes no software adapter unasked', async () => {
    const best = await describeAdapter();
    expect(best?.is_software ?? false).toBe(false);
    if (best === null) expect(await findWebgpu()).toMatch(/Vulkan|adapter/);
  });

  it('names the adapters there are where the one asked for is none of them', async () => {
    expect(await findWebgpu({ adapter: 'Voodoo 2' })).toMatch(/Voodoo 2|Vulkan/i);
    await expect(startBackend('webgpu', { adapter: 'Voodoo 2' })).rejects.toMatchObject({ exit: 'no_backend' });
  });

  it('is refused to other backends', async () => {
    const start = startBackend('wasm', { adapter: TEST_ADAPTER });
    await expect(start).rejects.toMatchObject({ exit: 'usage', message: expect.stringContaining('--backend webgpu') });
  });
});

describe.skipIf(WITHOUT_WEBGPU !== '')(`webgpu backend ${WITHOUT_WEBGPU}`, () => {
  let backend: BackendInfo;
  const { folder, remove } = temporaryFolder();
  beforeAll(async () => {
    await useBackend('webgpu');
    backend = await startBackend('webgpu', { adapter: TEST_ADAPTER });
  });
  afterAll(remove);

  it('says what it computes on', async () => {
    expect(backend.device.toLowerCase()).toContain(TEST_ADAPTER.toLowerCase());
    expect(backend.versions['webgpu']).toMatch(/^\d+\.\d+\.\d+/);
    const { limits, driver } = (await describeAdapter({ adapter: TEST_ADAPTER }))!;
    expect(driver).not.toBe('');
    expect(limits['maxStorageBuffersPerShaderStage']).toBeGreaterThanOrEqual(8);
  });

  it('starts 117 programs a step at four layers, and does not read back', () => {
    expect(launchesOf({ n_layer: 4, bias: false })).toBe(117);
    expect(launchesOf({ n_layer: 4, bias: true })).toBeLessThanOrEqual(250);
    expect(launchesOf({ n_layer: 1, bias: false })).toBeLessThan(50);
  });

  it('makes a large product in its larger tiles, to the last row and column', async () => {
    const [m, k, n] = [2053, 11, 1030];
    const x = Float32Array.from({ length: m * k }, (_, i) => ((i * 7) % 13) - 6);
    const w = Float32Array.from({ length: k * n }, (_, i) => ((i * 5) % 11) - 5);
    const y = await valuesOf(() => linear(tf.tensor2d(x, [m, k]), tf.tensor2d(w, [k, n]), null));
    // Small whole numbers: float32 is exact.
    const exact = (row: number, col: number) => {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[row * k + i]! * w[i * n + col]!;
      return sum;
    };
    const off = Array.from(y.keys()).filter((i) => y[i] !== exact(Math.floor(i / n), i % n));
    expect(off).toEqual([]);
  });

  it('works on more elements than a dispatch has workgroups in one direction', async () => {
    const size = 65_535 * 64 + 100;
    const y = await valuesOf(() => gelu(tf.range(0, size)).slice([size - 200], [200]));
    expect(Array.from(y)).toEqual(Array.from({ length: 200 }, (_, i) => size - 200 + i));
  });

  it('goes on from a checkpoint as if it had not stopped', async () => {
    const whole = await trainRun(jobIn(`${folder}/whole`, tinySpec(8), backend));
    let asked = 0;
    const stopped = await trainRun(
      jobIn(`${folder}/cut`, tinySpec(8), backend, { should_stop: () => (++asked === 4 ? 'preempted' : null) }),
    );
    expect([stopped.status, stopped.step]).toEqual(['preempted', 4]);
    const resumed = await trainRun(jobIn(`${folder}/cut`, tinySpec(8), backend));
    expect(whole.status).toBe('finished');
    expect(resumed.eval_curve).toEqual(whole.eval_curve);
    expect(resumed.num_resumes).toBe(1);
  });
});

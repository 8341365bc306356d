/** @file What is the webgpu backend's own: which adapter it takes, how few programs a step starts, sizes at which its
 * kernels change, and a run that goes on from its checkpoint. What every backend must do is checked in test/model and
 * training.test.ts. Runs on the software adapter of Debian's `chromium`.
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BackendInfo, describeAdapter, numLaunches, settleBackend } from '../../../src/backend/backend.ts';
import { attend } from '../../../src/backend/webgpu/causal-attention.ts';
import { currentBackend, dispatch, empty } from '../../../src/backend/webgpu/program.ts';
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

const isSoftware = TEST_ADAPTER.toLowerCase() === 'swiftshader';
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

/** The compiled door of `backend/` in a process whose environment names no Vulkan driver. */
function inCleanProcess(program: string): unknown {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, ...env } = process.env;
  const door = new URL('../../../dist/backend/backend.js', import.meta.url).href;
  const source = `const lab = await import('${door}'); process.stdout.write(JSON.stringify(${program}), () => process.exit(0));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { env });
  if (stdout.length === 0) throw new Error(String(stderr));
  return JSON.parse(String(stdout));
}

describe('choice of an adapter', () => {
  it('takes no software adapter unasked', () => {
    const best = inCleanProcess('await lab.describeAdapter()') as { is_software: boolean } | null;
    expect(best?.is_software ?? false).toBe(false);
    const [status] = inCleanProcess('(await lab.describeBackends()).filter(({ name }) => name === "webgpu")') as [
      { reason: string },
    ];
    if (best === null) expect(status.reason).toMatch(/Vulkan|adapter/);
  });

  it('does not hide the hardware for a few letters that SwiftShader has too', () => {
    const driver = 'process.env.VK_ICD_FILENAMES ?? null';
    expect(inCleanProcess(`await lab.describeAdapter({ adapter: 'r' }).then(() => ${driver})`)).toBeNull();
  });

  it('names the adapters there are where the one asked for is none of them', async () => {
    const reason = await findWebgpu({ adapter: 'Voodoo 2' });
    expect(reason).toMatch(isSoftware && WITHOUT_WEBGPU === '' ? /there is .*SwiftShader/ : /Voodoo 2|Vulkan/i);
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

  it('refuses heads that are too wide and dispatches that are too large, by name', () => {
    const wide = () =>
      tf.tidy(() => attend(tf.zeros([4, 514]), tf.zeros([4, 514]), tf.zeros([4, 514]), { n_ctx: 4, n_head: 2 }));
    expect(wide).toThrow('invalid n_head: 2 for d_model 514: heads are 257 wide');
    const dispatchOf = (...groups: [number, number?]) =>
      tf.tidy(() => dispatch({ name: 'none', code: '', reads: {}, writes: { y: empty([1]) }, groups }));
    expect(() => dispatchOf(65_536, 2)).toThrow('none takes 65536 x 2 workgroups, and a GPU 65535');
    expect(() => dispatchOf(1, 65_536)).toThrow('lower train.batch_tokens');
  });

  it('keeps no memory of the runs that are over', async () => {
    const spec = tinySpec(2);
    const allocated = async (name: string, d_model: number) => {
      const wider = { ...spec, model: { ...spec.model, d_model, d_ff: 4 * d_model } };
      await trainRun(jobIn(`${folder}/${name}`, wider, backend));
      return (tf.memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
    };
    const after_first = await allocated('narrow', 8);
    expect(await allocated('wide', 32)).toBe(after_first);
    expect(await allocated('between', 24)).toBe(after_first);
  });

  it('tells a fault that the device does not report', async () => {
    const fault = new Error('a fault');
    vi.spyOn(currentBackend().queue, 'onSubmittedWorkDone').mockRejectedValueOnce(fault);
    await expect(settleBackend()).rejects.toBe(fault);
    await settleBackend();
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

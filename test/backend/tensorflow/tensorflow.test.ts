/** @file What only the tensorflow backend promises: few operations a step, variables of TensorFlow's that follow the
 * tensors they stand for, flat memory, a resumed run of the same bits, and two workers at once. That its kernels are
 * right is held by the tests of every backend (`test/model`, `training.test.ts`).
 */
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { numLaunches } from '../../../src/backend/backend.ts';
import { listCheckpoints, readCheckpoint, readMetrics, readRecord } from '../../../src/log/log.ts';
import { runSweep } from '../../../src/sweep/sweep.ts';
import { tf } from '../../../src/tf.ts';
import { createState, storeState, type TrainState, trainStep } from '../../../src/train/state.ts';
import { trainRun } from '../../../src/train/train.ts';
import { useBackend, WITHOUT_TENSORFLOW } from '../../support/backend.ts';
import { randomBatch, smallModel } from '../../support/random-params.ts';
import { tinyPlan } from '../../support/sweep-plan.ts';
import { jobIn, startBackend, temporaryFolder, tinySpec } from '../../support/training.ts';

const MODEL = smallModel({ n_layer: 4, n_ctx: 8, d_model: 16, d_ff: 64, n_head: 2, vocab_size: 17, bias: false });
const OPTIMIZER = { learning_rate: 1e-2, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 };

const stepOf = (state: TrainState, step: number) =>
  trainStep(state, MODEL, randomBatch(MODEL, 3, step), { optimizer: OPTIMIZER, learning_rate: 1e-2, step });
const dispose = (state: TrainState) => tf.dispose(state as unknown as tf.TensorContainer);
/** Tensors in TensorFlow, ours and tfjs's. */
const numNative = () =>
  (tf.backend() as unknown as { binding: { getNumOfTensors(): number } }).binding.getNumOfTensors();

describe.skipIf(WITHOUT_TENSORFLOW !== '')(`tensorflow backend ${WITHOUT_TENSORFLOW}`, () => {
  let remove = () => {};
  let folder = '';
  beforeAll(() => useBackend('tensorflow'));
  afterEach(() => remove());

  function openFolder(): void {
    ({ folder, remove } = temporaryFolder());
  }

  it('executes at most 450 operations in a step of four layers', () => {
    const state = createState(MODEL, 1);
    stepOf(state, 1);
    const before = numLaunches()!;
    stepOf(state, 2);
    expect(numLaunches()! - before).toBeLessThanOrEqual(450);
    dispose(state);
  });

  it('takes over parameters and moments that were assigned from outside', async () => {
    const [a, b] = [createState(MODEL, 1), createState(MODEL, 2)];
    stepOf(a, 1);
    stepOf(b, 1);
    const from = await storeState(a);
    for (const [prefix, params] of [
      ['', b.params],
      ['adamw.m.', b.m],
      ['adamw.v.', b.v],
    ] as const) {
      for (const [name, p] of Object.entries(params)) {
        tf.tidy(() => p.assign(tf.tensor(from[prefix + name]!.values, p.shape, 'float32')));
      }
    }
    stepOf(a, 2);
    stepOf(b, 2);
    expect(await storeState(b)).toEqual(await storeState(a));
    dispose(a);
    dispose(b);
  });

  it('gives the values of a moment that was used as an operand before', () => {
    const state = createState(MODEL, 1);
    stepOf(state, 1);
    const m = state.m['wte']!;
    const read = () => tf.tidy(() => tf.mul(m, 1).dataSync());
    const first = read();
    stepOf(state, 2);
    expect(read()).toEqual(m.dataSync());
    expect(read()).not.toEqual(first);
    dispose(state);
  });

  it('keeps memory flat over steps, and over states', () => {
    const numAfter = () => {
      const state = createState(MODEL, 1);
      stepOf(state, 1);
      const num_first = numNative();
      for (let step = 2; step <= 20; step++) stepOf(state, step);
      expect(numNative()).toBe(num_first);
      dispose(state);
      return numNative();
    };
    numAfter();
    const num_left = numAfter();
    expect(numAfter()).toBe(num_left);
  });

  it('gives a run the same losses and weights when it was stopped and resumed', async () => {
    openFolder();
    const backend = await startBackend('tensorflow');
    const [whole, parts] = ['whole', 'parts'].map((name) => jobIn(path.join(folder, name), tinySpec(30), backend));
    await trainRun(whole!);
    let calls = 0;
    const stopped = await trainRun({ ...parts!, should_stop: () => (++calls >= 11 ? 'cancelled' : null) });
    expect(stopped.step).toBe(11);
    const resumed = await trainRun(parts!);
    expect(resumed.num_resumes).toBe(1);
    expect(resumed.versions['tensorflow']).toMatch(/^\d+\.\d+\.\d+/);
    const [a, b] = [whole!, parts!].map(({ run_dir }) => ({
      rows: [...readMetrics(run_dir)].map(({ tokens_per_second, ...row }) => row),
      tensors: readCheckpoint(listCheckpoints(run_dir)[0]!.path).tensors,
    }));
    expect(b).toEqual(a);
  });

  it('trains in two workers at once', async () => {
    openFolder();
    const plan = tinyPlan([
      { run_id: 'one', num_steps: 40 },
      { run_id: 'two', num_steps: 40 },
    ]);
    const paths = { out_dir: path.join(folder, 'out'), cache_dir: path.join(folder, 'cache') };
    const shown = { progress: 'quiet', is_color: false, checkpoint_seconds: 60 } as const;
    const result = await runSweep({ plan, ...paths, ...shown, backend: 'tensorflow', workers: 2 });
    expect(result.counts).toEqual({ finished: 2 });
    const [one, two] = ['one', 'two'].map((run_id) => readRecord(path.join(paths.out_dir, run_id))!);
    expect(one!.backend).toBe('tensorflow');
    expect(two!.val_loss).toBe(one!.val_loss);
  });
});

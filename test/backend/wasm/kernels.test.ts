/** @file Our WebAssembly kernels as a module: the committed binary is its source, it keeps to the memory it is given,
 * it survives that memory's growth, and bad tokens are errors. What each computes: `test/model/ops/`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { OptimizerSpec } from '../../../src/config/config.ts';
import { crossEntropy, crossEntropyGrad } from '../../../src/model/ops/cross-entropy.ts';
import { embedding, embeddingGrad } from '../../../src/model/ops/embedding.ts';
import { linear } from '../../../src/model/ops/linear.ts';
import { tf } from '../../../src/tf.ts';
import { createState, takeLossSum, trainStep } from '../../../src/train/state.ts';
import { useBackend } from '../../support/backend.ts';
import { randomBatch, smallModel } from '../../support/random-params.ts';

const FOLDER = path.resolve('src/backend/wasm/kernels');
const binary = readFileSync(path.join(FOLDER, 'kernels.wasm'));

/** The compiler, null where it is not installed. */
const asc = await import('assemblyscript/asc').catch(() => null);

/** Numbers of the sections of a WebAssembly module (specification 1.0, 5.5.2). */
function sectionIds(wasm: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < wasm.length; ) {
    ids.push(wasm[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++]!;
      size += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    at += size;
  }
  return ids;
}

const heapBytes = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;

describe('the binary', () => {
  it.skipIf(!asc)('is what its source compiles to (skipped without the AssemblyScript compiler)', async () => {
    let built: Uint8Array | undefined;
    const { error, stderr } = await asc!.main(['--config', 'asconfig.json', '--baseDir', FOLDER], {
      writeFile: (_name: string, contents: string | Uint8Array) => {
        if (typeof contents !== 'string') built = contents;
      },
    });
    expect(error, stderr.toString()).toBeNull();
    expect(Buffer.compare(built!, binary), 'run npm run build:wasm').toBe(0);
  });

  it('holds no data of its own, which would overwrite that of the backend', () => {
    const [DATA, START] = [11, 8];
    expect(sectionIds(binary)).toContain(10);
    expect(sectionIds(binary)).not.toContain(DATA);
    expect(sectionIds(binary)).not.toContain(START);
  });
});

describe('on the backend’s memory', () => {
  beforeAll(() => useBackend('wasm'));

  it('follows the memory when it grows', () => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const w = tf.tensor2d([1, -1, 2, -2, 3, -3], [3, 2]);
    const product = () => tf.tidy(() => [...linear(x, w, null).dataSync()]);
    expect(product()).toEqual([14, -14, 32, -32]);
    const before = heapBytes();
    const fillers = Array.from({ length: 20 }, () => tf.zeros([1024, 1024]));
    expect(heapBytes()).toBeGreaterThan(before);
    expect(product()).toEqual([14, -14, 32, -32]);
    // A large output at the far end of the grown memory.
    const far = linear(tf.ones([1024, 2]), tf.ones([2, 1024]), null);
    expect(far.sum().dataSync()[0]).toBe(2 * 1024 * 1024);
    tf.dispose([x, w, far, fillers]);
  });

  it('takes no memory for further steps', async () => {
    const model = smallModel();
    const optimizer: OptimizerSpec = {
      learning_rate: 0.01,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weight_decay: 0.1,
      grad_clip: 1,
    };
    const state = createState(model, 0);
    const batch = randomBatch(model, 2, 1);
    let step = 0;
    const train = async (num_steps: number) => {
      for (let i = 0; i < num_steps; i++) {
        step++;
        trainStep(state, model, batch, { optimizer, learning_rate: 0.01, step });
      }
      return Number.isFinite((await takeLossSum(state)).loss_sum);
    };
    expect(await train(5)).toBe(true);
    const [bytes, numTensors] = [heapBytes(), tf.memory().numTensors];
    expect(await train(500)).toBe(true);
    expect([heapBytes(), tf.memory().numTensors]).toEqual([bytes, numTensors]);
    tf.dispose(state as unknown as tf.TensorContainer);
  });

  it.each([-1, 5, 2 ** 30])('refuses token %i of a vocabulary of 5, naming its place', (token) => {
    tf.tidy(() => {
      const tokens = tf.tensor1d([0, 4, token, 1], 'int32');
      const rule = new RegExp(`token ${token} at place 2 is not in 0 \\.\\. 4`);
      const logits = tf.zeros([4, 5]);
      expect(() => embedding(tokens, tf.ones([5, 3]), tf.ones([2, 3]))).toThrow(rule);
      expect(() => embeddingGrad(tf.ones([4, 3]), tokens, { vocab_size: 5, n_ctx: 2 })).toThrow(rule);
      expect(() => crossEntropy(logits, tokens)).toThrow(rule);
      expect(() => crossEntropyGrad(logits, tokens, logits)).toThrow(rule);
    });
  });

  it('gives probabilities of 0, not subnormals, far below the largest logit', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([0, -80, -87, -88, -1000, Number.NEGATIVE_INFINITY], [1, 6]);
      const { saved } = crossEntropy(logits, tf.tensor1d([0], 'int32'));
      const p = saved.dataSync();
      expect([...p.slice(3)]).toEqual([0, 0, 0]);
      for (const [i, z] of [0, -80, -87].entries()) expect(Math.abs(p[i]! / Math.exp(z) - 1)).toBeLessThan(3e-7);
    });
  });
});

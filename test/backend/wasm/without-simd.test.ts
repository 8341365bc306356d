/** @file The wasm backend on a machine without SIMD: our kernels stay away and the composed operations train. */
import { expect, it } from 'vitest';
import { startBackend } from '../../../src/backend/backend.ts';
import { KERNEL } from '../../../src/kernels.ts';
import { createVariables, lossAndGradients, registerOps } from '../../../src/model/gpt.ts';
import { paramShapes } from '../../../src/model/size.ts';
import { tf } from '../../../src/tf.ts';
import '../../support/allclose.ts';
import { randomBatch, randomParams, smallModel } from '../../support/random-params.ts';
import { referenceLossAndGradients } from '../../support/reference-gpt.ts';

it('runs the composed operations', async () => {
  tf.env().set('WASM_HAS_SIMD_SUPPORT', false);
  const { tfjs_name, instruction_set } = await startBackend('wasm');
  expect(instruction_set).toBe('wasm');
  expect(tf.getKernel(KERNEL.linear, tfjs_name)).toBeUndefined();
  registerOps(tfjs_name);

  const model = smallModel();
  const reference = randomParams(model, 1);
  const batch = randomBatch(model, 2, 2);
  const expected = referenceLossAndGradients(reference, model, batch.inputs, batch.targets, batch.batch_size);
  const params = createVariables(paramShapes(model), (name) => Float32Array.from(reference[name]!.data));
  const { loss, gradients } = lossAndGradients(params, model, batch);
  expect(loss.dataSync()).toBeAllclose([expected.loss], { rtol: 1e-5 });
  expect(gradients['wte']!.dataSync()).toBeAllclose(expected.gradients['wte']!, { rtol: 1e-4, atol: 1e-6 });
  tf.dispose([loss, gradients, params]);
});

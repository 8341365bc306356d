/** @file A tensor that can be made but not bound, as on cards whose largest binding is smaller than their largest buffer,
 * fails the run in the same words as one that is too large to be made.
 */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { requireAdapter } from '../../../src/backend/webgpu/adapter.ts';
import { deviceFailure, openDevice } from '../../../src/backend/webgpu/device.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';

const MOST = 2 ** 27;

it.skipIf(WITHOUT_WEBGPU !== '')(`a tensor above the limit of a binding is told ${WITHOUT_WEBGPU}`, async () => {
  const found = await requireAdapter(TEST_ADAPTER);
  const { adapter } = found;
  const limits = new Proxy(adapter.limits, {
    get: (all, name) => (name === 'maxStorageBufferBindingSize' ? MOST : Reflect.get(all, name, all)),
  });
  const lowered = { limits, requestDevice: (wanted: GPUDeviceDescriptor) => adapter.requestDevice(wanted) };
  const device = await openDevice({ ...found, adapter: lowered as unknown as GPUAdapter });
  const buffer = device.createBuffer({ size: MOST + 4, usage: GPUBufferUsage.STORAGE });
  const entry = { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } } as const;
  const layout = device.createBindGroupLayout({ entries: [entry] });
  device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  await device.queue.onSubmittedWorkDone();
  await setImmediate();
  expect(deviceFailure()).toMatch(new RegExp(`^a tensor of ${MOST + 4} bytes is too large .*: at most ${MOST}; lower`));
});

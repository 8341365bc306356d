/** @file A full GPU memory is an event like any other error of the device; the run fails with words that the sweep knows
 * it by. The software adapter says no to a gigabyte, a card would not.
 */
import { expect, it } from 'vitest';
import { settleBackend } from '../../../src/backend/backend.ts';
import { bufferOf, empty } from '../../../src/backend/webgpu/program.ts';
import { isOutOfMemory } from '../../../src/sweep/out-of-memory.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { startBackend } from '../../support/training.ts';

const isSoftware = TEST_ADAPTER.toLowerCase() === 'swiftshader';

it.skipIf(WITHOUT_WEBGPU !== '' || !isSoftware)(`a full memory is told ${WITHOUT_WEBGPU}`, async () => {
  await startBackend('webgpu', { adapter: TEST_ADAPTER });
  await settleBackend();
  const t = empty([2 ** 28]);
  bufferOf(t);
  const error = await settleBackend().catch((error: Error) => error);
  expect((error as Error).message).toMatch(/^out of GPU memory/);
  expect(isOutOfMemory((error as Error).message)).toBe(true);
});

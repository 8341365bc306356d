/** @file A tensor above the device's limit of a buffer fails the run with the two sizes and advice; it is no full memory,
 * so another try alone would not help.
 */
import { expect, it } from 'vitest';
import { settleBackend } from '../../../src/backend/backend.ts';
import { bufferOf, empty } from '../../../src/backend/webgpu/program.ts';
import { isOutOfMemory } from '../../../src/sweep/out-of-memory.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { startBackend } from '../../support/training.ts';

it.skipIf(WITHOUT_WEBGPU !== '')(`a tensor above the limit is told ${WITHOUT_WEBGPU}`, async () => {
  await startBackend('webgpu', { adapter: TEST_ADAPTER });
  const size = 2 ** 40;
  bufferOf(empty([size]));
  const error = (await settleBackend().catch((error: Error) => error)) as Error;
  expect(error.message).toMatch(
    new RegExp(`^a tensor of ${4 * size} bytes is too large .*: at most \\d+; lower train`),
  );
  expect(isOutOfMemory(error.message)).toBe(false);
});

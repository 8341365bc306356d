/** @file A fault in a shader never throws: the device tells of it later, and the run must fail with its words. A process
 * of its own, since a device that has failed is not used again.
 */
import { expect, it } from 'vitest';
import { dispatch, empty } from '../../../src/backend/webgpu/program.ts';
import { tf } from '../../../src/tf.ts';
import { trainRun } from '../../../src/train/train.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { jobIn, startBackend, temporaryFolder, tinySpec } from '../../support/training.ts';

it.skipIf(WITHOUT_WEBGPU !== '')(`a fault in a shader fails the run ${WITHOUT_WEBGPU}`, async () => {
  const { folder, remove } = temporaryFolder();
  const backend = await startBackend('webgpu', { adapter: TEST_ADAPTER });
  const onProgress = () =>
    tf.tidy(() =>
      dispatch({
        name: 'broken',
        code: 'fn main() { y[0] = wrong; }',
        reads: {},
        writes: { y: empty([1]) },
        groups: [1],
      }),
    );
  const run = trainRun(jobIn(folder, tinySpec(4), backend, { onProgress }));
  await expect(run).rejects.toMatchObject({
    exit: 'no_backend',
    message: expect.stringMatching(/^error of the GPU device .*unresolved value 'wrong'/),
  });
  remove();
});

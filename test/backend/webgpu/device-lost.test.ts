/** @file A device that is lost in the middle of a run fails it with a reason, and what was checkpointed stays. */
import { expect, it } from 'vitest';
import { currentBackend } from '../../../src/backend/webgpu/program.ts';
import { trainRun } from '../../../src/train/train.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { jobIn, startBackend, temporaryFolder, tinySpec } from '../../support/training.ts';

it.skipIf(WITHOUT_WEBGPU !== '')(`the loss of the device fails the run ${WITHOUT_WEBGPU}`, async () => {
  const { folder, remove } = temporaryFolder();
  const backend = await startBackend('webgpu', { adapter: TEST_ADAPTER });
  const onProgress = ({ step }: { step: number }) => {
    if (step === 3) currentBackend().device.destroy();
  };
  const run = trainRun(jobIn(folder, tinySpec(6), backend, { onProgress, checkpoint_seconds: 1e-6 }));
  await expect(run).rejects.toMatchObject({
    exit: 'no_backend',
    message: expect.stringMatching(/^the GPU device was lost \(.*\): .*goes on from its last checkpoint/),
  });
  remove();
});

/** @file A sweep on webgpu in real worker processes: a run that finds no memory on the device fails after a second try
 * alone, with advice, and the runs after it finish in a new worker.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { readRecord } from '../../../src/log/log.ts';
import { runSweep } from '../../../src/sweep/sweep.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../../support/backend.ts';
import { tinyPlan } from '../../support/sweep-plan.ts';
import { temporaryFolder } from '../../support/training.ts';

const isSoftware = TEST_ADAPTER.toLowerCase() === 'swiftshader';

it.skipIf(WITHOUT_WEBGPU !== '' || !isSoftware)(`a run too large for the device ${WITHOUT_WEBGPU}`, async () => {
  const { folder, remove } = temporaryFolder();
  const plan = tinyPlan([{ run_id: 'large', flops: 2 }, 'small']);
  const [large] = plan.runs;
  // 2^23 tokens of width 32: x alone takes the gigabyte that the software adapter refuses.
  large!.spec.batch_size = 2 ** 19;
  Object.assign(large!.spec.model, { d_model: 32, d_ff: 128 });
  const paths = { out_dir: path.join(folder, 'out'), cache_dir: path.join(folder, 'cache') };
  const shown = { progress: 'quiet', is_color: false, checkpoint_seconds: 60 } as const;
  const { counts } = await runSweep({
    ...{ plan, ...paths, ...shown, backend: 'webgpu', adapter: TEST_ADAPTER, workers: 1 },
  });
  expect(counts).toEqual({ failed: 1, finished: 1 });
  const { error } = readRecord(path.join(paths.out_dir, 'large'))!;
  expect(error).toMatch(/out of GPU memory .*ran alone .*lower train.batch_tokens \(8388608 tokens a step now\)/);
  remove();
});

/** @file How many workers share the one GPU of webgpu: on a machine that is said to have 16 cores. */
import { describe, expect, it, vi } from 'vitest';
import { findPlaces } from '../../src/sweep/places.ts';
import { TEST_ADAPTER, WITHOUT_WEBGPU } from '../support/backend.ts';
import { withoutNvidiaSmi } from '../support/stand-in.ts';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  availableParallelism: () => 16,
}));

const find = async (changes: object) => {
  withoutNvidiaSmi();
  const { places, notes } = await findPlaces({
    backend: 'webgpu',
    threads: 1,
    run_bytes: Array(20).fill(1e6),
    ...changes,
  });
  return { num: places.length, notes };
};

describe('workers without devices', () => {
  it('are one a core, or as many as were asked for', async () => {
    expect(await find({ backend: 'native' })).toEqual({ num: 16, notes: [] });
    expect(await find({ backend: 'native', threads: 4 })).toEqual({ num: 4, notes: [] });
    expect(await find({ workers: 9 })).toEqual({ num: 9, notes: [] });
  });

  it('are few on webgpu, whose GPU they share', async () => {
    expect(await find({})).toEqual({ num: 4, notes: ['4 workers share the GPU; --workers gives it more or fewer'] });
    expect(await find({ run_bytes: [1, 1] })).toEqual({ num: 2, notes: [] });
  });

  it.skipIf(WITHOUT_WEBGPU !== '')(`are few where auto takes webgpu ${WITHOUT_WEBGPU}`, async () => {
    expect((await find({ backend: 'auto', adapter: TEST_ADAPTER })).num).toBe(4);
  });
});

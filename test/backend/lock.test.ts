/** @file The lock of work that is done once: the others wait for it, and take over what the dead have left. */
import { spawnSync } from 'node:child_process';
import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../src/backend/lock.ts';
import { ownIdentity } from '../../src/lib/process-identity.ts';
import { temporaryFolder } from '../support/run-record.ts';

describe('withLock', () => {
  let file = '';
  let num_done = 0;
  beforeEach(() => {
    file = path.join(temporaryFolder(), 'a.lock');
    num_done = 0;
  });

  const once = (wait_ms = 10_000) =>
    withLock(file, { isDone: () => num_done > 0, wait_ms }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return ++num_done;
    });

  it('lets one work and the others wait', async () => {
    expect((await Promise.all([once(), once(), once()])).sort()).toEqual([1, null, null]);
    expect(num_done).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('takes over a lock that was never written, and one of a dead process', async () => {
    writeFileSync(file, '');
    const past = new Date(Date.now() - 60_000);
    utimesSync(file, past, past);
    expect(await once()).toBe(1);
    num_done = 0;
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(file, JSON.stringify({ ...ownIdentity(), pid, started_at: 'then' }));
    expect(await once()).toBe(1);
  });

  it('respects one of another host, however few of its processes are known here', async () => {
    writeFileSync(file, JSON.stringify({ ...ownIdentity(), host: 'elsewhere', started_at: 'then' }));
    await expect(once(150)).rejects.toThrow(/still held by process \d+ on elsewhere; remove it/);
    expect(num_done).toBe(0);
  });

  it('lets go where the work fails', async () => {
    const work = () => Promise.reject(new Error('no compiler'));
    await expect(withLock(file, { isDone: () => false, wait_ms: 0 }, work)).rejects.toThrow('no compiler');
    expect(existsSync(file)).toBe(false);
  });
});

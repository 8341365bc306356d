/** @file A worker that is stuck ends soon after its parent died. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isAlive, ownIdentity } from '../../src/lib/process-identity.ts';

const STUCK = fileURLToPath(new URL('../support/stuck-worker.mjs', import.meta.url));

/** Starts the program it is given as an own group and stays. */
const PARENT = `
  const { spawn } = require('node:child_process');
  spawn(process.execPath, [process.argv[1]], { stdio: ['ignore', 'inherit', 'ignore'], detached: true });
  setInterval(() => {}, 1000);`;

// Windows does not tell a process that its parent died; there the lost connection has to do.
describe.skipIf(process.platform === 'win32')('startWatchdog', () => {
  it("raises the flag and then kills a stuck process, within 5 s of its parent's death", async () => {
    const output = join(mkdtempSync(join(tmpdir(), 'watchdog-')), 'output');
    const parent = spawn(process.execPath, ['-e', PARENT, STUCK], {
      stdio: ['ignore', openSync(output, 'w'), 'inherit'],
    });
    const lines = () => readFileSync(output, 'utf8').split('\n').filter(Boolean);
    await expect.poll(lines, { timeout: 20_000 }).toHaveLength(1);
    const { pid, is_orphan } = JSON.parse(lines()[0] ?? '') as { pid: number; is_orphan: boolean };
    const child = { ...ownIdentity(), pid, start_ticks: null };
    expect(is_orphan).toBe(false);
    expect(isAlive(child)).toBe(true);

    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await expect.poll(lines, { timeout: 2_000 }).toHaveLength(2);
    expect(isAlive(child)).toBe(true);
    await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
  });
});

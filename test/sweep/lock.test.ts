/** @file One sweep a folder: the lock names its holder and is taken over from the dead, by one only. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isAlive, ownIdentity } from '../../src/lib/process-identity.ts';
import { LOCK_FILE, lockFolder } from '../../src/sweep/lock.ts';

const newFolder = () => mkdtempSync(join(tmpdir(), 'sweep-lock-'));

const writeLock = (folder: string, changes: object) =>
  writeFileSync(join(folder, LOCK_FILE), JSON.stringify({ ...ownIdentity(), started_at: 'then', ...changes }));

/** The pid of a process that has ended and been reaped. */
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

describe('lockFolder', () => {
  it('makes the folder, says who holds it, and lets go', async () => {
    const folder = join(newFolder(), 'a', 'b');
    const lock = await lockFolder(folder);
    expect(JSON.parse(readFileSync(lock.path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
    lock.release();
    expect(existsSync(lock.path)).toBe(false);
    (await lockFolder(folder)).release();
  });

  it('refuses a folder that is held, naming the holder', async () => {
    const folder = newFolder();
    const lock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      exit: 'folder_held',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    lock.release();
  });

  it.each([
    ['of a dead process', () => ({ pid: deadPid() })],
    ['from before a reboot', () => ({ boot_id: 'another boot' })],
    ['whose pid another process has now', () => ({ start_ticks: '1' })],
  ])('takes over a lock %s', async (_, changes) => {
    const folder = newFolder();
    writeLock(folder, changes());
    const lock = await lockFolder(folder);
    expect(JSON.parse(readFileSync(lock.path, 'utf8'))).toMatchObject(ownIdentity());
    lock.release();
  });

  it('respects a lock of another host and says which file to delete', async () => {
    const folder = newFolder();
    writeLock(folder, { host: 'elsewhere', pid: deadPid() });
    await expect(lockFolder(folder)).rejects.toMatchObject({
      exit: 'folder_held',
      message: expect.stringContaining(`delete ${join(folder, LOCK_FILE)}`),
    });
  });

  it('waits for the maker of a half-written lock, and takes over one that is old', async () => {
    const folder = newFolder();
    const path = join(folder, LOCK_FILE);
    writeFileSync(path, '{"pid":');
    setTimeout(() => writeLock(folder, {}), 150);
    await expect(lockFolder(folder)).rejects.toMatchObject({ exit: 'folder_held' });
    writeFileSync(path, '{"pid":');
    const past = new Date(Date.now() - 60_000);
    utimesSync(path, past, past);
    (await lockFolder(folder)).release();
  });

  it('leaves a lock alone that is no longer its own', async () => {
    const folder = newFolder();
    const lock = await lockFolder(folder);
    writeLock(folder, { pid: 1, started_at: 'later' });
    lock.release();
    expect(existsSync(lock.path)).toBe(true);
  });

  it('names the path where the folder cannot be', async () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    await expect(lockFolder(join(file, 'sub'))).rejects.toMatchObject({ exit: 'storage' });
    await expect(lockFolder(file)).rejects.toMatchObject({ exit: 'storage' });
  });

  it('lets exactly one of many processes take over a dead lock', async () => {
    const folder = newFolder();
    writeLock(folder, { pid: deadPid() });
    const program = fileURLToPath(new URL('../support/lock-racer.mjs', import.meta.url));
    const racers = Array.from({ length: 8 }, () => spawn(process.execPath, [program, folder], { stdio: 'pipe' }));
    // Each says "ready", waits for a byte, and then all go at once.
    await Promise.all(racers.map((racer) => once(racer.stdout, 'data')));
    const answers = Promise.all(racers.map(async (racer) => String((await once(racer.stdout, 'data'))[0]).trim()));
    for (const racer of racers) racer.stdin.write('go\n');
    expect((await answers).sort()).toEqual([
      'folder_held',
      'folder_held',
      'folder_held',
      'folder_held',
      'folder_held',
      'folder_held',
      'folder_held',
      'taken',
    ]);
    for (const racer of racers) racer.stdin.end();
    await Promise.all(racers.map((racer) => once(racer, 'exit')));
    expect(existsSync(join(folder, LOCK_FILE))).toBe(false);
  });
});

describe('isAlive', () => {
  it('knows itself, the dead and the unreaped', async () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive({ ...ownIdentity(), pid: deadPid(), start_ticks: null })).toBe(false);
    expect(isAlive({ ...ownIdentity(), host: 'elsewhere' })).toBe('elsewhere');
    if (process.platform !== 'linux') return;
    // The shell's child ends when the shell is sleep already, which never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    const unreaped = { ...ownIdentity(), pid, start_ticks: null };
    expect(isAlive(unreaped)).toBe(true);
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
    expect(isAlive(unreaped)).toBe(false);
    parent.kill();
  });
});

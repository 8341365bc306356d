/** @file Workers that a killed sweep left behind are waited for, then ended; strangers are left alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityOf, isAlive } from '../../src/lib/process-identity.ts';
import { endLeftWorkers, forgetWorkers, noteWorker } from '../../src/sweep/left-workers.ts';

const newFolder = () => mkdtempSync(join(tmpdir(), 'left-workers-'));
const fileIn = (folder: string) => join(folder, 'sweep.workers');
const sleeper = (seconds: number) => spawn('sleep', [String(seconds)], { stdio: 'ignore' });

describe('endLeftWorkers', () => {
  it('has nothing to do where none was noted, or all have ended', async () => {
    const folder = newFolder();
    await endLeftWorkers(folder);
    const worker = sleeper(0);
    const ended = once(worker, 'exit');
    noteWorker(folder, worker.pid!);
    await ended;
    // What a kill in the middle of a note leaves.
    appendFileSync(fileIn(folder), '{"pid":12');
    await endLeftWorkers(folder);
    expect(existsSync(fileIn(folder))).toBe(false);
  });

  it('waits for a worker that is about to end', async () => {
    const folder = newFolder();
    const worker = sleeper(1);
    const ended = once(worker, 'exit');
    noteWorker(folder, worker.pid!);
    await endLeftWorkers(folder);
    expect(await ended).toEqual([0, null]);
    expect(isAlive(identityOf(worker.pid!))).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('kills one that is frozen', async () => {
    const folder = newFolder();
    const worker = sleeper(60);
    const ended = once(worker, 'exit');
    noteWorker(folder, worker.pid!);
    worker.kill('SIGSTOP');
    await endLeftWorkers(folder);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(existsSync(fileIn(folder))).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('leaves a process alone that only has the same pid', async () => {
    const folder = newFolder();
    const stranger = sleeper(60);
    noteWorker(folder, stranger.pid!);
    const noted = JSON.parse(readFileSync(fileIn(folder), 'utf8'));
    writeFileSync(fileIn(folder), `${JSON.stringify({ ...noted, start_ticks: '1' })}\n`);
    await endLeftWorkers(folder);
    expect(isAlive(identityOf(stranger.pid!))).toBe(true);
    stranger.kill();
  });
});

describe('noteWorker', () => {
  it('names the file where the folder is gone', () => {
    const folder = join(newFolder(), 'gone');
    expect(() => noteWorker(folder, process.pid)).toThrow(`cannot write ${fileIn(folder)}`);
    forgetWorkers(folder);
  });
});

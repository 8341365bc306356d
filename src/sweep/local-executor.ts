/** @file Workers as child processes of this one.
 * Processes, not threads: tfjs keeps global state and its native bindings load once a process. Each worker is a
 * group of its own, so that the terminal's Ctrl-C reaches the supervisor only, which tells them by message. What they
 * print is kept for the reason of a crash and never shown, so that it cannot break the table.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LabError } from '../lib/errors.ts';
import type { Executor, WorkerExit } from './executor.ts';
import type { FromWorker } from './messages.ts';

/** Characters of a worker's output that are kept. */
const OUTPUT_KEPT = 2_000;

/** A process that left something holding its pipes open is taken for ended this long after its exit. */
const DRAIN_MS = 2_000;

/** The compiled worker beside this file; from TypeScript sources, the one in dist/. */
export function workerUrl(): URL {
  const here = import.meta.url;
  const url = here.endsWith('.ts')
    ? new URL('../../dist/sweep/worker-main.js', here)
    : new URL('./worker-main.js', here);
  if (!existsSync(url)) {
    throw new LabError('unexpected', `no compiled worker at ${fileURLToPath(url)}; run "npm run build"`);
  }
  return url;
}

/** An executor that forks `url` for each worker, with the environment of its place. `onFork` is told its pid before it
 * is told anything itself; where that throws, the worker is killed. */
export function localExecutor(url: URL, onFork: (pid: number) => void = () => {}): Executor {
  return ({ onMessage, onExit }, { env }) => {
    const child = fork(url, [], {
      execArgv: [],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: process.platform !== 'win32',
    });
    try {
      if (child.pid !== undefined) onFork(child.pid);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_KEPT);
      });
    }
    let isEnded = false;
    const end = (exit: Omit<WorkerExit, 'output'>) => {
      if (isEnded) return;
      isEnded = true;
      onExit({ ...exit, output });
    };
    child.on('message', (message) => {
      if (!isEnded) onMessage(message as FromWorker);
    });
    // 'close' comes after the last message and the last output, 'exit' may come before them.
    child.on('close', (code, signal) => end({ code, signal }));
    child.on('exit', (code, signal) => setTimeout(() => end({ code, signal }), DRAIN_MS).unref());
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      output += error.message;
      end({ code: null, signal: null });
    });
    return {
      name: `pid ${child.pid}`,
      pid: child.pid ?? null,
      // A worker that just died cannot be written to; its exit says so.
      send: (message) => void (child.connected && child.send(message, () => {})),
      kill: () => void child.kill('SIGKILL'),
    };
  };
}

/** @file Ends a worker whose supervisor died, even when native code holds its main thread.
 * A lost connection is told by an event, which a thread deep in a matrix product never gets to see. A second thread
 * asks twice a second who the parent is (POSIX: an orphan is given to another), raises a flag that the training loop
 * reads without an event loop, and after a grace, enough for a checkpoint, kills the process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const POLL_MS = 500;

/** Orphan for this long and the process is killed: with POLL_MS and a margin, gone within 5 s. */
const GRACE_MS = 3_500;

interface WatchdogData {
  watchdog_parent_pid: number;
  flag: SharedArrayBuffer;
}

/** Starts the thread; returns whether this process has become an orphan. */
export function startWatchdog(parentPid: number): () => boolean {
  const flag = new SharedArrayBuffer(4);
  const data: WatchdogData = { watchdog_parent_pid: parentPid, flag };
  new Worker(new URL(import.meta.url), { workerData: data, execArgv: [] }).unref();
  const view = new Int32Array(flag);
  return () => Atomics.load(view, 0) === 1;
}

async function watch({ watchdog_parent_pid, flag }: WatchdogData): Promise<void> {
  while (process.ppid === watchdog_parent_pid) await sleep(POLL_MS);
  Atomics.store(new Int32Array(flag), 0, 1);
  await sleep(GRACE_MS);
  process.kill(process.pid, 'SIGKILL');
}

if (!isMainThread && workerData?.watchdog_parent_pid !== undefined) await watch(workerData as WatchdogData);

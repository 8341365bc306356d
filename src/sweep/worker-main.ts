/** @file A worker: a child process that trains the runs it is given, one at a time.
 * It starts its backend once (importing tfjs costs a second), then serves messages.ts. An error in a run is reported
 * and the worker takes the next one; it leaves when told to stop, checkpointing first, or when its supervisor is gone.
 * The terminal's Ctrl-C is not for it; SIGTERM and SIGUSR1, which batch systems send to every process, are: it
 * checkpoints, reports `preempted` and leaves.
 */
import type { BackendInfo } from '../backend/backend.ts';
import { LabError } from '../lib/errors.ts';
import type { GpuFacts } from '../log/record.ts';
import { readGpu } from './gpu-facts.ts';
import { type ErrorReport, type FromWorker, PROGRESS_MS, type StopReason, type ToWorker } from './messages.ts';
import { startWatchdog } from './watchdog.ts';

type Start = Extract<ToWorker, { type: 'start' }>;
type Run = Extract<ToWorker, { type: 'run' }>;

const isOrphan = startWatchdog(process.ppid);
let stopReason: StopReason | null = null;
let isBusy = false;
let numUnsent = 0;
let start: Start | null = null;
let backend: BackendInfo | null = null;
let gpu: GpuFacts | null = null;

process.on('message', (message: ToWorker) => void receive(message));
process.on('disconnect', () => stop('preempted'));
process.on('SIGINT', () => {});
process.on('SIGTERM', () => stop('preempted'));
if (process.platform !== 'win32') process.on('SIGUSR1', () => stop('preempted'));
// The reader of these pipes may be gone; what a library prints must not end the run that is being checkpointed.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

async function receive(message: ToWorker): Promise<void> {
  if (message.type === 'stop') return stop(message.reason);
  isBusy = true;
  if (message.type === 'start') await startUp(message);
  else await trainOne(message);
  isBusy = false;
  if (stopReason !== null) leave(0);
}

async function startUp(message: Start): Promise<void> {
  start = message;
  setInterval(() => send({ type: 'heartbeat' }), message.heartbeat_ms).unref();
  try {
    const { startBackend } = await import('../backend/backend.ts');
    const started = await startBackend(message.backend, { threads: message.threads, adapter: message.adapter });
    ({ backend, gpu } = await readGpu(started));
    send({ type: 'ready', backend });
  } catch (error) {
    send({ type: 'start_failed', error: report(error) });
    leave(1);
  }
}

async function trainOne({ run, run_dir }: Run): Promise<void> {
  const { run_id } = run;
  let nextProgress = 0;
  try {
    if (start === null || backend === null) throw new Error('a run was given before the backend started');
    const { trainRun } = await import('../train/train.ts');
    const record = await trainRun({
      run,
      run_dir,
      cache_dir: start.cache_dir,
      backend,
      gpu,
      checkpoint_seconds: start.checkpoint_seconds,
      should_stop: () => (isOrphan() ? 'preempted' : stopReason),
      onProgress: (progress) => {
        if (performance.now() < nextProgress) return;
        nextProgress = performance.now() + PROGRESS_MS;
        send({ type: 'progress', run_id, progress });
      },
      onWarning: (message) => send({ type: 'warning', run_id, message }),
    });
    send({ type: 'done', run_id, record });
  } catch (error) {
    send({ type: 'failed', run_id, error: report(error) });
  }
}

/** Idle: leaves now. Else the training loop sees the flag at its next step. */
function stop(reason: StopReason): void {
  stopReason ??= reason;
  if (!isBusy) leave(0);
}

/** Ends the process once what was sent is out. Not by running dry: backends may hold handles that keep it alive. */
function leave(code: number): void {
  if (process.connected && numUnsent > 0) setTimeout(leave, 5, code);
  else process.exit(code);
}

function send(message: FromWorker): void {
  if (!process.connected) return;
  numUnsent++;
  process.send?.(message, () => numUnsent--);
}

/** A LabError says all in its message; of a bug the stack is what helps. */
function report(error: unknown): ErrorReport {
  if (error instanceof LabError) return { exit: error.exit, message: error.message, stack: null };
  if (error instanceof Error) return { exit: null, message: error.message, stack: error.stack ?? null };
  return { exit: null, message: String(error), stack: null };
}

/** @file Supervisor: keeps K workers busy until every run has ended or someone says stop.
 * One run to a worker at a time, the costliest first, so that the sweep's tail is short. What ends a worker (a crash,
 * silence, a kill) costs the run it held one attempt and nothing else: the slot gets a new worker. A run that found no
 * memory gets one more attempt with its device to itself, in a new worker: a library keeps what it took of a device
 * until its process ends. It waits for messages and sleeps in between. Where workers live is the executor's business.
 */
import { LabError } from '../lib/errors.ts';
import { recordPath, writeJsonAtomic } from '../log/log.ts';
import type { RunRecord, RunStatus } from '../log/record.ts';
import { endedRecord } from './end-record.ts';
import { describeExit, type Executor, type Place, type WorkerExit } from './executor.ts';
import { type Job, JobQueue } from './job-queue.ts';
import { type ErrorReport, type FromWorker, heartbeatMs, type StopReason } from './messages.ts';
import { isOutOfMemory, memoryAdvice, memoryOf } from './out-of-memory.ts';
import type { SweepEvent } from './progress/events.ts';
import { loseSlot, newSlot, type Slot, slotToFill, takeJob } from './slots.ts';

export interface SupervisorOptions {
  executor: Executor;
  /** In the order to start them. */
  jobs: readonly Job[];
  /** One a worker. */
  places: readonly Place[];
  /** As the user chose; the first worker's answer to `auto` binds the others. */
  backend: string;
  /** Threads of each worker. */
  threads: number;
  /** GPU adapter of each worker, for the webgpu backend. */
  adapter?: string | undefined;
  cache_dir: string;
  checkpoint_seconds: number;
  /** A worker that is silent for longer is killed. */
  hang_seconds: number;
  /** Attempts a run gets after its worker crashed. */
  max_retries: number;
  onEvent: (event: SweepEvent) => void;
}

/** Unexplained deaths of a slot's workers before `ready`, after which the slot is given up. */
const MAX_START_CRASHES = 2;

/** A worker with nothing to do that has not left by then is killed: some libraries hang in their exit handlers. */
const LEAVE_SECONDS = 10;

/** Where an error may leave the process's device broken, so that all later runs would fail there. */
const GPU_BACKENDS: ReadonlySet<string> = new Set(['cuda', 'webgpu']);

/** Storage failures in a row, without a run that went well between them, after which the disk is taken for full. */
const MAX_STORAGE_FAILURES = 2;

export class Supervisor {
  /** Records of the runs that ended, by run_id. */
  readonly records = new Map<string, RunRecord>();
  readonly #options: SupervisorOptions;
  readonly #queue: JobQueue;
  readonly #slots: Slot[] = [];
  readonly #startCrashes: number[] = [];
  readonly #crashes = new Map<string, number>();
  #onAllGone: () => void = () => {};
  #isAbandoned = false;
  #watched_ms = 0;
  #backend: string;
  #stopReason: StopReason | null = null;
  #storageError: string | null = null;
  #storageFailures = 0;
  #startError: ErrorReport | null = null;
  #bug: unknown = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#queue = new JobQueue(options.jobs);
    this.#backend = options.backend;
  }

  /** Resolves when all jobs ended, or those in flight did after `stop`. Throws `no_backend` where no worker can start
   * with runs still to do, `storage` where the disk refused. */
  async run(): Promise<void> {
    if (this.#queue.size === 0) return;
    const { places, jobs, hang_seconds } = this.#options;
    this.#watched_ms = performance.now();
    const watch_ms = heartbeatMs(hang_seconds);
    const watch = setInterval(() => this.#killSilent(watch_ms), watch_ms);
    try {
      const allGone = new Promise<void>((resolve) => {
        this.#onAllGone = resolve;
      });
      for (let index = 0; index < Math.min(places.length, jobs.length); index++) this.#launch(index);
      await allGone;
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      clearInterval(watch);
    }
    if (this.#bug !== null) throw this.#bug;
    if (this.#storageError !== null) throw new LabError('storage', this.#storageError);
    if (this.#queue.size > 0 && this.#stopReason === null) throw this.#cannotStart();
  }

  /** Launches nothing more; workers checkpoint, write `reason` as the status of their runs, and leave. */
  stop(reason: StopReason): void {
    this.#stopReason ??= reason;
    for (const slot of this.#slots) slot.link.send({ type: 'stop', reason });
  }

  /** Ends all workers at once; their runs keep their last checkpoint. */
  kill(): void {
    this.#stopReason ??= 'cancelled';
    for (const slot of this.#slots) if (slot.state !== 'gone') slot.link.kill();
  }

  /** Ends all workers at once and writes nothing more: the runs turned out to be another process's. */
  abandon(): void {
    this.#isAbandoned = true;
    this.kill();
  }

  #launch(index: number): void {
    const place = this.#options.places[index]!;
    const link = this.#options.executor(
      {
        onMessage: (message) => this.#guard(() => this.#receive(slot, message)),
        onExit: (exit) => this.#guard(() => this.#ended(slot, exit)),
      },
      place,
    );
    const slot = newSlot(index, place.device, link);
    this.#slots[index] = slot;
    const { threads, adapter, cache_dir, checkpoint_seconds, hang_seconds } = this.#options;
    const named = adapter === undefined ? {} : { adapter };
    const times = { checkpoint_seconds, heartbeat_ms: heartbeatMs(hang_seconds) };
    slot.link.send({ type: 'start', backend: this.#backend, threads, ...named, cache_dir, ...times });
  }

  /** An error in a handler is not a run's: a full disk stops the sweep, a bug of ours ends it; `run` throws both. */
  #guard(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      if (error instanceof LabError && error.exit === 'storage') {
        this.#storageError ??= error.message;
        this.stop('preempted');
      } else {
        this.#bug ??= error;
        this.kill();
      }
    }
    if (this.#slots.every((slot) => slot.state === 'gone')) this.#onAllGone();
  }

  #receive(slot: Slot, message: FromWorker): void {
    slot.heard_ms = performance.now();
    if (message.type === 'ready') this.#ready(slot, message);
    else if (message.type === 'start_failed') slot.start_error = message.error;
    else if (message.type === 'heartbeat' || message.run_id !== slot.job?.run.run_id) return;
    else if (message.type === 'progress') {
      this.#options.onEvent({ event: 'run_progress', worker: slot.index, ...runProgress(message) });
    } else if (message.type === 'warning') {
      this.#options.onEvent({ event: 'note', message: `${message.run_id}: ${message.message}` });
    } else if (message.type === 'done') this.#finish(slot, slot.job, message.record);
    else this.#fail(slot, slot.job, message.error);
  }

  #ready(slot: Slot, { backend }: Extract<FromWorker, { type: 'ready' }>): void {
    const isPinned = this.#slots.some((other) => other.state === 'idle' || other.state === 'busy');
    if (isPinned && backend.name !== this.#backend) {
      slot.killed_for = `started on ${backend.name} while the sweep runs on ${this.#backend}`;
      slot.link.kill();
      return;
    }
    this.#backend = backend.name;
    this.#startCrashes[slot.index] = 0;
    slot.state = 'idle';
    const { name, device } = backend;
    const seconds = secondsSince(slot.started_ms);
    const { pid } = slot.link;
    const placed_on = slot.device;
    this.#options.onEvent({
      event: 'worker_ready',
      worker: slot.index,
      pid,
      backend: name,
      device,
      placed_on,
      seconds,
    });
    this.#assign(slot);
  }

  #assign(slot: Slot): void {
    const job = this.#stopReason === null ? takeJob(this.#slots, slot, this.#queue) : undefined;
    slot.job = job ?? null;
    slot.state = job === undefined ? 'idle' : 'busy';
    if (job === undefined) {
      slot.dismissed_ms = performance.now();
      slot.link.send({ type: 'stop', reason: this.#stopReason ?? 'cancelled' });
      return;
    }
    const { run, run_dir, from_step, is_alone } = job;
    const attempt = (this.#crashes.get(run.run_id) ?? 0) + (is_alone ? 2 : 1);
    slot.job_started_ms = performance.now();
    this.#options.onEvent({ event: 'run_started', run_id: run.run_id, worker: slot.index, from_step, attempt });
    slot.link.send({ type: 'run', run, run_dir });
  }

  #finish(slot: Slot, job: Job, record: RunRecord): void {
    const { status, val_loss } = record;
    const { run_id } = job.run;
    this.records.set(run_id, record);
    this.#storageFailures = 0;
    const seconds = secondsSince(slot.job_started_ms);
    this.#options.onEvent({ event: 'run_ended', run_id, worker: slot.index, status, val_loss, seconds });
    slot.job = null;
    const isCutShort = status === 'preempted' || status === 'cancelled';
    // Someone ended this worker alone, with SIGTERM; it is leaving. A new one goes on with the run.
    if (isCutShort && this.#stopReason === null) this.#requeue(slot, { ...job, from_step: record.step });
    else this.#assign(slot);
    this.#refill();
  }

  /** The run threw: no memory, or a bug or a full disk, which a second attempt would meet again. */
  #fail(slot: Slot, job: Job, { exit, message, stack }: ErrorReport): void {
    slot.job = null;
    if (isOutOfMemory(message)) this.#outOfMemory(slot, job, message);
    else {
      slot.is_spent = GPU_BACKENDS.has(this.#backend) && exit !== 'storage' && exit !== 'usage';
      this.#reportFailure(slot, job, { message, stack, will_retry: false });
    }
    if (exit === 'storage') {
      this.#storageFailures++;
      this.#storageError ??= message;
      if (this.#storageFailures >= MAX_STORAGE_FAILURES) this.stop('preempted');
    }
    this.#assign(slot);
    this.#refill();
  }

  /** A run found no memory: the first time it is put aside until it can be alone on the device, then it failed. */
  #outOfMemory(slot: Slot, job: Job, cause: string): void {
    slot.is_spent = true;
    const will_retry = !job.is_alone && this.#stopReason === null;
    const where = memoryOf(slot.device);
    const retry = will_retry
      ? `tried once more, alone on ${where}, after the others`
      : 'start the sweep again to go on';
    const what = job.is_alone ? memoryAdvice(job.run, slot.device) : retry;
    const message = `out of memory on ${where}: ${cause.trim()}; ${what}`;
    const { step } = this.#reportFailure(slot, job, { message, stack: null, will_retry });
    if (will_retry) this.#requeue(slot, { ...job, from_step: step, is_alone: true });
  }

  #ended(slot: Slot, exit: WorkerExit): void {
    const wasStarting = slot.state === 'starting';
    slot.state = 'gone';
    const reason = slot.killed_for ?? describeExit(exit);
    const { job } = slot;
    slot.job = null;
    if (job !== null && this.#stopReason === null && isOutOfMemory(exit.output)) this.#outOfMemory(slot, job, reason);
    else if (job !== null) this.#crashed(slot, job, reason);
    const isOver = this.#stopReason === null && wasStarting && !this.#mayStartAgain(slot, reason, exit.output);
    if (isOver) loseSlot(this.#slots, slot, this.#queue);
    this.#refill();
  }

  /** Launches workers for the runs that wait. */
  #refill(): void {
    if (this.#stopReason !== null) return;
    let slot = slotToFill(this.#slots, this.#queue);
    for (; slot !== undefined; slot = slotToFill(this.#slots, this.#queue)) this.#launch(slot.index);
  }

  #crashed(slot: Slot, job: Job, reason: string): void {
    const { run_id } = job.run;
    if (this.#stopReason !== null) {
      const record = this.#endRecord(job, this.#stopReason, `killed while stopping: ${reason}`);
      const seconds = secondsSince(slot.job_started_ms);
      const { status, val_loss } = record;
      this.#options.onEvent({ event: 'run_ended', run_id, worker: slot.index, status, val_loss, seconds });
      return;
    }
    const crashes = (this.#crashes.get(run_id) ?? 0) + 1;
    this.#crashes.set(run_id, crashes);
    const will_retry = crashes <= this.#options.max_retries;
    const { step } = this.#reportFailure(slot, job, { message: `worker crashed: ${reason}`, stack: null, will_retry });
    if (will_retry) this.#requeue(slot, { ...job, from_step: step });
  }

  #reportFailure(
    slot: Slot,
    job: Job,
    failure: { message: string; stack: string | null; will_retry: boolean },
  ): RunRecord {
    const { run_id } = job.run;
    const seconds = secondsSince(slot.job_started_ms);
    this.#options.onEvent({ event: 'run_failed', run_id, worker: slot.index, seconds, ...failure });
    return this.#endRecord(job, 'failed', failure.stack ?? failure.message);
  }

  /** Settles run.json; kept here first, so that a full disk does not hide the failure from the result. */
  #endRecord({ run, run_dir }: Job, status: RunStatus, error: string): RunRecord {
    const record = endedRecord(run, run_dir, status, error);
    this.records.set(run.run_id, record);
    if (!this.#isAbandoned) writeJsonAtomic(recordPath(run_dir), record);
    return record;
  }

  /** An idle worker is leaving already; `refill` finds one for the run. */
  #requeue(slot: Slot, job: Job): void {
    this.#queue.putBack(job, slot.device);
  }

  /** Whether a worker that ended before `ready` gets a successor in its slot. */
  #mayStartAgain(slot: Slot, reason: string, output: string): boolean {
    const crashes = (this.#startCrashes[slot.index] ?? 0) + 1;
    this.#startCrashes[slot.index] = crashes;
    const { start_error } = slot;
    this.#startError = start_error
      ? // A library's error may say less than what it printed.
        { ...start_error, message: `${start_error.message}\n${output}`.trim() }
      : { exit: 'no_backend', message: `worker died while starting: ${reason}`, stack: null };
    if (slot.start_error === null && crashes < MAX_START_CRASHES) return true;
    this.#options.onEvent({ event: 'worker_lost', worker: slot.index, reason: this.#startError.message });
    return false;
  }

  #cannotStart(): LabError {
    const { exit, message, stack } = this.#startError ?? { exit: null, message: 'no worker is left', stack: null };
    if (exit === 'no_backend' || exit === 'usage') return new LabError(exit, message);
    return new LabError('unexpected', `no worker can start: ${stack ?? message}`);
  }

  /** Called each `watch_ms`. A gap in the calls means that this process slept (a closed lid, Ctrl-Z): what the workers
   * said meanwhile is still unread, so their silence counts from now. */
  #killSilent(watch_ms: number): void {
    const { hang_seconds } = this.#options;
    // Two periods and the age of a heartbeat are less silence than a worker is killed for.
    const hasSlept = secondsSince(this.#watched_ms) > (2 * watch_ms) / 1000;
    this.#watched_ms = performance.now();
    for (const slot of this.#slots) {
      if (slot.state === 'gone') continue;
      if (hasSlept) slot.heard_ms = this.#watched_ms;
      const isStuckLeaving = slot.dismissed_ms !== null && secondsSince(slot.dismissed_ms) > LEAVE_SECONDS;
      if (!isStuckLeaving && secondsSince(slot.heard_ms) <= hang_seconds) continue;
      slot.killed_for = `no sign of life for ${hang_seconds} s; killed`;
      slot.link.kill();
    }
  }
}

const secondsSince = (start_ms: number): number => (performance.now() - start_ms) / 1000;

const runProgress = ({ run_id, progress }: Extract<FromWorker, { type: 'progress' }>) => ({ run_id, progress });

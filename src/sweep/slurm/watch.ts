/** @file Watches the tasks of a sweep until none is left: their states from squeue, their runs' from the folders.
 * A task that broke down with runs left is started again once, as a crashed worker is on one machine; Slurm itself starts
 * those again whose node was lost or wanted back. While the controller does not answer nothing is concluded.
 */
import type { RunRecord, RunStatus } from '../../log/record.ts';
import type { FoundRun } from '../folder.ts';
import type { SweepEvent } from '../progress/events.ts';
import { runSlurm, SlurmError } from './programs.ts';
import { adviceOf, arrayIds, phaseOf, type QueuedTask, readQueue, taskKey } from './queue.ts';
import { settleRun } from './settle.ts';
import { freshRecord, isSettled, progressEvent, type WatchedTask } from './watched.ts';

export interface WatchOptions {
  tasks: readonly WatchedTask[];
  show: (event: SweepEvent) => void;
  /** Records of the runs that changed, by run_id. */
  records: Map<string, RunRecord>;
  max_retries: number;
  /** A task that is over may be seen before its last record is: network file systems keep names for so long. */
  settle_seconds: number;
  log_dir: string;
}

/** Looks in a row after which a task that waits for what will not come is given up. */
const HOPELESS_LOOKS = 3;

const READS_WELL = new Set(['None', 'Priority', 'Resources', 'JobArrayTaskLimit', 'BeginTime', 'Dependency']);

export class Watch {
  /** Why tasks were given up that never started; null while none was. */
  hopeless: string | null = null;
  /** The tasks as the queue last had them, those that are over left out. */
  live: QueuedTask[] = [];
  readonly #options: WatchOptions;
  #isCancelling = false;
  #isAway = false;
  #told = '';

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#options.tasks.every(({ isDone }) => isDone);
  }

  /** Tells Slurm to end all tasks; they checkpoint. To be repeated at each look: Slurm may be busy with one of them. */
  async cancel(...args: string[]): Promise<void> {
    this.#isCancelling = true;
    const ids = arrayIds(this.live);
    if (ids.length > 0) await this.#quietly(() => runSlurm('scancel', [...args, ...ids]));
  }

  /** Looks once at queue and folders. */
  async look(): Promise<void> {
    const { tasks } = this.#options;
    const names = [...new Set(tasks.filter(({ isDone }) => !isDone).map(({ name }) => name))];
    const queue = await this.#quietly(() => readQueue(names));
    if (queue === null) return;
    this.live = [...queue.values()].filter((queued) => phaseOf(queued) !== 'over');
    for (const task of tasks) {
      if (!task.isDone) await this.#lookAt(task, queue.get(taskKey(task.name, task.index)));
    }
    this.#tellWaiting();
  }

  async #lookAt(task: WatchedTask, queued: QueuedTask | undefined): Promise<void> {
    const phase = queued === undefined ? 'over' : phaseOf(queued);
    if (phase !== 'over') task.over_ms = null;
    if (phase === 'active') this.#follow(task, queued!);
    else if (phase === 'waiting') await this.#wait(task, queued!);
    else await this.#finish(task, queued);
  }

  /** It runs: shows what its runs do. */
  #follow(task: WatchedTask, { node }: QueuedTask): void {
    task.num_hopeless = 0;
    for (const run of task.runs) {
      const record = freshRecord(run);
      const { run_id } = run.found.run;
      if (record === null || task.ended.has(run_id)) continue;
      if (isSettled(record)) this.#end(task, record);
      if (record.status !== 'running') continue;
      const worker = task.slot ?? this.#takeSlot(task, record, node);
      if (!task.started.has(run_id)) {
        task.started.add(run_id);
        task.since_ms = performance.now();
        const attempt = task.num_retries + 1;
        this.#options.show({ event: 'run_started', run_id, worker, from_step: record.step, attempt });
      }
      const progress = progressEvent(run.found, record, worker);
      if (progress !== null) this.#options.show(progress);
    }
  }

  #takeSlot(task: WatchedTask, { backend, device }: RunRecord, node: string): number {
    const taken = new Set(this.#options.tasks.map(({ slot }) => slot));
    let worker = 0;
    while (taken.has(worker)) worker++;
    task.slot = worker;
    const seconds = (performance.now() - task.since_ms) / 1000;
    this.#options.show({ event: 'worker_ready', worker, pid: null, backend, device, placed_on: node, seconds });
    return worker;
  }

  /** It waits, for the first time or again. */
  async #wait(task: WatchedTask, queued: QueuedTask): Promise<void> {
    if (task.slot !== null) this.#interrupt(task, queued);
    task.num_hopeless = adviceOf(queued) === null ? 0 : task.num_hopeless + 1;
    if (task.num_hopeless < HOPELESS_LOOKS) return;
    const [array = ''] = arrayIds([queued]);
    this.hopeless ??= `Slurm will not start job ${array} (${queued.reason}): ${adviceOf(queued)}`;
    task.isDone = true;
    await this.#quietly(() => runSlurm('scancel', [queued.job_id]));
  }

  /** It was running and waits again: Slurm wanted the node back, lost it, or its time was over. */
  #interrupt(task: WatchedTask, { job_id, reason }: QueuedTask): void {
    for (const run of task.runs) {
      const record = freshRecord(run);
      if (record !== null && isSettled(record)) this.#end(task, record);
      else if (task.started.delete(run.found.run.run_id)) this.#show(task, run.found, 'preempted', record);
    }
    this.#options.show({ event: 'note', message: `Slurm job ${job_id} waits to go on (${reason})` });
    task.slot = null;
    task.since_ms = performance.now();
  }

  /** It is over, or gone from the queue. */
  async #finish(task: WatchedTask, queued: QueuedTask | undefined): Promise<void> {
    task.over_ms ??= performance.now();
    for (const run of task.runs) {
      const record = freshRecord(run);
      if (record !== null && isSettled(record) && !task.ended.has(run.found.run.run_id)) this.#end(task, record);
    }
    const left = task.runs.filter(({ found }) => !task.ended.has(found.run.run_id));
    const { settle_seconds, max_retries } = this.#options;
    const mayLag = queued === undefined || queued.state === 'COMPLETED';
    const isEarly = performance.now() - task.over_ms < 1000 * settle_seconds;
    if (left.length > 0 && mayLag && isEarly) return;
    const isCancelled = this.#isCancelling || queued?.state === 'CANCELLED';
    if (left.length > 0 && !isCancelled && queued !== undefined && task.num_retries < max_retries) {
      if (await this.#retry(task, queued, left)) return;
    }
    for (const run of left) await this.#settle(task, run, queued, isCancelled);
    task.isDone = true;
    task.slot = null;
  }

  /** Asks Slurm to start a task again; false where it does not. */
  async #retry(task: WatchedTask, queued: QueuedTask, left: WatchedTask['runs']): Promise<boolean> {
    try {
      await runSlurm('scontrol', ['requeue', queued.job_id]);
    } catch (error) {
      if (error instanceof SlurmError) return false;
      throw error;
    }
    task.num_retries++;
    const seconds = (performance.now() - task.since_ms) / 1000;
    const message = this.#reason(queued);
    for (const { found } of left) {
      if (!task.started.delete(found.run.run_id)) continue;
      const failure = { message, stack: null, will_retry: true, seconds };
      this.#options.show({ event: 'run_failed', run_id: found.run.run_id, worker: task.slot ?? 0, ...failure });
    }
    task.slot = null;
    task.since_ms = performance.now();
    return true;
  }

  /** A run whose task is over: its record says so from now on. One that never began stays planned. */
  async #settle(
    task: WatchedTask,
    run: WatchedTask['runs'][number],
    queued: QueuedTask | undefined,
    isCancelled: boolean,
  ): Promise<void> {
    const { found } = run;
    const record = freshRecord(run);
    task.ended.add(found.run.run_id);
    if (isCancelled && record === null) {
      if (!this.#isCancelling)
        this.#note(`${found.run.run_id}: Slurm job ${queued?.job_id} was cancelled before it began`);
      return;
    }
    const reason = this.#reason(queued);
    const settled = await settleRun(found, isCancelled ? 'cancelled' : 'failed', reason);
    if ('held' in settled) return this.#note(settled.held);
    this.#options.records.set(found.run.run_id, settled.record);
    if (isCancelled) return this.#show(task, found, 'cancelled', settled.record);
    const seconds = (performance.now() - task.since_ms) / 1000;
    const failure = { message: reason, stack: null, will_retry: false, seconds };
    this.#options.show({ event: 'run_failed', run_id: found.run.run_id, worker: task.slot ?? 0, ...failure });
  }

  #reason(queued: QueuedTask | undefined): string {
    if (queued === undefined) return `its Slurm job left the queue before the run ended; see ${this.#options.log_dir}`;
    const { job_id, state, reason, node } = queued;
    const why = ['None', ''].includes(reason) ? '' : ` (${reason})`;
    return `Slurm job ${job_id} ended as ${state}${why} on ${node}; see ${this.#options.log_dir}/${job_id}.log`;
  }

  #end(task: WatchedTask, record: RunRecord): void {
    const { run_id, status, error } = record;
    task.ended.add(run_id);
    this.#options.records.set(run_id, record);
    const seconds = (performance.now() - task.since_ms) / 1000;
    task.since_ms = performance.now();
    const worker = task.slot ?? 0;
    if (status === 'failed') {
      const failure = { message: error ?? 'no reason recorded', stack: null, will_retry: false, seconds };
      this.#options.show({ event: 'run_failed', run_id, worker, ...failure });
    } else this.#options.show({ event: 'run_ended', run_id, worker, status, val_loss: record.val_loss, seconds });
  }

  #show(task: WatchedTask, { run }: FoundRun, status: RunStatus, record: RunRecord | null): void {
    const seconds = (performance.now() - task.since_ms) / 1000;
    if (record !== null) this.#options.records.set(run.run_id, record);
    const ended = { run_id: run.run_id, worker: task.slot ?? 0, status, val_loss: null, seconds };
    this.#options.show({ event: 'run_ended', ...ended });
  }

  /** Why nothing runs, once for each reason. */
  #tellWaiting(): void {
    if (this.live.length === 0 || this.live.some((queued) => phaseOf(queued) !== 'waiting')) return;
    const reasons = [...new Set(this.live.map(({ reason }) => reason))].filter((reason) => !READS_WELL.has(reason));
    const text = reasons.sort().join(', ');
    if (text === this.#told) return;
    this.#told = text;
    if (text !== '') this.#note(`nothing runs: ${this.live.length} Slurm tasks wait (${text})`);
  }

  #note(message: string): void {
    this.#options.show({ event: 'note', message });
  }

  /** Null where Slurm did not answer, which is told once. */
  async #quietly<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await ask();
      this.#isAway = false;
      return answer;
    } catch (error) {
      if (!(error instanceof SlurmError)) throw error;
      if (!this.#isAway) this.#note(`Slurm does not answer: ${error.message}; its jobs go on, and so does this`);
      this.#isAway = true;
      return null;
    }
  }
}

/** @file Door of the sweep: runs a plan in a folder, on this machine's cores, and comes back with every record.
 * Holds the folder (lock.ts), works out what is left to do (folder.ts), lets a supervisor keep the workers busy, shows
 * progress on stderr, and turns signals into an orderly stop. Calling it again goes on where it stopped. Which exit
 * code follows is the command line's to say.
 */
import type { ExitName } from '../lib/errors.ts';
import type { RunRecord, RunStatus } from '../log/record.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeviceRequest } from './devices.ts';
import { describeWork, findRuns, longestFirst, needsWork, statusOf, stepsDone, writePlan } from './folder.ts';
import { localExecutor, workerUrl } from './local-executor.ts';
import { lockFolder } from './lock.ts';
import { findPlaces } from './places.ts';
import { countByStatus } from './progress/events.ts';
import { type ProgressKind, type ProgressStream, startProgress } from './progress/progress.ts';
import { listenForSignals, type StopSignal, stopExit, stopReason } from './signals.ts';
import { Supervisor } from './supervisor.ts';

export { readGpu } from './gpu-facts.ts';
export { type Card, type CardQuery, queryCards } from './nvidia-smi.ts';
export type { SweepEvent } from './progress/events.ts';

export interface SweepOptions {
  plan: Plan;
  /** The sweep's folder, made if absent. */
  out_dir: string;
  /** As the user chose it; `auto` is settled by the first worker. */
  backend: string;
  /** Threads of each worker, for the native backend; default 1. */
  threads?: number | undefined;
  /** A part of the name of the GPU adapter that the webgpu backend takes. */
  adapter?: string | undefined;
  /** Worker processes, at most one a run, or a slot where devices are given; default one a core, or one for each
   * `threads` cores, on webgpu four at most; on CUDA one a slot of all cards. */
  workers?: number | undefined;
  /** CUDA cards to place workers on, by nvidia-smi's index, or all that are free enough. */
  devices?: DeviceRequest['devices'] | undefined;
  /** Workers that share a card. Default auto: from its free memory and the largest run that waits. */
  slots_per_device?: DeviceRequest['slots_per_device'] | undefined;
  /** Where corpora are kept between runs. */
  cache_dir: string;
  progress: ProgressKind;
  is_color: boolean;
  /** New attempts a run gets after its worker crashed. Default 1. */
  max_retries?: number;
  /** Seconds between checkpoints. Default 60: what a crash may cost. */
  checkpoint_seconds?: number;
  /** Seconds of silence after which a worker is killed. Default 900: some steps of preparing a corpus are long. */
  hang_seconds?: number;
  /** Whether a batch system started us, so that SIGTERM means "start again". Default: SLURM_JOB_ID is set. */
  is_batch?: boolean;
  /** Default stderr. */
  stream?: ProgressStream;
  /** The worker's program. Default: the lab's own. */
  worker_url?: URL;
}

export interface SweepResult {
  /** Runs of the plan by status. */
  counts: Partial<Record<RunStatus, number>>;
  /** In the plan's order; runs that never began have none. */
  records: RunRecord[];
  /** Runs an earlier sweep had done already. */
  num_skipped: number;
  wall_seconds: number;
  /** The signal that cut the sweep short and the exit it stands for, or null. */
  interrupted: { signal: StopSignal; exit: ExitName } | null;
}

/** Trains what `plan` leaves to do in `out_dir`. A run that fails or diverges is in the result, not an error.
 * Throws `folder_held`, `no_backend`, `storage`, and `usage` where the folder holds other runs under these names or the
 * devices cannot be had. */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  const start_ms = performance.now();
  const lock = await lockFolder(options.out_dir);
  try {
    return await runLocked(options, start_ms);
  } finally {
    lock.release();
  }
}

async function runLocked(options: SweepOptions, start_ms: number): Promise<SweepResult> {
  const { plan, out_dir, is_color, stream = process.stderr } = options;
  const runs = findRuns(plan, out_dir);
  const todo = longestFirst(runs.filter(needsWork));
  const { threads = 1, adapter, workers, devices, slots_per_device } = options;
  const run_bytes = todo.map(({ run }) => run.memory_bytes);
  const request = { backend: options.backend, threads, adapter, workers, devices, slots_per_device, run_bytes };
  const { backend, places, notes } = await findPlaces(request);
  const num_workers = places.length;
  const num_kept = writePlan(plan, out_dir);

  const progress = startProgress(options.progress, { stream, is_color });
  const supervisor = new Supervisor({
    executor: localExecutor(options.worker_url ?? workerUrl()),
    jobs: todo.map((found) => ({ run: found.run, run_dir: found.run_dir, from_step: stepsDone(found) })),
    places,
    backend,
    threads,
    adapter,
    cache_dir: options.cache_dir,
    checkpoint_seconds: options.checkpoint_seconds ?? 60,
    hang_seconds: options.hang_seconds ?? 900,
    max_retries: options.max_retries ?? 1,
    onEvent: progress.show,
  });

  let signal: StopSignal | null = null;
  const stopListening = listenForSignals({
    onStop: (received) => {
      signal = received;
      const reason = stopReason(received);
      progress.show({ event: 'sweep_stopping', reason, signal: received });
      supervisor.stop(reason);
    },
    onKill: () => supervisor.kill(),
  });
  const result = (): SweepResult => {
    const records = runs.map(({ run, record }) => supervisor.records.get(run.run_id) ?? record);
    const statuses = runs.map((found, i) => records[i]?.status ?? statusOf(found));
    const isBatch = options.is_batch ?? process.env.SLURM_JOB_ID !== undefined;
    return {
      counts: countByStatus(statuses),
      records: records.filter((record) => record !== null),
      num_skipped: runs.length - todo.length,
      wall_seconds: (performance.now() - start_ms) / 1000,
      interrupted: signal === null ? null : { signal, exit: stopExit(signal, isBatch) },
    };
  };

  try {
    for (const message of notes) progress.show({ event: 'note', message });
    if (num_kept > 0) progress.show({ event: 'note', message: keptNote(num_kept, out_dir) });
    progress.show({ event: 'sweep_started', out_dir, num_workers, num_to_do: todo.length, runs: describeWork(runs) });
    await supervisor.run();
    return result();
  } finally {
    const { counts, wall_seconds } = result();
    progress.show({ event: 'sweep_ended', counts, seconds: wall_seconds });
    stopListening();
    progress.close();
  }
}

const keptNote = (num: number, out_dir: string): string =>
  `${out_dir} holds ${num} more ${num === 1 ? 'run' : 'runs'} of an earlier plan; kept, and not run by this one`;

/** @file Trains runs with worker processes of this machine, from the search for places to the last record.
 * What a sweep does once it holds its folder, and what a task of a cluster does with the runs that are its own: it lets
 * a supervisor keep the workers busy, shows progress, and turns signals into an orderly stop.
 */
import type { DeviceRequest } from './devices.ts';
import { describeWork, type FoundRun, longestFirst, needsWork, stepsDone } from './folder.ts';
import { localExecutor, workerUrl } from './local-executor.ts';
import { findPlaces } from './places.ts';
import { type ProgressKind, type ProgressStream, startProgress } from './progress/progress.ts';
import { type SweepResult, sweepResult } from './result.ts';
import { listenForSignals, type StopSignal, stopReason } from './signals.ts';
import { Supervisor } from './supervisor.ts';

export interface TrainOptions {
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

/** Hooks of the two callers. */
interface TrainHooks {
  /** Called once it is known that the runs can be placed, before the first one starts; returns notes to show. */
  prepare?: () => string[];
  /** Told the pid of every worker before it is given a run. */
  onWorker?: (pid: number) => void;
  /** Given a way to end all workers at once with nothing written, for when the runs turn out to be another's. */
  onStart?: (abandon: () => void) => void;
}

/** Trains what is left to do of `runs`. A run that fails or diverges is in the result, not an error. Throws `no_backend`,
 * `storage`, and `usage` where the devices cannot be had. */
export async function trainRuns(
  runs: readonly FoundRun[],
  options: TrainOptions,
  { prepare, onWorker, onStart }: TrainHooks = {},
): Promise<SweepResult> {
  const start_ms = performance.now();
  const { out_dir, is_color, stream = process.stderr } = options;
  const todo = longestFirst(runs.filter(needsWork));
  const { threads = 1, adapter, workers, devices, slots_per_device } = options;
  const run_bytes = todo.map(({ run }) => run.memory_bytes);
  const request = { backend: options.backend, threads, adapter, workers, devices, slots_per_device, run_bytes };
  const { backend, places, notes } = await findPlaces(request);
  const num_workers = places.length;
  const more_notes = prepare?.() ?? [];

  const progress = startProgress(options.progress, { stream, is_color });
  const supervisor = new Supervisor({
    executor: localExecutor(options.worker_url ?? workerUrl(), onWorker),
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
  onStart?.(() => supervisor.abandon());

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
  const result = (): SweepResult =>
    sweepResult({ runs, records: supervisor.records, start_ms, signal, is_batch: options.is_batch });

  try {
    for (const message of [...notes, ...more_notes]) progress.show({ event: 'note', message });
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

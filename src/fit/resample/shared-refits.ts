/** @file The refits of a bootstrap, shared among threads where that pays.
 * Resamples are taken in chunks off one counter in shared memory, by worker threads and by the caller alike; a chunk that
 * a worker has taken and not finished when nothing else is left is done again by the caller. So nobody waits for a
 * worker: one that starts late, dies or cannot start costs time only. A resample's values depend on nothing but its
 * number, so the results are the same to the last bit whoever fitted it, for any number of threads.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { lawRefit, type Refit, type RefitSpec } from './refit.ts';
import type { Unit } from './resamples.ts';
import { makeResamples, type ResampleOptions, type Resamples } from './resamples.ts';

/** Resamples a chunk: a few milliseconds. */
const CHUNK = 8;
/** Threads at most, where nobody says. */
const MAX_THREADS = 8;
/** Milliseconds of refits that the caller's code takes to be compiled, and those after them by which it judges its pace;
 * what is left by that pace for which a thread's start (about .1 s, and .3 s of work that the caller has done already:
 * loading, compiling, the columns) pays. Of its own work: on cores that are busy with others time passes, and threads
 * would not help. */
const WARM_MS = 80;
const LOOK_MS = 40;
const WORTH_A_THREAD_MS = 800;

/** What the threads share. `control` holds the next chunk, then for each chunk whether it is done; `values` a row of
 * `names` a resample; `is_fitted` whether there is one. */
interface Table {
  names: readonly string[];
  count: number;
  control: Int32Array;
  values: Float64Array;
  is_fitted: Uint8Array;
}

/** What a worker is given. */
export interface Share {
  spec: RefitSpec;
  resampling: ResampleOptions;
  table: Table;
}

/** The values of every resample in order; null for one without a fit. `spec` is what `refit` was made of, where another
 * thread can make it too; `threads` are the caller and its workers (where absent, as many as pay). */
export function refitAll(
  resamples: Resamples,
  refit: Refit,
  shared?: { spec: RefitSpec; resampling: ResampleOptions; threads: number | undefined },
): (Record<string, number> | null)[] {
  const most = Math.min((shared?.threads ?? threadsHere()) - 1, Math.ceil(resamples.count / CHUNK) - 1);
  const names = shared && most > 0 ? namesOf(resamples, refit) : null;
  if (!shared || !names) return Array.from({ length: resamples.count }, (_, k) => refit(resamples.multiplicity(k)));
  const table = makeTable(names, resamples.count);
  const { spec, resampling } = shared;
  const pays = shared.threads !== undefined || takeSome(table, resamples, refit) > WORTH_A_THREAD_MS;
  const workers = pays ? startWorkers({ spec, resampling, table }, most) : [];
  takeChunks(table, resamples, refit);
  for (let chunk = 0; chunk + 1 < table.control.length; chunk++)
    if (Atomics.load(table.control, chunk + 1) === 0) fill(table, chunk, resamples, refit);
  for (const worker of workers) void worker.terminate();
  return Array.from({ length: resamples.count }, (_, k) => {
    if (table.is_fitted[k] === 0) return null;
    return Object.fromEntries(names.map((name, j) => [name, table.values[k * names.length + j]!]));
  });
}

const threadsHere = (): number => Math.min(availableParallelism(), MAX_THREADS);

/** Takes chunks for a moment; milliseconds that the rest will take the caller alone. */
function takeSome(table: Table, resamples: Resamples, refit: Refit): number {
  takeChunksFor(WARM_MS);
  const { taken, ms } = takeChunksFor(LOOK_MS);
  const left = Math.max(0, table.control.length - 1 - Atomics.load(table.control, 0));
  return (ms / Math.max(1, taken)) * left;

  function takeChunksFor(most_ms: number): { taken: number; ms: number } {
    const start = process.cpuUsage();
    const elapsed = () => process.cpuUsage(start).user / 1000;
    const taken = takeChunks(table, resamples, refit, () => elapsed() > most_ms);
    return { taken, ms: elapsed() };
  }
}

/** A worker's part: refits chunk after chunk until none is left. */
export function work({ spec, resampling, table }: Share): void {
  const units: readonly Unit[] = spec.points;
  takeChunks(table, makeResamples(units, resampling), lawRefit(spec));
}

/** The quantities that a refit returns, from the first resample that has a fit; null where none of the first has. */
function namesOf(resamples: Resamples, refit: Refit): string[] | null {
  for (let k = 0; k < Math.min(CHUNK, resamples.count); k++) {
    const values = refit(resamples.multiplicity(k));
    if (values) return Object.keys(values);
  }
  return null;
}

function makeTable(names: readonly string[], count: number): Table {
  const chunks = Math.ceil(count / CHUNK);
  return {
    names,
    count,
    control: new Int32Array(new SharedArrayBuffer(4 * (1 + chunks))),
    values: new Float64Array(new SharedArrayBuffer(8 * count * names.length)),
    is_fitted: new Uint8Array(new SharedArrayBuffer(count)),
  };
}

/** Fits chunk after chunk until none is left or `isEnough`; how many it fitted. */
function takeChunks(table: Table, resamples: Resamples, refit: Refit, isEnough = () => false): number {
  const chunks = table.control.length - 1;
  let taken = 0;
  while (!isEnough()) {
    const chunk = Atomics.add(table.control, 0, 1);
    if (chunk >= chunks) break;
    fill(table, chunk, resamples, refit);
    taken++;
  }
  return taken;
}

function fill({ names, count, control, values, is_fitted }: Table, chunk: number, resamples: Resamples, refit: Refit) {
  for (let k = chunk * CHUNK; k < Math.min((chunk + 1) * CHUNK, count); k++) {
    const found = refit(resamples.multiplicity(k));
    if (!found) continue;
    names.forEach((name, j) => {
      values[k * names.length + j] = found[name] ?? Number.NaN;
    });
    is_fitted[k] = 1;
  }
  Atomics.store(control, chunk + 1, 1);
}

/** Starts the workers, those that can be started; their failures are the caller's work. */
function startWorkers(share: Share, count: number): Worker[] {
  const workers: Worker[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const worker = new Worker(workerUrl(), { workerData: share, execArgv: [] });
      worker.on('error', () => undefined);
      worker.unref();
      workers.push(worker);
    }
  } catch {
    // Threads may be forbidden here: the caller then does all by itself.
  }
  return workers;
}

/** The compiled worker beside this file; from TypeScript sources, the one in dist/. */
function workerUrl(): URL {
  const here = import.meta.url;
  return here.endsWith('.ts')
    ? new URL('../../../dist/fit/resample/refit-worker-main.js', here)
    : new URL('./refit-worker-main.js', here);
}

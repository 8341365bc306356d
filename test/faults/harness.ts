/** @file Breaks a small sweep again and again, at random moments, and looks at what is left of it.
 * One sweep is trained undisturbed. Then the same sweep is started, broken, started again, until it is done; then the
 * next, in a new folder, until all faults were dealt. The seed settles which faults, in which order, and how long each
 * waits; at which step they hit is the machine's to say.
 */
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Rng, randomInt, rngStream } from '../../src/lib/rng.ts';
import { readRecord, recordPath } from '../../src/log/log.ts';
import { compareSweeps, problemsIn, runIds } from './compare.ts';
import { inject, KINDS, type Kind, shuffledDeck } from './kinds.ts';
import { markedPids, markedWorkers, signalMarked, until } from './processes.ts';
import { type SweepProcess, startSweep } from './sweep-process.ts';

/** Four sizes, a few seconds in all; rows and evaluations often. */
const STUDY = `name: faults
model: { n_ctx: 16 }
data: { corpus: zipf-lexicon, alphabet: 8, val_tokens: 1024 }
train: { num_tokens: 40k, batch_tokens: 64, learning_rate: 0.01, eval_tokens: 1024, num_evals: 4 }
sweeps:
  - name: faults
    grid: { model.d_model: [8, 12, 16, 24] }
`;

/** Seconds for which a worker may outlive its supervisor, other tests beside it; scripts/faults.mjs allows half. */
const ORPHAN_SECONDS = 10;

/** No start takes longer on any machine, whatever is done to it; one that does hangs. */
const START_SECONDS = 900;

export interface FaultOptions {
  /** An empty folder. */
  dir: string;
  backend: string;
  num_faults: number;
  seed: number;
  /** Sweeps that are broken side by side. */
  num_lanes: number;
  /** No fault is injected later than this. */
  max_seconds: number;
  onFault?: (line: string) => void;
}

export interface FaultReport {
  by_kind: Record<Kind, number>;
  num_faults: number;
  num_starts: number;
  num_sweeps: number;
  /** Runs that finished and were compared. */
  num_runs: number;
  bytes_lost: number;
  /** Longest time, seconds, that a worker lived on after its supervisor. */
  longest_orphan_seconds: number;
  seconds: number;
  /** Everything that should not have been. */
  violations: string[];
}

interface Harness {
  options: FaultOptions;
  config: string;
  reference: string;
  start_ms: number;
  report: FaultReport;
}

/** One sweep after another, with its own chance. */
interface Lane extends Harness {
  rng: Rng;
  deck: Kind[];
}

/** Injects the faults and reports. Throws where the undisturbed sweep does not finish. */
export async function injectFaults(options: FaultOptions): Promise<FaultReport> {
  const config = join(options.dir, 'faults.yaml');
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(config, STUDY);
  const harness: Harness = {
    options,
    config,
    reference: join(options.dir, 'undisturbed'),
    start_ms: performance.now(),
    report: {
      by_kind: Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0])) as Record<Kind, number>,
      ...{ num_faults: 0, num_starts: 0, num_sweeps: 0, num_runs: 0, bytes_lost: 0, longest_orphan_seconds: 0 },
      ...{ seconds: 0, violations: [] },
    },
  };
  const first = start(harness, harness.reference);
  await first.ended;
  if (first.exit?.code !== 0) throw new Error(`the undisturbed sweep ended with ${describe(first)}`);
  const { report } = harness;
  const lanes = Array.from({ length: options.num_lanes }, async (_, i) => {
    const rng = rngStream(options.seed, `faults ${i}`);
    const lane = { ...harness, rng, deck: shuffledDeck(rng, { each_once: true }) };
    for (let n = 0; hasFaults(lane); n++) await disturbedSweep(lane, join(options.dir, `sweep-${i}-${n}`));
  });
  await Promise.all(lanes);
  return { ...report, seconds: (performance.now() - harness.start_ms) / 1000 };
}

const hasFaults = ({ options, report, start_ms }: Harness): boolean =>
  report.num_faults < options.num_faults && performance.now() - start_ms < 1000 * options.max_seconds;

function start({ options, config, report }: Harness, out_dir: string): SweepProcess {
  report.num_starts++;
  const { dir, backend } = options;
  return startSweep({ config, out_dir, cache_dir: join(dir, 'cache'), backend }, `${dir}:${report.num_starts}`);
}

/** One sweep from its first start to its end, disturbed on the way, then compared. */
async function disturbedSweep(harness: Lane, out_dir: string): Promise<void> {
  const { report } = harness;
  const accuse = (what: string) => report.violations.push(`${out_dir}: ${what}`);
  /** run.json of every run that was seen finished, by run_id. */
  const finished = new Map<string, string>();
  const orphans: Promise<void>[] = [];
  for (let isDone = false; !isDone; ) {
    const sweep = start(harness, out_dir);
    const isHung = setTimeout(() => {
      accuse(`start ${report.num_starts} did not end within ${START_SECONDS} s`);
      for (const pid of markedPids(sweep.mark)) signalMarked(pid, 'SIGKILL', sweep.mark);
    }, 1000 * START_SECONDS);
    const known = new Set(finished.keys());
    const frozen = await disturb(harness, sweep, out_dir, accuse);
    await sweep.ended;
    clearTimeout(isHung);
    for (const event of sweep.events) {
      if (event.event === 'run_started' && known.has(event.run_id)) accuse(`${event.run_id} was trained once more`);
    }
    for (const [run_id, text] of finished) {
      if (readFileSync(recordPath(join(out_dir, run_id)), 'utf8') !== text)
        accuse(`${run_id} was changed when finished`);
    }
    if (frozen) await nextStartEnds(harness, sweep, out_dir, accuse);
    else orphans.push(watchOrphans(harness, sweep, accuse));
    // What is on the disk now can be judged once nobody writes.
    if (markedPids(sweep.mark).length === 0) checkBetween(out_dir, accuse);
    for (const run_id of finishedRuns(out_dir)) {
      if (!finished.has(run_id)) finished.set(run_id, readFileSync(recordPath(join(out_dir, run_id)), 'utf8'));
    }
    isDone = sweep.exit?.code === 0;
    if (!isDone && !isExpected(sweep)) accuse(`start ${report.num_starts} ended with ${describe(sweep)}`);
    if (report.violations.length > 20) throw new Error(report.violations.join('\n'));
  }
  await Promise.all(orphans);
  const { faults, bytes_lost } = compareSweeps(harness.reference, out_dir);
  for (const fault of faults) accuse(fault);
  report.bytes_lost += bytes_lost;
  report.num_sweeps++;
  report.num_runs += runIds(out_dir).length;
}

/** Injects faults into `sweep` until it ends or none is left; whether a frozen worker was left without supervisor. */
async function disturb(
  harness: Lane,
  sweep: SweepProcess,
  out_dir: string,
  accuse: (what: string) => void,
): Promise<boolean> {
  const { rng, report } = harness;
  while (hasFaults(harness)) {
    const moment = await randomMoment(rng, sweep, out_dir);
    if (sweep.exit !== null || !hasFaults(harness)) return false;
    if (harness.deck.length === 0) harness.deck = shuffledDeck(rng);
    const kind = harness.deck.pop()!;
    // Counted before it is done, so that lanes side by side inject no more than was asked for.
    report.num_faults++;
    const wrong = await inject(kind, sweep, rng);
    if (wrong === 'no worker') {
      report.num_faults--;
      harness.deck.push(kind);
      await sleep(50);
      continue;
    }
    if (wrong !== null) accuse(wrong);
    report.by_kind[kind]++;
    harness.options.onFault?.(`${report.num_faults} ${kind} ${moment} (start ${report.num_starts})`);
    if (kind === 'kill supervisor' || kind === 'kill all') return false;
    if (kind === 'orphan frozen worker') return true;
  }
  return false;
}

/** Waits for a moment of one of three sorts, by chance: while the sweep starts, while it trains, while a file is being
 * replaced. Returns early when the sweep ends. */
async function randomMoment(rng: Rng, sweep: SweepProcess, out_dir: string): Promise<string> {
  const sort = randomInt(rng, 10);
  const delay_ms = 2000 * rng();
  const hasEnded = () => sweep.exit !== null;
  if (sort < 2) {
    await until(hasEnded, delay_ms);
    return `after ${Math.round(delay_ms)} ms`;
  }
  const num = sweep.events.filter(({ event }) => event === 'run_progress').length;
  await until(() => hasEnded() || sweep.events.filter(({ event }) => event === 'run_progress').length > num, 60_000);
  if (sort < 6) {
    await until(hasEnded, delay_ms / 2);
    return `in training, after ${Math.round(delay_ms / 2)} ms`;
  }
  const run_id = runIds(out_dir)[randomInt(rng, runIds(out_dir).length)];
  if (run_id === undefined) return 'before the first run';
  let hasWritten = false;
  const watcher = watch(join(out_dir, run_id), (_, name) => {
    hasWritten ||= name?.endsWith('.tmp') ?? false;
  });
  await until(() => hasEnded() || hasWritten, 1_000);
  watcher.close();
  await sleep(delay_ms / 200);
  return hasWritten ? 'while a file was replaced' : 'in training';
}

/** Workers of a sweep that ended, however it did, are gone soon after. */
async function watchOrphans({ report }: Harness, sweep: SweepProcess, accuse: (what: string) => void): Promise<void> {
  const { mark, exit } = sweep;
  const lived = () => (performance.now() - exit!.at_ms) / 1000;
  if (markedPids(mark).length === 0) return;
  await until(() => markedPids(mark).length === 0, 2000 * ORPHAN_SECONDS);
  report.longest_orphan_seconds = Math.max(report.longest_orphan_seconds, lived());
  if (lived() > ORPHAN_SECONDS) accuse(`a worker outlived its supervisor by ${lived().toFixed(1)} s`);
}

/** A frozen worker cannot notice that its supervisor died: the next start has to end it before it trains. */
async function nextStartEnds(
  harness: Harness,
  orphaned: SweepProcess,
  out_dir: string,
  accuse: (what: string) => void,
): Promise<void> {
  const sweep = start(harness, out_dir);
  await until(() => sweep.exit !== null || sweep.events.some(({ event }) => event === 'run_started'), 60_000);
  const left = markedWorkers(orphaned.mark);
  if (left.length > 0) accuse(`a frozen worker of the start before is there while its run is trained again`);
  for (const pid of left) signalMarked(pid, 'SIGCONT', orphaned.mark);
  await sweep.ended;
}

/** Between two starts only temporary files, dead locks and logs that are ahead of their checkpoints are in order. */
function checkBetween(out_dir: string, accuse: (what: string) => void): void {
  const allowed = new Set(['leftover_file', 'leftover_lock', 'plan_missing']);
  try {
    for (const { rule, path, message } of problemsIn(out_dir)) {
      if (!allowed.has(rule)) accuse(`between two starts: ${rule}: ${path}: ${message}`);
    }
  } catch {
    // It was broken before it made its folder.
  }
}

function finishedRuns(out_dir: string): string[] {
  try {
    return runIds(out_dir).filter((run_id) => readRecord(join(out_dir, run_id))?.status === 'finished');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A start may end by our signal, because runs lost too many workers (3), or all workers died while starting (5). */
const isExpected = ({ exit }: SweepProcess): boolean =>
  exit?.signal === 'SIGKILL' || exit?.code === 3 || exit?.code === 5;

const describe = ({ exit, text }: SweepProcess): string =>
  `${exit?.signal ?? `exit code ${exit?.code}`}: ${text.slice(-10).join('\n')}`;

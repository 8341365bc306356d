/** @file The faults that are injected, and what each does to a sweep that runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Rng, randomInt } from '../../src/lib/rng.ts';
import { markedPids, markedWorkers, signalMarked, until } from './processes.ts';
import { HANG_SECONDS, type SweepProcess } from './sweep-process.ts';

/** Each with how often it is in the deck that is shuffled and dealt. */
export const KINDS = {
  /** SIGKILL to a worker. */
  'kill worker': 3,
  /** SIGKILL to the supervisor; its workers have to notice. */
  'kill supervisor': 3,
  /** SIGKILL to supervisor and workers at once, as a machine that runs out of memory or power does. */
  'kill all': 3,
  /** SIGSTOP to a worker for longer than its heartbeat, some for longer than it may be silent; then SIGCONT. */
  'freeze worker': 2,
  /** SIGSTOP to a worker, then SIGKILL. */
  'freeze and kill worker': 1,
  /** SIGSTOP to a worker until the supervisor gives it up. */
  'freeze worker for good': 1,
  /** SIGSTOP to the supervisor for longer than the workers may be silent, then SIGCONT: nobody was silent. */
  'freeze supervisor': 1,
  /** SIGSTOP to a worker, SIGKILL to its supervisor: the next start meets a worker that cannot notice. */
  'orphan frozen worker': 1,
} as const;

export type Kind = keyof typeof KINDS;

/** Milliseconds that a supervisor may take over giving a worker up, beyond the silence that it allows: it looks four
 * times in that silence, and a worker that is on its way out has ten seconds. */
const GIVE_UP_MS = 1000 * HANG_SECONDS + 15_000;

/** Does `kind` to `sweep`; what went wrong over it, or null. Does nothing and says `no worker` where it wants one and
 * there is none. */
export async function inject(kind: Kind, sweep: SweepProcess, rng: Rng): Promise<string | null> {
  const { mark, pid } = sweep;
  const workers = markedWorkers(mark);
  const worker = workers[randomInt(rng, Math.max(1, workers.length))];
  const freeze_ms = 1000 * HANG_SECONDS * (0.3 + 1.4 * rng());
  if (kind === 'kill supervisor') signalMarked(pid, 'SIGKILL', mark);
  else if (kind === 'kill all') {
    // The supervisor first, or it would see its workers die.
    signalMarked(pid, 'SIGKILL', mark);
    for (const other of markedPids(mark)) signalMarked(other, 'SIGKILL', mark);
  } else if (kind === 'freeze supervisor') {
    signalMarked(pid, 'SIGSTOP', mark);
    await sleep(1000 * HANG_SECONDS * (1 + rng()));
    signalMarked(pid, 'SIGCONT', mark);
  } else if (worker === undefined) return 'no worker';
  else if (kind === 'kill worker') signalMarked(worker, 'SIGKILL', mark);
  else {
    signalMarked(worker, 'SIGSTOP', mark);
    if (kind === 'orphan frozen worker') signalMarked(pid, 'SIGKILL', mark);
    else if (kind === 'freeze worker for good') {
      const isGone = () => !markedPids(mark).includes(worker);
      if (await until(isGone, GIVE_UP_MS)) return null;
      signalMarked(worker, 'SIGCONT', mark);
      return `a worker that was frozen for ${GIVE_UP_MS / 1000} s was not given up`;
    } else {
      await sleep(freeze_ms);
      signalMarked(worker, kind === 'freeze worker' ? 'SIGCONT' : 'SIGKILL', mark);
    }
  }
  return null;
}

/** The kinds as often as they are in the deck, or each once, shuffled. */
export function shuffledDeck(rng: Rng, { each_once = false } = {}): Kind[] {
  const kinds = Object.keys(KINDS) as Kind[];
  const deck = each_once ? kinds : kinds.flatMap((kind) => Array<Kind>(KINDS[kind]).fill(kind));
  for (let i = deck.length - 1; i > 0; i--) {
    const j = randomInt(rng, i + 1);
    [deck[i], deck[j]] = [deck[j]!, deck[i]!];
  }
  return deck;
}

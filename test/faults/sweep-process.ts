/** @file One start of `scaling-lab sweep`, compiled, in a process group of its own, with its events as they come. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SweepEvent } from '../../src/sweep/sweep.ts';
import { MARK } from './processes.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Silence after which the sweeps under test kill a worker; its heartbeat is a quarter of it. */
export const HANG_SECONDS = 5;

export interface SweepProcess {
  /** Carried by every process of this start. */
  readonly mark: string;
  readonly child: ChildProcess;
  readonly pid: number;
  /** All so far. */
  readonly events: SweepEvent[];
  /** What it printed that is no event. */
  readonly text: string[];
  /** Null while it runs. */
  exit: { code: number | null; signal: NodeJS.Signals | null; at_ms: number } | null;
  readonly ended: Promise<void>;
}

export interface SweepCommand {
  config: string;
  out_dir: string;
  cache_dir: string;
  backend: string;
  /** Default 0.1. */
  checkpoint_seconds?: number;
}

/** Starts the sweep. */
export function startSweep(
  { config, out_dir, cache_dir, backend, checkpoint_seconds = 0.1 }: SweepCommand,
  mark: string,
): SweepProcess {
  const options = ['--out', out_dir, '--backend', backend, '--workers', '2', '--progress', 'ndjson'];
  const times = ['--checkpoint-seconds', String(checkpoint_seconds), '--hang-seconds', String(HANG_SECONDS)];
  const child = spawn(process.execPath, [CLI, 'sweep', config, ...options, ...times], {
    env: { ...process.env, SCALING_LAB_CACHE: cache_dir, [MARK]: mark },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const sweep: SweepProcess = {
    mark,
    child,
    pid: child.pid!,
    events: [],
    text: [],
    exit: null,
    ended: once(child, 'close').then(([code, signal]) => {
      sweep.exit = { code, signal, at_ms: performance.now() };
    }),
  };
  createInterface({ input: child.stderr! }).on('line', (line) => {
    const event = eventOf(line);
    if (event === null) sweep.text.push(line);
    else sweep.events.push(event);
  });
  return sweep;
}

/** A line of NDJSON; null for what is none, such as half a line of a process that was killed. */
function eventOf(line: string): SweepEvent | null {
  try {
    const value = JSON.parse(line) as SweepEvent | null;
    return typeof value?.event === 'string' ? value : null;
  } catch {
    return null;
  }
}

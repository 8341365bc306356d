/** @file Memory over many short runs through one worker: what a sweep of a week does to it.
 * After a warm-up neither the worker nor its supervisor may grow by more than a bound for each run; a worker that kept the
 * tensors of its runs would grow by six times as much. SCALE_RUNS sets the number of runs (10,000 in scripts/scale.mjs).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { SweepEvent } from '../../src/sweep/sweep.ts';
import { WITHOUT_NATIVE } from '../support/backend.ts';
import { temporaryFolder } from '../support/training.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const NUM_RUNS = Number(process.env['SCALE_RUNS'] ?? 200);
const WARM_UP = Math.min(1000, NUM_RUNS / 2);

/** Growth a run, kB, that is let pass: the heap of a process breathes by some megabytes. Parameters and moments of one run
 * are 600 kB. */
const WORKER_KB = 100;
const SUPERVISOR_KB = 50;

/** Runs of two steps of a model of 50,000 parameters. */
const study = (num_runs: number) => `name: short
model: { n_layer: 1, n_ctx: 16 }
data: { corpus: zipf-lexicon, alphabet: 8, val_tokens: 1024 }
train: { num_tokens: 64, batch_tokens: 32, learning_rate: 0.01, eval_tokens: 16, num_evals: 1 }
sweeps:
  - name: short
    set: { model.d_model: 64 }
    seeds: [${Array.from({ length: num_runs }, (_, i) => i)}]
`;

/** Resident memory of a process, kB. */
const rss = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

it.skipIf(process.platform !== 'linux')(
  'is flat in the worker and next to flat in its supervisor',
  async () => {
    const { folder, remove } = temporaryFolder();
    onTestFinished(remove);
    const config = path.join(folder, 'short.yaml');
    writeFileSync(config, study(NUM_RUNS));
    const backend = WITHOUT_NATIVE === '' ? 'native' : 'wasm';
    const options = ['--out', path.join(folder, 'out'), '--backend', backend, '--workers', '1', '--progress', 'ndjson'];
    const child = spawn(process.execPath, [CLI, 'sweep', config, ...options], {
      env: { ...process.env, SCALING_LAB_CACHE: path.join(folder, 'cache') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'close');
    const pids = new Set<number>();
    const samples: { runs: number; worker: number; supervisor: number }[] = [];
    let runs = 0;
    for await (const line of createInterface({ input: child.stderr })) {
      const event = JSON.parse(line) as SweepEvent;
      if (event.event === 'worker_ready') pids.add(event.pid!);
      if (event.event !== 'run_ended') continue;
      runs += 1;
      // The worker of the last run may be gone.
      if (runs !== WARM_UP && runs !== NUM_RUNS - 1 && runs % 1000 !== 0) continue;
      const [worker] = pids;
      samples.push({ runs, worker: rss(worker!), supervisor: rss(child.pid!) });
      const file = process.env['SCALE_REPORT'];
      const { worker: w, supervisor: s } = samples.at(-1)!;
      if (file !== undefined) appendFileSync(file, `${runs} runs (${backend}): worker ${w} kB, supervisor ${s} kB\n`);
    }
    expect((await ended)[0]).toBe(0);
    expect([runs, pids.size]).toEqual([NUM_RUNS, 1]);
    const first = samples.find((sample) => sample.runs === WARM_UP)!;
    const last = samples.findLast((sample) => sample.runs <= NUM_RUNS)!;
    const growth = (of: 'worker' | 'supervisor') => (last[of] - first[of]) / (last.runs - first.runs);
    expect(growth('worker')).toBeLessThan(WORKER_KB);
    expect(growth('supervisor')).toBeLessThan(SUPERVISOR_KB);
  },
  4 * 3600_000,
);

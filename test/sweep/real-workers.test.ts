/** @file Sweeps with real worker processes: same bits whatever is killed, nobody left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readMetrics, readRecord } from '../../src/log/log.ts';
import { runSweep, type SweepEvent, type SweepOptions } from '../../src/sweep/sweep.ts';
import { tinyPlan } from '../support/sweep-plan.ts';

const RUNS = [
  { run_id: 'long', flops: 9, num_steps: 600 },
  { run_id: 'short', num_steps: 60 },
];

function options(changes: Partial<SweepOptions> = {}): SweepOptions {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-real-'));
  return {
    plan: tinyPlan(RUNS),
    out_dir: join(folder, 'out'),
    cache_dir: join(folder, 'cache'),
    backend: 'wasm',
    workers: 2,
    progress: 'ndjson',
    is_color: false,
    checkpoint_seconds: 0.1,
    ...changes,
  };
}

const losses = (out_dir: string, run_id: string) =>
  [...readMetrics(join(out_dir, run_id))].map(({ kind, step, loss }) => ({ kind, step, loss }));

/** Whether a process is there and not just waiting to be reaped. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
}

describe("runSweep with the lab's own workers", () => {
  const undisturbed = options({ progress: 'quiet' });
  beforeAll(async () => {
    const result = await runSweep(undisturbed);
    expect(result.counts).toEqual({ finished: 2 });
  });

  it('writes a record and a log for every run', () => {
    const record = readRecord(join(undisturbed.out_dir, 'long'));
    expect(record).toMatchObject({ status: 'finished', step: 600, backend: 'wasm', error: null, num_resumes: 0 });
    expect(record?.val_loss).toBeLessThan(Math.log(8));
    expect(losses(undisturbed.out_dir, 'short').length).toBeGreaterThan(2);
  });

  it('gives the same losses bit for bit with one worker, and after a worker was killed', async () => {
    let isKilled = false;
    let pid = 0;
    const events: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        const event = JSON.parse(String(chunk)) as SweepEvent;
        events.push(event.event);
        if (event.event === 'worker_ready') pid = event.pid ?? 0;
        if (event.event === 'run_progress' && event.progress.step > 100 && !isKilled) {
          isKilled = true;
          process.kill(pid, 'SIGKILL');
        }
        done();
      },
    });
    const killed = options({ workers: 1, stream });
    const result = await runSweep(killed);
    expect(result.counts).toEqual({ finished: 2 });
    expect(events.filter((event) => event === 'run_failed')).toHaveLength(1);
    expect(readRecord(join(killed.out_dir, 'long'))).toMatchObject({ num_resumes: 1, error: null });
    for (const { run_id } of RUNS) expect(losses(killed.out_dir, run_id)).toEqual(losses(undisturbed.out_dir, run_id));
  });

  it('leaves no worker behind when it is killed itself, and goes on when started again', async () => {
    const cut = options();
    const file = join(cut.cache_dir, '..', 'options.json');
    writeFileSync(file, JSON.stringify(cut));
    const program = fileURLToPath(new URL('../support/sweep-driver.mjs', import.meta.url));
    const supervisor = spawn(process.execPath, [program, file], { stdio: ['ignore', 'ignore', 'pipe'] });
    const pids: number[] = [];
    for await (const line of createInterface({ input: supervisor.stderr })) {
      const event = JSON.parse(line) as SweepEvent;
      if (event.event === 'worker_ready' && event.pid !== null) pids.push(event.pid);
      if (event.event === 'run_progress' && event.run_id === 'long' && event.progress.step > 100) break;
    }
    expect(pids.length).toBeGreaterThan(0);
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    await expect.poll(() => pids.filter(isRunning), { timeout: 5_000, interval: 50 }).toEqual([]);
    expect(readRecord(join(cut.out_dir, 'long'))?.status).toBe('preempted');

    const result = await runSweep({ ...cut, progress: 'quiet' });
    expect(result.counts).toEqual({ finished: 2 });
    expect(readRecord(join(cut.out_dir, 'long'))?.num_resumes).toBe(1);
    expect(losses(cut.out_dir, 'long')).toEqual(losses(undisturbed.out_dir, 'long'));
  });
});

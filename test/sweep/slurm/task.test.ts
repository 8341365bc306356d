/** @file Tasks of a submission without a cluster: what they train, whom they leave a run to, and when they give it up. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ownIdentity } from '../../../src/lib/process-identity.ts';
import { listCheckpoints, readRecord } from '../../../src/log/log.ts';
import { findRuns, writePlan } from '../../../src/sweep/folder.ts';
import { queueStatus, refuseWhileQueued } from '../../../src/sweep/slurm/live.ts';
import { prepareSubmission } from '../../../src/sweep/slurm/prepare.ts';
import { lockRun } from '../../../src/sweep/slurm/run-lock.ts';
import { settleRun } from '../../../src/sweep/slurm/settle.ts';
import { closeSubmission, openSubmissions, writeSubmission } from '../../../src/sweep/slurm/submission.ts';
import { runSlurmTask } from '../../../src/sweep/slurm/task.ts';
import { temporaryFolder } from '../../support/run-record.ts';
import { type TinyRun, tinyPlan } from '../../support/sweep-plan.ts';

const ID = '0123456789ab';

/** A study's folder with a submission of `runs`, `per_task` to a task. */
function submitted(runs: TinyRun[], { per_task = 1, backend = 'wasm' } = {}): string {
  const out_dir = temporaryFolder();
  const plan = tinyPlan(runs);
  writePlan(plan, out_dir);
  const { submission } = prepareSubmission({
    id: ID,
    study: 'test',
    out_dir,
    work_dir: out_dir,
    runs: findRuns(plan, out_dir),
    request: { runs_per_task: per_task },
    settings: { backend, threads: 1, adapter: null, cache_dir: join(out_dir, 'cache'), checkpoint_seconds: 0.2 },
    max_array_size: 1001,
  });
  writeSubmission(out_dir, submission);
  return out_dir;
}

const notes: string[] = [];
const runTask = (out_dir: string, task: number) =>
  runSlurmTask({ out_dir, submission: ID, task, progress: 'quiet', note: (message) => void notes.push(message) });

/** Leaves a lock in the run's folder, of a process on another machine. */
function leaveLock(out_dir: string, run_id: string, facts: object): string {
  const path = join(out_dir, run_id, 'run.lock');
  mkdirSync(join(out_dir, run_id), { recursive: true });
  writeFileSync(path, JSON.stringify({ ...ownIdentity(), host: 'node7', started_at: 'then', ...facts }));
  return path;
}

const noSlurm = () => vi.stubEnv('PATH', '/nowhere');

afterEach(() => {
  vi.unstubAllEnvs();
  notes.length = 0;
});

describe('runSlurmTask', () => {
  it('trains the runs of its task and no other, and nothing when started again', async () => {
    const out_dir = submitted([{ run_id: 'a' }, { run_id: 'b' }, { run_id: 'c' }], { per_task: 2, backend: 'auto' });
    const result = await runTask(out_dir, 0);
    expect(result?.counts).toEqual({ finished: 2 });
    expect(readRecord(join(out_dir, 'c'))).toBeNull();
    expect(existsSync(join(out_dir, 'a', 'run.lock'))).toBe(false);
    const before = readFileSync(join(out_dir, 'a', 'run.json'), 'utf8');
    expect(await runTask(out_dir, 0)).toBeNull();
    expect(readFileSync(join(out_dir, 'a', 'run.json'), 'utf8')).toBe(before);
    // The first task settled what auto is; the next takes it, though this machine would choose another.
    const pinned = join(out_dir, 'slurm', `${ID}.backend`);
    expect(readFileSync(pinned, 'utf8').trim()).toBe(readRecord(join(out_dir, 'a'))?.backend);
    writeFileSync(pinned, 'cpu\n');
    await runTask(out_dir, 1);
    expect(readRecord(join(out_dir, 'c'))?.backend).toBe('cpu');
  });

  it('refuses tasks and submissions that are not there', async () => {
    const out_dir = submitted([{ run_id: 'a' }]);
    await expect(runTask(out_dir, 1)).rejects.toMatchObject({ exit: 'usage' });
    const wrong = { out_dir, task: 0, progress: 'quiet' as const, note: () => {} };
    await expect(runSlurmTask({ ...wrong, submission: '../../etc' })).rejects.toMatchObject({ exit: 'usage' });
    await expect(runSlurmTask({ ...wrong, submission: 'ffffffffffff' })).rejects.toMatchObject({ exit: 'usage' });
    writeFileSync(join(out_dir, 'slurm', `${ID}.json`), '{"id": 3');
    await expect(runTask(out_dir, 0)).rejects.toMatchObject({ exit: 'storage' });
  });

  it('leaves a run to a task of another machine that may be alive', async () => {
    noSlurm();
    const out_dir = submitted([{ run_id: 'a' }, { run_id: 'b' }], { per_task: 2 });
    leaveLock(out_dir, 'a', { slurm_job: '77' });
    const result = await runTask(out_dir, 0);
    expect(result?.counts).toEqual({ finished: 1 });
    expect(notes[0]).toMatch(/^a is left to Slurm job 77, process \d+ on node7, since then$/);
    await expect(runTask(out_dir, 0)).rejects.toMatchObject({ exit: 'folder_held' });
    expect(readRecord(join(out_dir, 'a'))).toBeNull();
  });

  it('takes over from the same job on a node that was lost', async () => {
    noSlurm();
    vi.stubEnv('SLURM_JOB_ID', '77');
    const out_dir = submitted([{ run_id: 'a' }]);
    leaveLock(out_dir, 'a', { slurm_job: '77' });
    expect((await runTask(out_dir, 0))?.counts).toEqual({ finished: 1 });
  });

  it('stops without a trace once its run was taken over, as it is from a node that only seemed lost', async () => {
    const out_dir = submitted([{ run_id: 'a', num_steps: 2_000_000 }]);
    const run_dir = join(out_dir, 'a');
    const task = runTask(out_dir, 0).catch((error: unknown) => error);
    const has_ended = task.then(() => true);
    while (listCheckpoints(run_dir).length === 0) {
      const is_over = await Promise.race([has_ended, sleep(50)]);
      if (is_over) throw new Error(`ended before a checkpoint: ${await task}`);
    }
    const lock = leaveLock(out_dir, 'a', { slurm_job: '78' });
    expect(await task).toMatchObject({ exit: 'folder_held' });
    const left = readdirSync(run_dir).map((name) => readFileSync(join(run_dir, name)).toString('base64'));
    await sleep(1500);
    expect(readdirSync(run_dir).map((name) => readFileSync(join(run_dir, name)).toString('base64'))).toEqual(left);
    // The record is the new holder's to write, as is the lock.
    expect(readRecord(run_dir)?.status).toBe('running');
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toMatchObject({ host: 'node7', slurm_job: '78' });
  });
});

describe('settleRun', () => {
  it('writes only where nobody trains the run', async () => {
    noSlurm();
    const out_dir = submitted([{ run_id: 'a' }]);
    const [found] = findRuns(tinyPlan(['a']), out_dir);
    leaveLock(out_dir, 'a', { slurm_job: '77' });
    expect(await settleRun(found!, 'failed', 'gone')).toMatchObject({ held: expect.stringContaining('job 77') });
    expect(readRecord(join(out_dir, 'a'))).toBeNull();
    leaveLock(out_dir, 'a', { host: hostname(), start_ticks: '1' });
    expect(await settleRun(found!, 'failed', 'gone')).toMatchObject({ record: { status: 'failed', error: 'gone' } });
    expect(await lockRun(join(out_dir, 'a'))).toHaveProperty('lock');
  });
});

describe('refuseWhileQueued', () => {
  it('lets a folder pass that was never handed to Slurm, without asking it', async () => {
    noSlurm();
    await expect(refuseWhileQueued(temporaryFolder())).resolves.toBeUndefined();
  });

  it('refuses one whose jobs nobody here can ask for', async () => {
    noSlurm();
    const out_dir = submitted([{ run_id: 'a' }]);
    expect(openSubmissions(out_dir)).toHaveLength(1);
    await expect(refuseWhileQueued(out_dir)).rejects.toMatchObject({ exit: 'folder_held' });
  });
});

describe('queueStatus', () => {
  it('is nothing where nothing was handed to Slurm, or all of it is over', async () => {
    noSlurm();
    expect(await queueStatus(temporaryFolder())).toBeNull();
    const out_dir = submitted([{ run_id: 'a' }]);
    closeSubmission(out_dir, openSubmissions(out_dir)[0]!);
    expect(await queueStatus(out_dir)).toBeNull();
  });

  it('says where Slurm cannot be asked, and leaves the submission open', async () => {
    noSlurm();
    const out_dir = submitted([{ run_id: 'a' }]);
    expect(await queueStatus(out_dir)).toMatchObject({ num_running: 0, unknown: 'squeue is not on the PATH' });
    expect(openSubmissions(out_dir)).toHaveLength(1);
  });
});

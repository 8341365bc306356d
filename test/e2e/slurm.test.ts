/** @file Sweeps on a real Slurm, as a user starts them, and what breaks them: a killed task, a cancelled one, the end of
 * a task's time, a node that is lost, a controller that is away, Ctrl-C, a second start. Losses must be bit for bit those
 * of a sweep on this machine that nothing disturbed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readMetrics, readRecord, readSweep } from '../../src/log/log.ts';
import { SlurmCluster, WITHOUT_SLURM } from '../support/slurm-cluster.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const study = (num_seeds: number, num_tokens: number) => `
name: small
backend: wasm
data: { corpus: zipf-lexicon, val_tokens: 4096 }
train: { batch_tokens: 256, learning_rate: lexicon, eval_tokens: 1024, num_evals: 3, num_tokens: ${num_tokens} }
model: { d_model: 8 }
sweeps: [{ name: small, seeds: [${Array.from({ length: num_seeds }, (_, i) => i)}] }]
`;

/** A name that a shell, sbatch or Slurm's file patterns would take apart. */
const WILD = `out 'a" $(touch pwned) %A #`;

describe.skipIf(WITHOUT_SLURM !== '')(`sweep --executor slurm ${WITHOUT_SLURM}`, { timeout: 300_000 }, () => {
  let cluster: SlurmCluster;
  let folder: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    cluster = await SlurmCluster.start();
    folder = path.join(cluster.folder, 'work');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'brief.yaml'), study(7, 2048));
    // Some seconds of training a run: long enough to be met in the middle.
    writeFileSync(path.join(folder, 'slow.yaml'), study(2, 600_000));
    for (const name of ['brief', 'slow']) {
      expect(lab('sweep', `${name}.yaml`, '--out', `${name}-local`).status).toBe(0);
    }
  }, 300_000);
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    cluster.cancelAll();
  });
  afterAll(() => cluster?.stop());

  const env = () => ({ ...cluster.env, SCALING_LAB_CACHE: path.join(folder, 'cache') });

  /** Runs the program to its end. */
  function lab(...args: string[]) {
    return spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', env: env() });
  }

  /** A sweep that is left to run. */
  function start(name: string, out: string, ...args: string[]) {
    const all = ['sweep', `${name}.yaml`, '--out', out, '--executor', 'slurm', '--poll-seconds', '1', ...args];
    const child = spawn(process.execPath, [CLI, ...all, '--checkpoint-seconds', '1'], { cwd: folder, env: env() });
    children.push(child);
    const sweep = { child, err: '', end: once(child, 'close').then(([code]) => code as number) };
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      sweep.err += text;
    });
    return sweep;
  }

  const statuses = (out: string) => readSweep(path.join(folder, out)).records.map(({ status }) => status);

  const losses = (out: string) =>
    readdirSync(path.join(folder, out))
      .filter((name) => name.startsWith('small-'))
      .sort()
      .map((id) => [...readMetrics(path.join(folder, out, id))].map(({ kind, step, loss }) => [id, kind, step, loss]));

  /** The ids of tasks that run, once there are `num`, each with a checkpoint to go on from. */
  async function running(out: string, num: number): Promise<string[]> {
    const tasks = () => cluster.queue().filter((line) => line.includes('RUNNING'));
    const hasCheckpoints = () =>
      readSweep(path.join(folder, out)).records.filter(({ run_id }) =>
        readdirSync(path.join(folder, out, run_id)).some((name) => name.startsWith('checkpoint-')),
      ).length >= num;
    await cluster.until(`${num} running tasks`, () => tasks().length >= num && hasCheckpoints());
    return tasks().map((line) => line.split(' ')[0]!);
  }

  /** Lets what Slurm put off start at once, until the sweep ends. */
  async function hurried(sweep: ReturnType<typeof start>): Promise<number> {
    const timer = setInterval(() => cluster.quietly(() => cluster.hurry()), 1_000);
    const code = await sweep.end;
    clearInterval(timer);
    return code;
  }

  it('trains a study in arrays of MaxArraySize tasks, whatever its folder is called, and then has nothing to do', async () => {
    const sweep = start('brief', WILD, '--array-limit', '2', '--partition', 'long', '--time', '20');
    expect(await sweep.end, sweep.err).toBe(0);
    expect(sweep.err).toMatch(/submitted 7 tasks to Slurm as jobs \d+, \d+, \d+\n/);
    expect(losses(WILD)).toEqual(losses('brief-local'));
    const slurm = path.join(folder, WILD, 'slurm');
    expect(readdirSync(path.join(slurm, 'logs'))).toHaveLength(7);
    expect(existsSync(path.join(folder, 'pwned'))).toBe(false);
    expect(existsSync(path.join(folder, WILD, 'pwned'))).toBe(false);

    const again = start('brief', WILD);
    expect(await again.end).toBe(0);
    expect(again.err).toContain('all done before');
    // The very command of a task, started once more by hand.
    const script = readdirSync(slurm).find((name) => name.endsWith('-1.sh'))!;
    const byHand = { ...env(), SLURM_ARRAY_TASK_ID: '0' };
    const { status, stderr } = spawnSync('sh', [path.join(slurm, script)], { env: byHand, encoding: 'utf8' });
    expect(stderr).toBe('nothing is left to do in task 0\n');
    expect(status).toBe(0);
  });

  it('goes on after a killed task and after USR1, which checkpoints and starts the task again', async () => {
    const sweep = start('slow', 'killed');
    const [first, second] = await running('killed', 2);
    cluster.run('scancel', '--signal=KILL', '--batch', first!);
    cluster.run('scancel', '--signal=USR1', '--batch', second!);
    expect(await hurried(sweep), sweep.err).toBe(0);
    expect(sweep.err).toMatch(/trying again: Slurm job \d+_\d ended as FAILED/);
    expect(sweep.err).toMatch(/Slurm job \d+_\d waits to go on/);
    const { records } = readSweep(path.join(folder, 'killed'));
    expect(records.map(({ num_resumes }) => num_resumes)).toEqual([1, 1]);
    expect(losses('killed')).toEqual(losses('slow-local'));
  });

  it('says of a task that was cancelled that it was, and trains its run when started again', async () => {
    const sweep = start('slow', 'cancelled');
    const [first] = await running('cancelled', 2);
    const { num_running, num_waiting, job_ids } = JSON.parse(lab('status', 'cancelled', '--json').stdout).slurm;
    expect({ num_running, num_waiting }).toEqual({ num_running: 2, num_waiting: 0 });
    expect(job_ids).toEqual([first!.split('_')[0]]);
    cluster.run('scancel', first!);
    expect(await sweep.end, sweep.err).toBe(3);
    expect(statuses('cancelled').sort()).toEqual(['cancelled', 'finished']);
    expect(sweep.err).toMatch(new RegExp(`cancelled: small-.*: Slurm job ${first} ended as CANCELLED`));
    expect(await start('slow', 'cancelled').end).toBe(0);
    expect(losses('cancelled')).toEqual(losses('slow-local'));
  });

  it('cancels its jobs on Ctrl-C, checkpointed, and goes on when started again', async () => {
    const sweep = start('slow', 'stopped');
    await running('stopped', 2);
    const held = lab('sweep', 'slow.yaml', '--out', 'stopped', '--executor', 'slurm');
    expect(held.stderr).toMatch(new RegExp(`held by another sweep \\(process ${sweep.child.pid} on `));
    expect(held.status).toBe(7);
    sweep.child.kill('SIGINT');
    expect(await sweep.end, sweep.err).toBe(130);
    expect(cluster.queue()).toEqual([]);
    expect(statuses('stopped')).toEqual(['cancelled', 'cancelled']);
    for (const { run_id, step } of readSweep(path.join(folder, 'stopped')).records) {
      expect(step).toBeGreaterThan(0);
      expect(existsSync(path.join(folder, 'stopped', run_id, 'run.lock'))).toBe(false);
    }
    expect(await start('slow', 'stopped').end).toBe(0);
    expect(losses('stopped')).toEqual(losses('slow-local'));
  });

  it('leaves its jobs to Slurm when it is killed; a new start watches them, a sweep on this machine is refused', async () => {
    const first = start('slow', 'left');
    await running('left', 2);
    first.child.kill('SIGKILL');
    await first.end;
    const local = lab('sweep', 'slow.yaml', '--out', 'left');
    expect(local.stderr).toMatch(/is held by Slurm job \d+ \(2 running, 0 waiting\)/);
    expect(local.status).toBe(7);
    const second = start('slow', 'left');
    // The controller may be away for a while.
    await cluster.stopDaemon('slurmctld', 'SIGTERM');
    await cluster.until('note', () => second.err.includes('Slurm does not answer') || second.child.exitCode !== null);
    await cluster.startDaemon('slurmctld');
    const code = await second.end;
    if (code === 5) expect(await start('slow', 'left').end).toBe(0);
    else expect(code, second.err).toBe(0);
    expect(losses('left')).toEqual(losses('slow-local'));
    expect(readSweep(path.join(folder, 'left')).records.map(({ num_resumes }) => num_resumes)).toEqual([0, 0]);
  });

  it('goes on elsewhere when a node is lost', async () => {
    const sweep = start('slow', 'lost');
    await running('lost', 2);
    // A node that dies takes its processes with it.
    const doomed = cluster
      .queue()
      .find((line) => line.endsWith(' n1'))!
      .split(' ')[0]!;
    await cluster.stopDaemon('n1', 'SIGKILL');
    killTree(doomed);
    await cluster.until('lost node', () => cluster.run('sinfo', '-h', '-n', 'n1', '-o', '%T').includes('down'));
    expect(await hurried(sweep), sweep.err).toBe(0);
    expect(losses('lost')).toEqual(losses('slow-local'));
    await cluster.startDaemon('n1');
  });

  /** Kills every process of a task, those of Slurm that watch over it first. */
  function killTree(task: string): void {
    const id = /JobId=(\d+)/.exec(cluster.run('scontrol', 'show', 'job', task))![1]!;
    const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid));
    for (const pid of pids) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`SLURM_JOB_ID=${id}`);
        if (command.startsWith(`slurmstepd: [${id}.`) || isOurs) process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It is gone, or another user's.
      }
    }
  }

  it('tells what Slurm says of a partition that is not there, and of one whose limit is too short', async () => {
    const unknown = start('brief', 'refused', '--partition', 'nope');
    expect(await unknown.end).toBe(2);
    expect(unknown.err).toContain('Slurm refused the jobs: sbatch: error: invalid partition specified: nope');
    const tooLong = start('brief', 'refused', '--partition', 'brief', '--time', '10');
    expect(await tooLong.end, tooLong.err).toBe(2);
    expect(tooLong.err).toMatch(/Slurm will not start job \d+ \(Partition.*\): .*--time/);
    expect(cluster.queue()).toEqual([]);
    rmSync(path.join(folder, 'refused'), { recursive: true });
  });

  it('keeps a run that another task trains from a second writer', async () => {
    const sweep = start('slow', 'twice');
    await running('twice', 2);
    const slurm = path.join(folder, 'twice', 'slurm');
    const script = readdirSync(slurm).find((name) => name.endsWith('-1.sh'))!;
    const byHand = { ...env(), SLURM_ARRAY_TASK_ID: '0' };
    const second = spawnSync('sh', [path.join(slurm, script)], { env: byHand, encoding: 'utf8' });
    expect(second.stderr).toMatch(/is left to Slurm job \d+, process \d+ on /);
    expect(second.status).toBe(7);
    expect(await sweep.end, sweep.err).toBe(0);
    expect(losses('twice')).toEqual(losses('slow-local'));
    const { run_id } = readSweep(path.join(folder, 'twice')).records[0]!;
    expect(readRecord(path.join(folder, 'twice', run_id))).toMatchObject({ num_resumes: 0 });
  });
});

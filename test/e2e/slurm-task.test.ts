/** @file What of sweeps on Slurm shows without a cluster: the dry run, options that do not fit, a machine that has no Slurm,
 * and a task of an array started by hand, with the signals that Slurm sends.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { listCheckpoints, readRecord } from '../../src/log/log.ts';
import { findRuns, writePlan } from '../../src/sweep/folder.ts';
import { prepareSubmission } from '../../src/sweep/slurm/prepare.ts';
import { writeSubmission } from '../../src/sweep/slurm/submission.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { tinyPlan } from '../support/sweep-plan.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const STUDY = `
name: small
data: { corpus: zipf-lexicon, val_tokens: 4096 }
train: { batch_tokens: 256, learning_rate: lexicon, eval_tokens: 1024, num_evals: 3, num_tokens: 2k }
model: { d_model: 8 }
sweeps: [{ name: small, seeds: [0, 1, 2] }]
`;

let folder: string;
const slurm = (...args: string[]) => ['sweep', 'small.yaml', '--executor', 'slurm', ...args];

/** Without a PATH: no machine that these tests run on has Slurm then. */
const env = () => ({ SCALING_LAB_CACHE: path.join(folder, 'cache'), HOME: folder, PATH: '/nowhere' });

function lab(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', env: env() });
}

beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(path.join(folder, 'small.yaml'), STUDY);
});

describe('sweep --executor slurm', () => {
  it('shows the batch scripts with --dry-run on a machine without Slurm, and writes nothing', () => {
    const args = slurm('--partition', 'cpu', '--array-limit', '2', '--runs-per-task', '2', '--dry-run');
    const { status, stdout, stderr } = lab(...args, '--out', "it's");
    expect(stderr).toContain('Slurm cannot be asked from here: arrays are split at its default MaxArraySize of 1001');
    expect(stdout).toContain('Slurm: 2 tasks in 1 array');
    expect(stdout).toContain('#SBATCH --array=0-1%2\n');
    expect(stdout).toContain(`'slurm-task' '${folder}/it'\\''s' --submission 000000000000 --first-task 0\n`);
    expect(status).toBe(0);
    expect(existsSync(path.join(folder, "it's"))).toBe(false);
    const { slurm: preview } = JSON.parse(lab(...args, '--json').stdout) as { slurm: { scripts: { text: string }[] } };
    expect(preview).toMatchObject({ num_tasks: 2, max_array_size: 1001 });
    expect(preview.scripts[0]?.text).toMatch(/^#!\/bin\/sh\n#SBATCH /);
  });

  it.each([
    [5, '--executor slurm needs Slurm', slurm()],
    [2, '--partition needs --executor slurm', ['sweep', 'small.yaml', '--partition', 'cpu']],
    [2, '--workers is for one machine', slurm('--workers', '2')],
    [2, '--devices is for one machine', slurm('--devices', 'auto')],
    [2, '--hang-seconds is for one machine', slurm('--hang-seconds', '9')],
    [2, 'invalid --partition: "a b"', slurm('--partition', 'a b')],
    [2, 'invalid --time: "1h"', slurm('--time', '1h', '--dry-run')],
    [2, 'a whole number of at least 1', slurm('--array-limit', '0')],
    [2, 'Allowed choices are local, slurm', ['sweep', 'small.yaml', '--executor', 'pbs']],
    [2, 'backslash or a control character', slurm('--out', 'a\nb', '--dry-run')],
  ])('exits with %i and says: %s', (code, message, args) => {
    const { status, stderr } = lab(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(code);
    expect(existsSync(path.join(folder, 'runs'))).toBe(false);
  });
});

describe('slurm-task', () => {
  const ID = '0123456789ab';
  const run_dir = () => path.join(folder, 'study', 'a');

  beforeEach(() => {
    const out_dir = path.join(folder, 'study');
    const plan = tinyPlan([{ run_id: 'a', num_steps: 1500 }]);
    writePlan(plan, out_dir);
    const cache_dir = path.join(folder, 'cache');
    const { submission } = prepareSubmission({
      id: ID,
      study: 'test',
      out_dir,
      work_dir: folder,
      runs: findRuns(plan, out_dir),
      request: {},
      settings: { backend: 'wasm', threads: 1, adapter: null, cache_dir, checkpoint_seconds: 0.2 },
      max_array_size: 1001,
    });
    writeSubmission(out_dir, submission);
  });

  function task(): { child: ChildProcess; end: Promise<{ code: number; err: string }> } {
    const args = [CLI, 'slurm-task', 'study', '--submission', ID, '--first-task', '0'];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...env(), SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_JOB_ID: '5', SLURM_JOB_ID: '5' },
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    return { child, end: once(child, 'close').then(([code]) => ({ code: code as number, err })) };
  }

  it.each(['SIGTERM', 'SIGUSR1'] as const)(
    'on %s checkpoints, exits with 75, and goes on when started again',
    async (signal) => {
      const { child, end } = task();
      while (listCheckpoints(run_dir()).length === 0) await sleep(20);
      child.kill(signal);
      const { code, err } = await end;
      expect(code, err).toBe(75);
      const cut = readRecord(run_dir());
      expect(cut?.status).toBe('preempted');
      expect(cut?.step).toBeGreaterThan(0);
      expect(existsSync(path.join(run_dir(), 'run.lock'))).toBe(false);
      // Only USR1 means that the time is over; after TERM whoever sent it starts the task again.
      expect(err.includes('Slurm does not start this task again')).toBe(signal === 'SIGUSR1');
      expect((await task().end).code).toBe(0);
      expect(readRecord(run_dir())).toMatchObject({ status: 'finished', num_resumes: 1 });
      expect((await task().end).err).toBe('nothing is left to do in task 0\n');
    },
  );

  it('wants the index that Slurm gives it', () => {
    const { status, stderr } = lab('slurm-task', 'study', '--submission', ID, '--first-task', '0');
    expect(stderr).toContain('SLURM_ARRAY_TASK_ID is not set');
    expect(status).toBe(2);
  });
});

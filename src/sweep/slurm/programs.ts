/** @file Slurm's own programs, run without a shell: sbatch, squeue, scancel, scontrol.
 * They run in sessions of their own, so that the terminal's Ctrl-C cannot cut a submission in half, and without the
 * environment variables that change what they list or override what a script asks for.
 */
import { spawn } from 'node:child_process';
import { LabError } from '../../lib/errors.ts';

/** A program that ended with an error; the message is what it said. */
export class SlurmError extends Error {}

/** Whether an error says that Slurm cannot be asked from here: not installed, or its controller is away. */
export const isAway = (error: unknown): boolean =>
  error instanceof SlurmError || (error instanceof LabError && error.exit === 'no_backend');

/** Slurm's programs retry for a while when the controller is away. */
const TIMEOUT_MS = 180_000;

/** Variables that override an `#SBATCH` line of ours. Others, as SBATCH_ACCOUNT, are the user's way to add one. */
const OVERRIDES = ['ARRAY_INX', 'JOB_NAME', 'SIGNAL', 'REQUEUE', 'NO_REQUEUE', 'OPEN_MODE', 'OUTPUT', 'WAIT'].map(
  (name) => `SBATCH_${name}`,
);

type Program = 'sbatch' | 'squeue' | 'scancel' | 'scontrol';

/** Standard output of a program. Throws `SlurmError` with what it said, and `no_backend` where it is not there. */
export function runSlurm(program: Program, args: readonly string[], unset: readonly string[] = []): Promise<string> {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^(SQUEUE|SCANCEL)_/.test(name) || OVERRIDES.includes(name) || unset.includes(name)) delete env[name];
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env });
    // Not spawn's own timeout, whose timer holds the process where the program is not there.
    const timer = setTimeout(() => child.kill(), TIMEOUT_MS);
    const output = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.err += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(error.code === 'ENOENT' ? missing(program) : error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(output.out);
      else reject(new SlurmError(output.err.trim() || `${program} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

const missing = (program: Program): LabError =>
  new LabError(
    'no_backend',
    `--executor slurm needs Slurm's programs, and ${program} is not on the PATH; run it where jobs are submitted, or leave --executor out (--dry-run shows the script anywhere)`,
  );

/** MaxArraySize of the cluster. Throws what `runSlurm` throws. */
export async function maxArraySize(): Promise<number> {
  const config = await runSlurm('scontrol', ['show', 'config']);
  const size = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1]);
  if (!(size > 1))
    throw new LabError('usage', 'this cluster takes no job arrays (MaxArraySize in scontrol show config)');
  return size;
}

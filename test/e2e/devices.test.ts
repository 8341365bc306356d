/** @file Devices as a user of the command line meets them, on machines made up by the stand-in for nvidia-smi. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/run-record.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const STUDY = `
name: small
data: { corpus: zipf-lexicon, val_tokens: 4096 }
train: { batch_tokens: 256, learning_rate: lexicon, eval_tokens: 1024, num_evals: 3, num_tokens: 2k }
model: { d_model: 8 }
sweeps: [{ name: small }]
`;

let folder: string;

/** Runs the program in a folder with a study. */
function lab(...args: string[]) {
  const env = { ...process.env, SCALING_LAB_CACHE: path.join(folder, 'cache') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(path.join(folder, 'small.yaml'), STUDY);
});

describe('sweep --devices', () => {
  it.each([
    [2, 'is no device', ['--devices', 'gpu0']],
    [2, 'from 1 to 64', ['--devices', 'cuda:0', '--slots-per-device', '0']],
    [2, '--slots-per-device needs --devices', ['--slots-per-device', '2']],
    [2, 'the backend is native', ['--devices', 'cuda:0', '--backend', 'native']],
    [2, 'there is no cuda:8', ['--devices', 'cuda:8']],
    [2, 'invalid --workers: 9 with 4 slots', ['--devices', 'cuda:0', '--slots-per-device', '4', '--workers', '9']],
    [5, 'backend cuda is not available', ['--devices', 'cuda:0', '--slots-per-device', '1']],
  ])('exits with %i and says: %s', (code, message, args) => {
    standIn('eight');
    const { status, stderr } = lab('sweep', 'small.yaml', '--progress', 'lines', ...args);
    expect(stderr).toContain(message);
    expect(status).toBe(code);
  });

  it('says on a machine without cards that there are none, before anything is written', () => {
    withoutNvidiaSmi();
    const { status, stderr } = lab('sweep', 'small.yaml', '--devices', 'auto');
    expect(stderr).toContain('--devices auto needs nvidia-smi: nvidia-smi is not on the PATH');
    expect(status).toBe(5);
    expect(existsSync(path.join(folder, 'runs', 'small', 'plan.json'))).toBe(false);
  });
});

describe('doctor', () => {
  it('lists the cards and what to do next, for people and as JSON', () => {
    standIn('busy');
    const { stdout } = lab('doctor');
    expect(stdout).toContain(
      'GPUs:\n  cuda:0  NVIDIA A100-SXM4-40GB, driver 535.129.03, 312 of 40960 MiB free, 97% busy\n    ->',
    );
    const { gpu } = JSON.parse(lab('doctor', '--json').stdout) as { gpu: { cards: object[]; advice: object[] } };
    expect(gpu.cards).toMatchObject([{ index: 0 }, { index: 1 }]);
    expect(gpu.advice.length).toBeGreaterThan(2);
  });
});

/** @file The committed studies: refitted from their records they give the committed fit.json, byte for byte (on x64,
 * where they were fitted: other processors may round the last digit of an exponential otherwise). And what
 * `study --refit`, `--fresh` and `archive` refuse.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

const REFERENCE = path.resolve('runs/reference');
const STUDIES = readdirSync(REFERENCE).filter((name) => existsSync(path.join(REFERENCE, name, 'fit.json')));

function lab(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli.js', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'reference-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe.skipIf(process.arch !== 'x64')('committed studies', () => {
  it.each(STUDIES)(
    '%s is refitted to the same bytes',
    (name) => {
      const folder = temporaryFolder();
      const out = path.join(folder, name);
      // A claim may read the runs of a study beside its own.
      for (const other of STUDIES)
        if (other !== name) symlinkSync(path.join(REFERENCE, other), path.join(folder, other));
      cpSync(path.join(REFERENCE, name), out, {
        recursive: true,
        filter: (file) => !/fit\.json$|\.(png|svg|html|safetensors)$/.test(file),
      });
      const { status, stderr } = lab('study', `configs/${name}.yaml`, '--refit', '--out', out, '--quiet');
      expect(status, stderr).toBe(0);
      const read = (dir: string) => readFileSync(path.join(dir, 'fit.json'), 'utf8');
      expect(read(out)).toBe(read(path.join(REFERENCE, name)));
      // The largest take a minute of one free core.
    },
    600_000,
  );
});

describe('study', () => {
  it('--refit says where it looked for a study', () => {
    const { status, stderr } = lab('study', 'configs/smoke.yaml', '--refit', '--out', 'runs/nowhere');
    expect([status, stderr]).toEqual([2, expect.stringContaining('no study in runs/nowhere')]);
  });

  it('--fresh wants a new folder, and not --refit beside it', () => {
    expect(lab('study', 'configs/smoke.yaml', '--fresh', '--out', temporaryFolder())).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--fresh wants a new folder'),
    });
    expect(lab('study', 'configs/smoke.yaml', '--fresh', '--refit').status).toBe(2);
  });
});

it('archive makes a folder that report reads', () => {
  const out = path.join(temporaryFolder(), 'published');
  const made = lab('archive', path.join(REFERENCE, 'seeds'), '--out', out, '--json');
  expect(JSON.parse(made.stdout)).toMatchObject({ num_runs: 260 });
  expect(readdirSync(out).sort()).toEqual(['plan.json', 'runs.jsonl', 'study.yaml']);
  expect(lab('report', out, '--quiet')).toMatchObject({ status: 0, stdout: expect.stringMatching(/80 of 80 runs/) });
  expect(readFileSync(path.join(out, 'report.html'), 'utf8')).toContain('<caption>Standard deviation of the loss');
});

it('power wants claims and a truth to simulate', () => {
  const { status, stderr } = lab('power', 'configs/smoke.yaml', '--out', temporaryFolder());
  expect([status, stderr]).toEqual([2, expect.stringContaining('no claims to simulate')]);
});

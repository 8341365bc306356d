/** @file The layout of a sweep's folder, and names that try to leave it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';
import {
  checkpointPath,
  fitPath,
  listCheckpoints,
  metricsPath,
  planPath,
  runPath,
  sweepPath,
} from '../../src/log/log.ts';
import { recordPath } from '../../src/log/paths.ts';
import { temporaryFolder } from '../support/run-record.ts';

describe('layout', () => {
  it('puts every file where the design says', () => {
    const sweep = sweepPath('runs', 'pilot');
    const run = runPath(sweep, 'a1b2');
    expect([sweep, planPath(sweep), fitPath(sweep), run, recordPath(run), metricsPath(run)].map(posix)).toEqual([
      'runs/pilot',
      'runs/pilot/plan.json',
      'runs/pilot/fit.json',
      'runs/pilot/a1b2',
      'runs/pilot/a1b2/run.json',
      'runs/pilot/a1b2/metrics.jsonl',
    ]);
    expect(posix(checkpointPath('r', 1200))).toBe('r/checkpoint-00001200.safetensors');
  });

  it.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    '/etc',
    '.hidden',
    '-rf',
    'a\0b',
    'a b',
    'dot.',
    'x'.repeat(129),
    'ä',
  ])('refuses the name %j', (name) => {
    for (const path of [() => sweepPath('runs', name), () => runPath('runs/pilot', name)]) {
      expect(path).toThrow(LabError);
      expect(path).toThrow(JSON.stringify(name));
    }
  });

  it('never leaves the folder, whatever the name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', '-') })), (name) => {
        let path: string;
        try {
          path = runPath('runs/pilot', name);
        } catch (error) {
          expect(error).toBeInstanceOf(LabError);
          return;
        }
        expect(relative('runs/pilot', path)).toBe(name);
      }),
    );
  });
});

describe('checkpoints', () => {
  it('lists them latest first and nothing else', () => {
    const dir = temporaryFolder();
    for (const step of [5, 123456789, 40]) writeFileSync(checkpointPath(dir, step), '');
    for (const name of ['.checkpoint-00000099.safetensors.1.ab.tmp', 'checkpoint-x.safetensors', 'run.json']) {
      writeFileSync(join(dir, name), '');
    }
    expect(listCheckpoints(dir).map(({ step }) => step)).toEqual([123456789, 40, 5]);
    expect(listCheckpoints(dir)[1]?.path).toBe(checkpointPath(dir, 40));
  });

  it('finds none where the run has no folder', () => {
    expect(listCheckpoints(join(temporaryFolder(), 'absent'))).toEqual([]);
  });

  it('says so where the folder is a file', () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'file'), '');
    expect(() => listCheckpoints(join(dir, 'file'))).toThrow(/cannot read .*file/);
  });

  it.each([-1, 1.5, Number.NaN])('refuses step %d', (step) => {
    expect(() => checkpointPath('r', step)).toThrow(/invalid step/);
  });
});

const posix = (path: string) => path.split(sep).join('/');

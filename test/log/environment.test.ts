/** @file The captured environment: complete, safe, and the same for every record of a process. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { pickVariables, readGit } from '../../src/log/environment.ts';
import { captureEnvironment } from '../../src/log/log.ts';
import { runRecordSchema } from '../../src/log/record.ts';
import { makeRecord, temporaryFolder } from '../support/run-record.ts';

afterEach(() => vi.unstubAllEnvs());

describe('captureEnvironment', () => {
  it('fills a record', () => {
    const environment = captureEnvironment();
    expect(runRecordSchema.safeParse({ ...makeRecord(), ...environment }).success).toBe(true);
    expect(environment.host.num_cores).toBeGreaterThanOrEqual(1);
    expect(environment.host.memory_bytes).toBeGreaterThan(1e6);
    expect(environment.versions.node).toBe(process.versions.node);
    const own = JSON.parse(readFileSync('package.json', 'utf8')) as {
      version: string;
      dependencies: Record<string, string>;
    };
    expect(environment.versions['scaling-lab']).toBe(own.version);
    expect(environment.versions['@tensorflow/tfjs']).toBe(own.dependencies['@tensorflow/tfjs']);
  });

  it('is read once', () => {
    expect(captureEnvironment()).toBe(captureEnvironment());
  });
});

describe('variables', () => {
  it('are only those of the list', () => {
    const env = { OMP_NUM_THREADS: '4', SLURM_JOB_ID: '', AWS_SECRET_ACCESS_KEY: 'secret', HOME: '/home/x', OMP: '1' };
    expect(pickVariables(env)).toEqual({ OMP_NUM_THREADS: '4', SLURM_JOB_ID: '' });
  });
});

describe('git', () => {
  const git = (dir: string, ...args: string[]) =>
    execFileSync('git', args, { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
  const commitIn = (dir: string) => {
    git(dir, 'add', '-A');
    git(dir, '-c', 'user.name=A', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false', 'commit', '-qm', 'x');
    return git(dir, 'rev-parse', 'HEAD').trim();
  };

  it('gives commit and dirty flag, from a subfolder too; untracked files do not count', () => {
    const dir = join(temporaryFolder(), '$(touch pwned); `x` "y"');
    mkdirSync(join(dir, 'sub'), { recursive: true });
    git(dir, 'init', '-q');
    writeFileSync(join(dir, 'sub', 'a.txt'), 'one');
    expect(readGit(dir)).toEqual({ commit: null, dirty: false });
    const commit = commitIn(dir);
    expect(readGit(join(dir, 'sub'))).toEqual({ commit, dirty: false });
    writeFileSync(join(dir, 'untracked'), '');
    expect(readGit(dir)).toEqual({ commit, dirty: false });
    writeFileSync(join(dir, 'sub', 'a.txt'), 'two');
    expect(readGit(dir)).toEqual({ commit, dirty: true });
  });

  it('is not led astray by the variables of a git hook', () => {
    const [one, two] = [temporaryFolder(), temporaryFolder()];
    const commits = [one, two].map((dir) => {
      git(dir, 'init', '-q');
      writeFileSync(join(dir, 'a'), dir);
      return commitIn(dir);
    });
    vi.stubEnv('GIT_DIR', join(two, '.git'));
    vi.stubEnv('GIT_WORK_TREE', two);
    expect(readGit(one)).toEqual({ commit: commits[0], dirty: false });
  });

  it('is null outside a repository, in a folder that is gone, and without git', () => {
    const none = { commit: null, dirty: null };
    expect(readGit(temporaryFolder())).toEqual(none);
    expect(readGit('/no/such/folder')).toEqual(none);
    vi.stubEnv('PATH', temporaryFolder());
    expect(readGit('.')).toEqual(none);
  });
});

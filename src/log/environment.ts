/** @file What a run ran on: host, versions, git commit, and the few environment variables that change numbers.
 * Captured once a process and stored in every record, so that a number can be traced to the code and machine that
 * made it. Variables are taken from a fixed list, never the whole environment, which holds secrets. The commit is
 * that of the lab's own checkout, or, where the lab is an installed package, of the folder it is used in.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from './record.ts';

/** The fields of a RunRecord that say where it ran. */
export type Environment = Pick<RunRecord, 'host' | 'versions' | 'git'>;

/** Packages whose version can change a loss or a speed. */
const PACKAGES = [
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-backend-webgpu',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-node-gpu',
  'webgpu',
  'seedrandom',
];

const VARIABLES = [
  'CUBLAS_WORKSPACE_CONFIG',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_TF32_OVERRIDE',
  'NVIDIA_VISIBLE_DEVICES',
  'OMP_NUM_THREADS',
  'SLURM_ARRAY_TASK_ID',
  'SLURM_CPUS_PER_TASK',
  'SLURM_JOB_ID',
  'TF_CUDNN_DETERMINISTIC',
  'TF_DETERMINISTIC_OPS',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_FORCE_GPU_ALLOW_GROWTH',
  'TF_NUM_INTEROP_THREADS',
  'TF_NUM_INTRAOP_THREADS',
  'UV_THREADPOOL_SIZE',
  'XLA_FLAGS',
];

/** Longest wait for git, milliseconds: a huge repository or a dead network disk must not hold up a run. */
const GIT_TIMEOUT_MS = 3000;

const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

let captured: Environment | null = null;

/** This process's environment; read on the first call, the same object afterwards. Never throws. */
export function captureEnvironment(): Environment {
  captured ??= { host: readHost(), versions: readVersions(PACKAGE_ROOT), git: readOwnGit() };
  return captured;
}

function readHost(): Environment['host'] {
  const limit = process.constrainedMemory?.() ?? 0;
  return {
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    num_cores: availableParallelism(),
    // A container's limit, where there is one; 0 or a number beyond the machine's memory says there is none.
    memory_bytes: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
    env: pickVariables(process.env),
  };
}

/** The variables of `env` that the fixed list names and that are set. */
export function pickVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of VARIABLES) {
    const value = env[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** Versions of Node, of the lab itself and of the installed packages that matter; absent ones are left out. */
function readVersions(root: string): Record<string, string> {
  const versions: Record<string, string> = { node: process.versions.node };
  const own = packageVersion(root);
  if (own !== null) versions['scaling-lab'] = own;
  for (const name of PACKAGES) {
    const version = installedVersion(root, name);
    if (version !== null) versions[name] = version;
  }
  return versions;
}

/** As Node would resolve it: the nearest node_modules upwards that holds the package. */
function installedVersion(root: string, name: string): string | null {
  for (let dir = root; ; dir = dirname(dir)) {
    const version = packageVersion(join(dir, 'node_modules', name));
    if (version !== null || dirname(dir) === dir) return version;
  }
}

function packageVersion(dir: string): string | null {
  try {
    const { version } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : null;
  } catch {
    return null;
  }
}

function readOwnGit(): Environment['git'] {
  const own = readGit(PACKAGE_ROOT);
  return own.commit === null ? readGit(process.cwd()) : own;
}

/** Commit of the checkout that holds `dir` and whether a tracked file differs from it; both null outside a repository,
 * without git, or where git does not answer in time. A repository without a commit has a null commit. */
export function readGit(dir: string): Environment['git'] {
  const lines = git(dir, ['status', '--porcelain=v2', '--branch', '--untracked-files=no']);
  if (lines === null) return { commit: null, dirty: null };
  const commit = lines
    .map((line) => /^# branch\.oid ([0-9a-f]{40,64})$/.exec(line)?.[1])
    .find((oid) => oid !== undefined);
  return { commit: commit ?? null, dirty: lines.some((line) => !line.startsWith('#')) };
}

/** The lines that git prints in `dir`; null without git, or where it fails or does not answer in time. */
function git(dir: string, args: readonly string[]): string[] | null {
  const env: NodeJS.ProcessEnv = { ...process.env, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' };
  // Set when the lab is started from a git hook; they would point to the hook's repository.
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE']) delete env[name];
  try {
    // core.fsmonitor may name a program to run, which reading a commit has no business with.
    const output = execFileSync('git', ['-c', 'core.fsmonitor=false', ...args], {
      cwd: dir,
      env,
      encoding: 'utf8',
      timeout: GIT_TIMEOUT_MS,
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
    });
    return output.split('\n').filter((line) => line !== '');
  } catch {
    return null;
  }
}

/** Sources that a run's numbers come from, or its log's steps. */
const NUMERIC_SOURCES = [
  ...['backend', 'kernels.ts', 'tf.ts', 'model', 'train', 'data', 'lib/rng.ts', 'log/logged-steps.ts'],
].map((path) => `src/${path}`);

/** Files of the lab's own checkout that shape a run's numbers and differ from those of `commit`; null where that cannot
 * be told: an installed package, or a commit that is not here. */
export function sourcesChangedSince(commit: string): string[] | null {
  if (!/^[0-9a-f]{40,64}$/.test(commit)) return null;
  const args = ['diff', '--no-ext-diff', '--no-textconv', '--name-only', commit, '--'];
  return git(PACKAGE_ROOT, [...args, ...NUMERIC_SOURCES]);
}

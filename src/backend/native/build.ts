/** @file Builds the C++ addon with the machine's own compiler: every source file once, the kernels once for each
 * instruction set, then one shared library. No network, no build tool: Node's C headers come from the package
 * node-api-headers. The library is kept under a key of sources, flags, compiler and architecture; a lock keeps
 * processes that start together from building it twice. Runs at install, or at first use.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../lib/make-folder.ts';
import { withLock } from '../lock.ts';

/** The package's root: this file is three folders below it, as source and as compiled. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = path.join(ROOT, 'src/backend/native/addon');
const LOCK_WAIT_MS = 180_000;
const NUM_KEPT = 4;

const COMMON = ['-O3', '-std=c++17', '-fPIC', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-pthread'];
/** `contract=fast` lets products and sums of vectors become fused multiply-adds. */
const KERNELS = ['-ffp-contract=fast', '-fno-math-errno', '-Wno-psabi'];

interface Variant {
  name: string;
  /** The table's name in variant.h. */
  table: string;
  /** Floats in a vector. */
  width: number;
  flags: string[];
}

const PORTABLE: Variant = { name: 'portable', table: 'kPortable', width: 4, flags: [] };
const VARIANTS: Partial<Record<string, Variant[]>> = {
  x64: [
    {
      name: 'avx512',
      table: 'kAvx512',
      width: 16,
      flags: '-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512'.split(' '),
    },
    { name: 'avx2', table: 'kAvx2', width: 8, flags: ['-mavx2', '-mfma'] },
    PORTABLE,
  ],
  arm64: [{ name: 'neon', table: 'kNeon', width: 4, flags: [] }],
};

/** A finished library, or why there is none and what to do. */
export type BuildResult = { library: string } | { reason: string };

/** How to build for this machine: the compiler, and the key of the result. */
interface Recipe {
  compiler: string;
  source_key: string;
  compiler_key: string;
}

const hash = (parts: string[]) => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
const sourceFiles = () =>
  readdirSync(SOURCES)
    .filter((f) => /\.(cc|h)$/.test(f))
    .sort();

/** Null where no C++ compiler answers. `CXX` names another than `c++`. */
function findRecipe(extraFlags: string[]): Recipe | null {
  const compiler = process.env['CXX'] || 'c++';
  const { status, stdout } = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return null;
  return { compiler, source_key: sourceKey(extraFlags), compiler_key: hash([compiler, stdout]) };
}

function sourceKey(extraFlags: string[]): string {
  const files = sourceFiles().flatMap((file) => [file, readFileSync(path.join(SOURCES, file), 'utf8')]);
  const flags = JSON.stringify([COMMON, KERNELS, VARIANTS, extraFlags, process.arch, process.platform]);
  return hash([...files, flags]);
}

/** Where libraries are kept: with the package where that can be written, else the user's cache. */
function cacheFolders(): string[] {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return [path.join(ROOT, 'node_modules/.cache/scaling-lab/native'), path.join(cache, 'scaling-lab/native')];
}

function firstWritable(): string | null {
  for (const folder of cacheFolders()) {
    try {
      makeFolder(folder);
      const probe = path.join(folder, `.probe-${process.pid}`);
      writeFileSync(probe, '');
      rmSync(probe);
      return folder;
    } catch {
      // The next folder may be writable.
    }
  }
  return null;
}

/** A library built before from these sources: by this compiler, or by any where none is there now. */
function findBuilt(source_key: string, compiler_key: string | null): string | null {
  for (const folder of cacheFolders()) {
    const built = existsSync(folder) ? readdirSync(folder) : [];
    const fits = built.find((file) => file.endsWith('.node') && file.startsWith(`${source_key}-${compiler_key ?? ''}`));
    if (fits) return path.join(folder, fits);
  }
  return null;
}

/** One compiler run; resolves to its complaints, or null when it succeeded. */
function compile(compiler: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(compiler, args, { cwd: SOURCES, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaints = '';
    child.stderr.on('data', (data: Buffer) => {
      complaints += data.toString();
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? null : complaints || `exit code ${code}`));
  });
}

/** The compiler runs, as many at a time as there are cores; the first complaint, or null. */
async function compileAll(compiler: string, runs: string[][]): Promise<string | null> {
  const waiting = [...runs];
  let complaint: string | null = null;
  const worker = async () => {
    for (let args = waiting.shift(); args && complaint === null; args = waiting.shift()) {
      complaint = (await compile(compiler, args)) ?? complaint;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, os.availableParallelism()) }, worker));
  return complaint;
}

/** Node's C headers. */
function headers(): string {
  const require = createRequire(import.meta.url);
  return path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
}

async function build({ compiler }: Recipe, library: string, extraFlags: string[]): Promise<string | null> {
  const scratch = `${library}.${process.pid}.tmp`;
  makeFolder(scratch);
  try {
    const objects: string[] = [];
    const object = (name: string) => {
      objects.push(path.join(scratch, `${name}.o`));
      return objects.at(-1)!;
    };
    const variants = (VARIANTS[process.arch] ?? [PORTABLE]).map(({ name, table, width, flags }) => {
      const names = [`-DLAB_NAME="${name}"`, `-DLAB_VARIANT=${table}`, `-DLAB_WIDTH=${width}`];
      return ['-c', ...COMMON, ...KERNELS, ...flags, ...names, ...extraFlags, 'variant.cc', '-o', object(name)];
    });
    const others = sourceFiles().filter((file) => file.endsWith('.cc') && file !== 'variant.cc');
    const runs = others.map((f) => ['-c', ...COMMON, `-I${headers()}`, ...extraFlags, f, '-o', object(f)]);
    const complaint = await compileAll(compiler, [...variants, ...runs]);
    if (complaint !== null) return complaint;
    const undefined_symbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const out = path.join(scratch, 'lab.node');
    const linked = await compile(compiler, [
      '-shared',
      '-pthread',
      ...extraFlags,
      ...undefined_symbols,
      ...objects,
      '-o',
      out,
    ]);
    if (linked === null) {
      prune(path.dirname(library));
      renameSync(out, library);
    }
    return linked;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Removes all but the newest few libraries of other sources, and what killed builds left. */
function prune(folder: string): void {
  const age = (file: string) =>
    Date.now() - (statSync(path.join(folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const files = readdirSync(folder);
  const old = files.filter((file) => file.endsWith('.node')).sort((a, b) => age(a) - age(b));
  const left = files.filter((file) => file.endsWith('.tmp') && age(file) > 3_600_000);
  for (const file of [...old.slice(NUM_KEPT), ...left])
    rmSync(path.join(folder, file), { recursive: true, force: true });
}

/** The addon's library for this machine, built now where it was not. `extraFlags` go to every compiler run. */
export async function buildAddon(extraFlags: string[] = []): Promise<BuildResult> {
  const recipe = findRecipe(extraFlags);
  const built = findBuilt(recipe?.source_key ?? sourceKey(extraFlags), recipe?.compiler_key ?? null);
  if (built) return { library: built };
  if (process.platform === 'win32')
    return { reason: 'the native kernels are not built on Windows; use the wasm backend' };
  if (!recipe) {
    return {
      reason: 'no C++ compiler was found; install one (c++, g++ or clang++, or name it in CXX) and start again',
    };
  }
  const folder = firstWritable();
  if (!folder) return { reason: `no folder for the compiled kernels can be written: ${cacheFolders().join(', ')}` };
  const library = path.join(folder, `${recipe.source_key}-${recipe.compiler_key}.node`);
  const work = () => build(recipe, library, extraFlags);
  const complaint = await withLock(
    `${library}.lock`,
    { isDone: () => existsSync(library), wait_ms: LOCK_WAIT_MS },
    work,
  );
  if (existsSync(library)) return { library };
  return {
    reason: `${recipe.compiler} could not compile the native kernels: ${(complaint ?? 'unknown error').slice(0, 500)}`,
  };
}

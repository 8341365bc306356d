/** @file Builds the package's N-API binding, as it is, against a TensorFlow library: two source files, one shared
 * library, with Node's C headers from node-api-headers and the machine's own compiler. The result lies in the cache
 * under a key of sources, flags, compiler and library, and is loaded once in a process of its own before it counts.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { LabError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { LOAD_FLAGS } from '../load-library.ts';
import { missedLibraries } from './missed-libraries.ts';
import { cacheFolder } from './place.ts';
import { lastLines, runProgram } from './program.ts';

const SOURCES = ['tfjs_backend.cc', 'tfjs_binding.cc'];
/** TensorFlow's headers need C++17; 8 is the newest N-API that every supported Node has. */
const FLAGS = ['-O2', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-pthread', '-DNAPI_VERSION=8'];

/** A library and its headers. */
export interface Library {
  /** The libraries to link, the one with the C API first. */
  files: [string, string];
  include: string;
}

/** Names of the libraries: in pip's wheels, and in TensorFlow's C distribution. */
const NAMES = [
  ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
  ['libtensorflow.so.2', 'libtensorflow_framework.so.2'],
  ['libtensorflow.so', 'libtensorflow_framework.so'],
] as const;

/** The library in `folder` or its `lib/`, with headers in its `include/`. Throws `usage` naming what is missing. */
export function findLibrary(folder: string): Library {
  const header = path.join(folder, 'include/tensorflow/c/c_api.h');
  if (!existsSync(header)) throw new LabError('usage', `${folder} is no TensorFlow library: it has no ${header}`);
  for (const lib of [folder, path.join(folder, 'lib')]) {
    for (const [api, framework] of NAMES) {
      const files: [string, string] = [path.join(lib, api), path.join(lib, framework)];
      if (files.every((file) => existsSync(file))) return { files, include: path.join(folder, 'include') };
    }
  }
  const wanted = NAMES.map((pair) => pair.join(' and ')).join(', or ');
  throw new LabError('usage', `${folder} is no TensorFlow library: neither it nor its lib/ has ${wanted}`);
}

function keyOf(sources: string, compiler: string, { files, include }: Library): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(sources).sort()) hash.update(readFileSync(path.join(sources, file)));
  for (const file of files) hash.update(`${file} ${statSync(file).size} ${statSync(file).mtimeMs}`);
  hash.update(JSON.stringify([FLAGS, compiler, include, process.arch]));
  return hash.digest('hex').slice(0, 16);
}

/** Compiles and links into `out`. Throws `no_backend` with the compiler's first complaints. */
async function compile(compiler: string, sources: string, library: Library, out: string): Promise<void> {
  const require = createRequire(import.meta.url);
  const headers = path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
  const includes = [`-I${headers}`, `-I${library.include}`];
  const run = async (args: string[]) => {
    const { code, output } = await runProgram(compiler, args, { cwd: sources });
    if (code === 0) return;
    const complaints = output.split('\n').slice(0, 12).join('\n');
    throw new LabError('no_backend', `${compiler} could not build TensorFlow's binding:\n${complaints}`);
  };
  const object = (source: string) => `${out}.${source}.o`;
  await Promise.all(SOURCES.map((source) => run(['-c', ...FLAGS, ...includes, source, '-o', object(source)])));
  const paths = [...new Set(library.files.map((file) => path.dirname(file)))].map((lib) => `-Wl,-rpath,${lib}`);
  await run(['-shared', '-pthread', ...SOURCES.map(object), ...library.files, ...paths, '-o', out]);
}

/** What a binding that loads says of its library and of this machine. */
export interface Probe {
  /** TensorFlow's version. */
  tensorflow: string;
  /** It finds a GPU that it can use. */
  sees_gpu: boolean;
  /** What it says of CUDA, drivers and libraries, a line each. */
  said: string[];
}

/** Loads what TensorFlow misses, then the binding: `argv` = binding, flags of dlopen, libraries. */
const PROBE = `
const [binding, flags, ...libraries] = process.argv.slice(1);
for (const library of libraries) try { process.dlopen({ exports: {} }, library, Number(flags)); } catch {}
const { TF_Version, isUsingGpuDevice } = require(binding);
process.stdout.write(JSON.stringify({ tensorflow: TF_Version, sees_gpu: isUsingGpuDevice() }));`;

/** Loads `binding` to the library in `folder` in a process of its own, as the backend does. Throws `no_backend` where it
 * does not load. */
export async function probeBinding(binding: string, folder: string): Promise<Probe> {
  const args = ['-e', PROBE, binding, String(LOAD_FLAGS), ...missedLibraries(folder)];
  // Others may be on the card: it must not be taken whole.
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0', TF_FORCE_GPU_ALLOW_GROWTH: 'true' };
  const { code, stdout, output } = await runProgram(process.execPath, args, { env });
  if (code !== 0) {
    throw new LabError('no_backend', `TensorFlow's binding ${binding} does not load:\n${lastLines(output)}`);
  }
  return { ...(JSON.parse(stdout) as Pick<Probe, 'tensorflow' | 'sees_gpu'>), said: gpuLines(output) };
}

/** The lines of TensorFlow's log that say why there is no GPU, each once, without time and source. */
function gpuLines(output: string): string[] {
  const lines = output.split('\n').map((line) => line.replace(/^.*\.cc:\d+\] /, '').trim());
  return [...new Set(lines.filter((line) => /dlopen|could not load|driver|cuda/i.test(line)))].slice(-6);
}

/** The binding for `library` from the package's sources, built now where it was not. Throws `no_backend` where there is
 * no compiler, or it fails. */
export async function buildBinding(packageFolder: string, library: Library): Promise<string> {
  const compiler = process.env['CXX'] || 'c++';
  const { code, stdout } = await runProgram(compiler, ['--version']);
  if (code !== 0) {
    throw new LabError('no_backend', `no C++ compiler was found; install one (g++ or clang++), or name it in CXX`);
  }
  const sources = path.join(packageFolder, 'binding');
  const binding = path.join(cacheFolder(), `binding-${keyOf(sources, stdout, library)}.node`);
  if (existsSync(binding)) return binding;
  const scratch = path.join(cacheFolder(), `binding.${process.pid}.tmp`);
  try {
    makeFolder(scratch);
    const out = path.join(scratch, 'tfjs_binding.node');
    await compile(compiler, sources, library, out);
    renameSync(out, binding);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return binding;
}

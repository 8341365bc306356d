/** @file `setup tensorflow`: gives the `tensorflow` and `cuda` backends their library. From pip's wheels (a current
 * TensorFlow with its CUDA 12), from a folder of the user's, or by the package's own install step (TensorFlow 2.9.1 with
 * CUDA 11.2, from a host that many networks refuse). Done again it downloads nothing that is there, and tries anew whether
 * TensorFlow sees a GPU.
 */
import path from 'node:path';
import { LabError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { withLock } from '../lock.ts';
import { buildBinding, findLibrary, probeBinding } from './binding.ts';
import { hasNvidiaDriver } from './driver.ts';
import { fetchPackage } from './fetch-package.ts';
import { fetchWheel, hasCudaWheels } from './pip.ts';
import {
  cacheFolder,
  findInstalled,
  findPackage,
  type Installed,
  npmPackage,
  officialBinding,
  PACKAGE,
  removeLeftovers,
  writeCurrent,
} from './place.ts';
import { lastLines, runProgram } from './program.ts';

/** Longest wait for another setup: it may be downloading 3 GB. */
const LOCK_WAIT_MS = 3_600_000;

/** Where the library comes from: at most one of the first three; default pip. */
export interface TensorflowSetup {
  fromPip?: boolean;
  official?: boolean;
  /** A folder with a TensorFlow C library: pip's `tensorflow`, or one with `lib/` and `include/`. */
  libtensorflow?: string;
  /** Of pip's wheel; default the newest. */
  version?: string;
  /** With CUDA; default where there is an NVIDIA driver and a wheel with CUDA for this processor. */
  gpu?: boolean;
}

/** What the backends now load. */
export interface TensorflowSetupResult extends Installed {
  /** False where it was there before. */
  is_new: boolean;
  /** What TensorFlow said of GPUs; empty where it sees one. */
  gpu_complaints: string[];
}

/** Sets up TensorFlow. `onStep` is told of each step that takes a while. Throws `usage` on options that do not go
 * together or a folder without library, `no_backend` where something needed is missing or fails. */
export async function setupTensorflow(
  setup: TensorflowSetup,
  onStep: (message: string) => void,
): Promise<TensorflowSetupResult> {
  const sources = [setup.fromPip, setup.official, setup.libtensorflow !== undefined].filter(Boolean);
  if (sources.length > 1) {
    throw new LabError('usage', '--from-pip, --official and --libtensorflow exclude each other: give one');
  }
  if ((setup.official || setup.libtensorflow !== undefined) && (setup.version !== undefined || setup.gpu)) {
    throw new LabError('usage', '--version and --gpu choose a wheel of pip: leave them out, or use --from-pip');
  }
  if (!setup.official && process.platform !== 'linux') {
    const advice = `use the ${process.platform === 'win32' ? 'webgpu or wasm' : 'webgpu or native'} backend, or try --official`;
    throw new LabError(
      'no_backend',
      `the TensorFlow binding is built on Linux only, this is ${process.platform}; ${advice}`,
    );
  }
  const { official, libtensorflow } = setup;
  const work = () => {
    removeLeftovers();
    if (official) return runOfficialStep(onStep);
    return libtensorflow === undefined ? setUpFromPip(setup, onStep) : setUpFromFolder(libtensorflow, onStep);
  };
  try {
    makeFolder(cacheFolder());
  } catch (error) {
    const advice = 'name another folder in SCALING_LAB_CACHE';
    throw new LabError('storage', `cannot write ${cacheFolder()}: ${(error as Error).message}; ${advice}`);
  }
  const lock = { isDone: () => false, wait_ms: LOCK_WAIT_MS };
  return (await withLock(path.join(cacheFolder(), 'setup.lock'), lock, work))!;
}

/** The package's folder, fetched where npm dropped it. */
async function requirePackage(onStep: (message: string) => void): Promise<string> {
  const found = findPackage();
  if (found) return found;
  onStep(`fetching ${PACKAGE}, which npm did not install`);
  return fetchPackage();
}

/** Tries `binding` and makes it what the backend loads. */
async function adopt(
  candidate: Omit<Installed, 'tensorflow' | 'sees_gpu'>,
  { is_new = true } = {},
): Promise<TensorflowSetupResult> {
  const { tensorflow, sees_gpu, said } = await probeBinding(candidate.binding, candidate.library);
  const installed = { ...candidate, tensorflow, sees_gpu };
  writeCurrent(installed);
  return { ...installed, is_new, gpu_complaints: sees_gpu ? [] : said };
}

/** Builds the binding against the library in `library` and adopts it. */
async function install(
  wanted: Omit<Installed, 'tensorflow' | 'sees_gpu' | 'binding'>,
  onStep: (message: string) => void,
): Promise<TensorflowSetupResult> {
  const library = findLibrary(wanted.library);
  const packageFolder = await requirePackage(onStep);
  onStep('building the binding');
  return adopt({ ...wanted, binding: await buildBinding(packageFolder, library) });
}

const setUpFromFolder = (folder: string, onStep: (message: string) => void) =>
  install({ library: path.resolve(folder), has_cuda: null }, onStep);

async function setUpFromPip(
  { version, gpu = hasNvidiaDriver() && hasCudaWheels }: TensorflowSetup,
  onStep: (message: string) => void,
): Promise<TensorflowSetupResult> {
  const there = findInstalled();
  const is_own = there?.library.startsWith(cacheFolder()) && there.has_cuda === gpu;
  if (there && is_own && (version === undefined || there.tensorflow === version)) {
    const is_new = findPackage() === null;
    await requirePackage(onStep);
    return adopt(there, { is_new });
  }
  const { folder, cuda_versions } = await fetchWheel({ version: version ?? null, gpu, onStep });
  return install({ library: folder, cuda_versions, has_cuda: gpu }, onStep);
}

/** The package's install step, where npm has put the package. */
async function runOfficialStep(onStep: (message: string) => void): Promise<TensorflowSetupResult> {
  const folder = npmPackage();
  if (!folder) {
    const advice = 'run npm install --include=optional';
    throw new LabError('no_backend', `${PACKAGE} is not installed; ${advice}`);
  }
  onStep(`running the install step of ${PACKAGE}: it downloads about 400 MB`);
  // Directly, since whether npm may run it differs between npm's versions and settings.
  const bin = path.resolve(folder, '../../.bin');
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
  const { output } = await runProgram(process.execPath, ['scripts/install.js', 'gpu', 'download'], {
    cwd: folder,
    env,
  });
  // The step may fail and still end with 0: what counts is the binding.
  const binding = officialBinding(folder);
  if (!binding) {
    const other = process.platform === 'linux' ? 'set it up with --from-pip' : 'use the webgpu backend';
    const advice = `its host may not be reachable from here: ${other}`;
    throw new LabError('no_backend', `the install step of ${PACKAGE} failed:\n${lastLines(output)}\n${advice}`);
  }
  return adopt({ has_cuda: process.platform === 'linux', library: path.join(folder, 'deps'), binding });
}

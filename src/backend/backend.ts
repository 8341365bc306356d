/** @file Chooses, starts and describes a tfjs backend: the door of `backend/`.
 * `auto` takes the first of the list that is available. A backend named by the user that cannot start is an
 * error with its reason, never a silent change to another: `tf.setBackend` only returns false then.
 */
import os from 'node:os';
import { LabError } from '../lib/errors.ts';
import { tf } from '../tf.ts';
import { configureNative, findNative, nativeInstructionSets, startNative } from './native/native.ts';
import {
  findTensorflow,
  numOps,
  startTensorflow,
  type TensorflowFacts,
  tensorflowFacts,
} from './tensorflow/tensorflow.ts';
import { startWasm } from './wasm/wasm.ts';
import {
  type AdapterFacts,
  describeAdapter,
  deviceFailure,
  findWebgpu,
  freePool,
  numDispatches,
  settleWebgpu,
  startWebgpu,
} from './webgpu/webgpu.ts';

export { hasNvidiaDriver, setupTensorflow, type TensorflowSetup } from './tensorflow/tensorflow.ts';
export { type AdapterFacts, describeAdapter } from './webgpu/webgpu.ts';

/** A started backend, as records name it. */
export interface BackendInfo {
  name: string;
  /** The name by which tfjs knows it. */
  tfjs_name: string;
  /** What computes: the CPU's or the adapter's name. */
  device: string;
  /** Results are bit for bit reproducible on one backend and instruction set. */
  instruction_set: string;
  versions: Record<string, string>;
  /** TensorFlow's: matrix products in float32, or by a GPU rounded to TF32 first. */
  matmul_precision?: 'float32' | 'tf32';
}

/** Whether a backend can start here, and if not, why and what to do. */
export interface BackendStatus {
  name: string;
  is_available: boolean;
  what: string;
  /** Empty when available. */
  reason: string;
}

interface Backend {
  name: string;
  what: string;
  /** Null when it can start, else why not and what to do. */
  missing: (options: StartOptions) => Promise<string | null>;
  /** Starts it and returns tfjs's name for it. */
  start: (options: StartOptions) => Promise<string>;
}

/** The order in which `auto` tries them: GPUs first, then the CPU's fastest. assumption: on a GPU the smallest models may
 * be slower than on `native`, since launches take their time; not measured on hardware. */
const BACKENDS: Backend[] = [
  {
    name: 'cuda',
    what: "TensorFlow's CUDA kernels (@tensorflow/tfjs-node-gpu)",
    missing: () => findTensorflow({ needs_gpu: true }),
    start: () => startTensorflow({ needs_gpu: true }),
  },
  {
    name: 'webgpu',
    what: 'WGSL kernels of our own on any GPU, through Dawn (packages webgpu and @tensorflow/tfjs-backend-webgpu)',
    missing: findWebgpu,
    start: startWebgpu,
  },
  {
    name: 'native',
    what: "the lab's own C++ kernels, built by this machine's compiler",
    missing: findNative,
    start: startNative,
  },
  {
    name: 'tensorflow',
    what: "TensorFlow's CPU kernels (@tensorflow/tfjs-node-gpu without a GPU)",
    missing: () => findTensorflow({ needs_gpu: false }),
    start: () => startTensorflow({ needs_gpu: false }),
  },
  {
    name: 'wasm',
    what: "tfjs's WebAssembly kernels with the lab's own, SIMD, one thread",
    missing: async () => null,
    start: startWasm,
  },
  {
    name: 'cpu',
    what: 'plain JavaScript, the reference in tests',
    missing: async () => null,
    start: async () => {
      if (!(await tf.setBackend('cpu'))) throw new Error('tfjs could not start its cpu backend');
      return 'cpu';
    },
  },
];

/** Names that `--backend` takes. */
const BACKEND_NAMES = ['auto', ...BACKENDS.map((b) => b.name)];

/** State of every backend on this machine, in `auto`'s order; of `webgpu` with the adapter asked for. */
export async function describeBackends(options: StartOptions = {}): Promise<BackendStatus[]> {
  return Promise.all(
    BACKENDS.map(async ({ name, what, missing }) => {
      const reason = await missing(options);
      return { name, what, is_available: reason === null, reason: reason ?? '' };
    }),
  );
}

/** The name that `choice` stands for here: itself, or for `auto` the first that is available.
 * Throws `no_backend` with the reason where it cannot start. */
export async function resolveBackend(choice: string, options: StartOptions = {}): Promise<string> {
  if (choice === 'auto') {
    for (const { name, missing } of BACKENDS) if ((await missing(options)) === null) return name;
  }
  const backend = BACKENDS.find((b) => b.name === choice);
  if (!backend) throw new LabError('usage', `unknown backend: ${choice}; one of ${BACKEND_NAMES.join(', ')}`);
  const reason = await backend.missing(options);
  if (reason !== null) throw new LabError('no_backend', `backend ${choice} is not available: ${reason}`);
  return choice;
}

/** What a backend may be asked for beside its name. */
export interface StartOptions {
  /** Threads a kernel uses, 1 .. 256; default 1. Only `native` takes more than one; results are the same bits. */
  threads?: number | undefined;
  /** A part of a GPU adapter's name, any case: for `webgpu`. Default: the best hardware adapter. */
  adapter?: string | undefined;
}

/** Throws `usage` where the backend `name` does not take that many threads. */
function requireThreads(name: string, threads: number): void {
  if (threads > 256) throw new LabError('usage', `invalid --threads: ${threads}; at most 256`);
  if (threads === 1 || name === 'native') return;
  throw new LabError(
    'usage',
    `--threads ${threads} is for the native backend; ${name} takes none: leave --threads out, or use --backend native`,
  );
}

/** Throws `usage` where an adapter is named for a backend that has none. */
function requireNoAdapter(name: string, adapter: string | undefined): void {
  if (adapter === undefined || name === 'webgpu') return;
  throw new LabError('usage', `--adapter ${adapter} is for the webgpu backend, not ${name}; use --backend webgpu`);
}

/** Starts the backend that `choice` stands for and makes it tfjs's current one.
 * Throws `no_backend` with the reason where it cannot start, `usage` where it does not take the threads or adapter. */
export async function startBackend(choice: string, options: StartOptions = {}): Promise<BackendInfo> {
  const { threads = 1, adapter } = options;
  const name = await resolveBackend(choice, options);
  requireThreads(name, threads);
  requireNoAdapter(name, adapter);
  tf.enableProdMode();
  try {
    const tfjs_name = await BACKENDS.find((b) => b.name === name)!.start(options);
    await tf.ready();
    if (name === 'native') await configureNative({ threads });
    const has_simd = name !== 'wasm' || (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'));
    const on_cpu = name === 'native' ? (await nativeInstructionSets())[0]! : os.arch();
    const gpu = name === 'webgpu' ? await describeAdapter(options) : null;
    if (gpu !== null) return infoOfGpu(tfjs_name, gpu);
    if (tfjs_name === 'tensorflow') return infoOfTensorflow(name, tensorflowFacts()!);
    const instruction_set = name === 'wasm' ? (has_simd ? 'wasm-simd' : 'wasm') : on_cpu;
    return {
      name,
      tfjs_name,
      device: os.cpus()[0]?.model.trim() ?? os.arch(),
      instruction_set,
      versions: { tfjs: tf.version_core, node: process.versions.node },
    };
  } catch (error) {
    throw new LabError('no_backend', `backend ${name} did not start: ${(error as Error).message}`, { cause: error });
  }
}

/** TensorFlow does not tell a GPU's name; whoever knows it puts it in the place of `device`. */
function infoOfTensorflow(name: string, { versions, is_gpu, matmul_precision }: TensorflowFacts): BackendInfo {
  const card = is_gpu ? 'NVIDIA GPU' : null;
  return {
    name,
    tfjs_name: 'tensorflow',
    device: card ?? os.cpus()[0]?.model.trim() ?? os.arch(),
    instruction_set: `${card ?? os.arch()}, TensorFlow ${versions['tensorflow']}`,
    versions: { tfjs: tf.version_core, node: process.versions.node, ...versions },
    matmul_precision,
  };
}

function infoOfGpu(tfjs_name: string, { name, driver, vendor, architecture, library }: AdapterFacts): BackendInfo {
  return {
    name: 'webgpu',
    tfjs_name,
    device: name,
    instruction_set: `${vendor} ${architecture}`.trim(),
    versions: { tfjs: tf.version_core, node: process.versions.node, webgpu: library, driver },
  };
}

/** What the current backend has had done so far: TensorFlow's operations, or a GPU's programs. Null where that is not
 * counted. */
export function numLaunches(): number | null {
  if (tf.getBackend() === 'tensorflow') return numOps();
  return tf.getBackend() === 'webgpu' ? numDispatches() : null;
}

/** Waits until the device has done all it was given: a loop that reads nothing back must call it now and then, or what
 * waits grows without bound. On the CPU there is nothing to wait for. Throws `no_backend` where the device failed. */
export async function settleBackend(): Promise<void> {
  if (tf.getBackend() !== 'webgpu') return;
  const error = await settleWebgpu().then(
    () => null,
    (error: unknown) => error,
  );
  const failure = deviceFailure();
  if (failure !== null) throw new LabError('no_backend', failure, { cause: error });
  if (error !== null) throw error;
}

/** Gives memory back that a backend keeps for tensors to come: after a run, since the next one's have other sizes. */
export function freeMemory(): void {
  if (tf.getBackend() === 'webgpu' && deviceFailure() === null) freePool();
}

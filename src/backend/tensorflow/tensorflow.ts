/** @file The `cuda` and `tensorflow` backends: TensorFlow's kernels through the binding of @tensorflow/tfjs-node-gpu, on
 * a GPU or on the CPU. The package is installed without its library (a large download that serves few); `setup
 * tensorflow` supplies one. Of the package only its kernels and its backend class are loaded, not its index, which looks
 * for the binding in one place only and brings what training does not need.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import { registerKernels } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { loadError } from '../load-library.ts';
import { hasNvidiaDriver } from './driver.ts';
import { fusedKernels } from './fused.ts';
import { missedLibraries } from './missed-libraries.ts';
import { type Binding, countingBinding } from './ops.ts';
import { hasCudaWheels } from './pip.ts';
import { findInstalled, findPackage, type Installed, PACKAGE } from './place.ts';

export { hasNvidiaDriver } from './driver.ts';
export { numOps } from './ops.ts';
export { setupTensorflow, type TensorflowSetup, type TensorflowSetupResult } from './setup.ts';

/** What a started backend runs on. */
export interface TensorflowFacts {
  /** Of TensorFlow, and on a GPU of CUDA and cuDNN where known. */
  versions: Record<string, string>;
  /** On a GPU, not on the CPU. */
  is_gpu: boolean;
  /** How a GPU multiplies matrices: in float32, or rounded to TF32's 10 bits first. */
  matmul_precision: 'float32' | 'tf32';
}

let started: TensorflowFacts | null = null;

/** What the backend of this process runs on; null where it has not started. */
export const tensorflowFacts = (): TensorflowFacts | null => started;

/** Null where the backend can start, else why not and what to do. */
export async function findTensorflow({ needs_gpu }: { needs_gpu: boolean }): Promise<string | null> {
  if (needs_gpu && process.platform !== 'linux') {
    return 'CUDA through TensorFlow runs on Linux only (on Windows: inside WSL); use --backend webgpu';
  }
  if (needs_gpu && !hasNvidiaDriver()) return 'no NVIDIA driver was found; install it if this machine has a card';
  const setup = `scaling-lab setup tensorflow${needs_gpu ? WITH_CUDA : ''}`;
  const installed = findInstalled();
  if (!installed) return `TensorFlow's library has not been set up; run ${setup}`;
  if (!findPackage()) return `package ${PACKAGE} is not there; run ${setup}, which fetches it`;
  return needs_gpu ? whyNoGpu(installed, setup) : null;
}

/** How setup is asked for a library with CUDA. */
const WITH_CUDA = hasCudaWheels ? ' --gpu' : ' --libtensorflow DIR, with a library that has CUDA';

/** Null where the library that is there found a GPU to use when it was set up; else what to do. */
export function whyNoGpu({ has_cuda, sees_gpu }: Installed, setup: string): string | null {
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible === '' || visible?.startsWith('-1')) return `CUDA_VISIBLE_DEVICES="${visible}" hides all cards; unset it`;
  if (sees_gpu) return null;
  return has_cuda === false
    ? `TensorFlow was set up without CUDA; run ${setup}`
    : `TensorFlow has not found a GPU that it can use; run ${setup}, which tries it and says why`;
}

/** Variables that TensorFlow reads when it loads, where the user has not set them. */
function setEnvironment(needs_gpu: boolean): void {
  const wanted: Record<string, string> = {
    // Errors only; on the CPU not even those, of which the first would be that there is no GPU. What fails also throws.
    TF_CPP_MIN_LOG_LEVEL: needs_gpu ? '2' : '3',
    // Several runs share a card: take memory as it is needed, not all of it at once.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // The same bits run after run.
    TF_DETERMINISTIC_OPS: '1',
    // Full float32 products, as on every other backend.
    NVIDIA_TF32_OVERRIDE: '0',
    // One worker a core: results do not depend on what runs beside it.
    TF_NUM_INTRAOP_THREADS: '1',
    TF_NUM_INTEROP_THREADS: '1',
  };
  for (const [name, value] of Object.entries(wanted)) process.env[name] ??= value;
  // The CPU's backend must not take a card.
  if (!needs_gpu) process.env['CUDA_VISIBLE_DEVICES'] = '-1';
}

/** Puts back what the package calls and Node 23 no longer has. */
function restoreUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old['isNullOrUndefined'] ??= (x: unknown) => x === null || x === undefined;
  old['isArray'] ??= Array.isArray;
}

/** Loads TensorFlow and makes it tfjs's current backend, on a GPU or on the CPU; returns tfjs's name for it.
 * Throws where the library does not load, or where no GPU is usable though one is needed. */
export async function startTensorflow({ needs_gpu }: { needs_gpu: boolean }): Promise<string> {
  const [installed, folder] = [findInstalled(), findPackage()];
  if (!installed || !folder) throw new Error('TensorFlow has not been set up; run scaling-lab setup tensorflow');
  if (!started) {
    setEnvironment(needs_gpu);
    restoreUtil();
    if (needs_gpu) for (const library of missedLibraries(installed.library)) loadError(library);
    const require = createRequire(path.join(folder, 'package.json'));
    const binding = require(installed.binding) as Binding;
    require('./dist/register_all_kernels.js');
    const { NodeJSKernelBackend } = require('./dist/nodejs_kernel_backend.js');
    const is_gpu = binding.isUsingGpuDevice();
    if (needs_gpu && !is_gpu) {
      throw new Error(
        'TensorFlow finds no GPU that it can use (often a driver older than its CUDA); run scaling-lab setup tensorflow again, which says why, or use --backend webgpu',
      );
    }
    tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(countingBinding(binding), PACKAGE));
    registerKernels(fusedKernels, 'tensorflow');
    started = {
      versions: { tensorflow: binding.TF_Version, ...(is_gpu ? installed.cuda_versions : {}) },
      is_gpu,
      matmul_precision: is_gpu && process.env['NVIDIA_TF32_OVERRIDE'] !== '0' ? 'tf32' : 'float32',
    };
  }
  if (needs_gpu !== started.is_gpu) {
    throw new Error('TensorFlow has been started in this process for another device');
  }
  if (!(await tf.setBackend('tensorflow'))) throw new Error('tfjs could not start its tensorflow backend');
  return 'tensorflow';
}

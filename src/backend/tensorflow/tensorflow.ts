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
import { cardNames, hasNvidiaDriver } from './driver.ts';
import { fusedKernels } from './fused.ts';
import { type Binding, countingBinding } from './ops.ts';
import { findInstalled, findPackage, PACKAGE } from './place.ts';

export { numOps } from './ops.ts';
export { setupTensorflow, type TensorflowSetup, type TensorflowSetupResult } from './setup.ts';

/** What a started backend runs on. */
export interface TensorflowFacts {
  /** Of TensorFlow, and on a GPU of CUDA and cuDNN where known. */
  versions: Record<string, string>;
  /** The card's name; null on the CPU. */
  card: string | null;
  /** How a GPU multiplies matrices: in float32, or rounded to TF32's 10 bits first. */
  matmul_precision: 'float32' | 'tf32';
}

let started: TensorflowFacts | null = null;

/** What the backend of this process runs on; null where it has not started. */
export const tensorflowFacts = (): TensorflowFacts | null => started;

/** Null where the backend can start, else why not and what to do. */
export async function findTensorflow({ needs_gpu }: { needs_gpu: boolean }): Promise<string | null> {
  if (needs_gpu && !hasNvidiaDriver()) return 'no NVIDIA driver was found; install it if this machine has a card';
  const setup = `scaling-lab setup tensorflow${needs_gpu ? ' --gpu' : ''}`;
  const installed = findInstalled();
  if (!installed) return `TensorFlow's library has not been set up; run ${setup}`;
  if (!findPackage()) return `package ${PACKAGE} is not there; run ${setup}, which fetches it`;
  if (needs_gpu && installed.has_cuda === false) return `TensorFlow was set up without CUDA; run ${setup}`;
  return null;
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

/** The card that TensorFlow computes on: of those visible to the process the last, as the binding takes it. */
function visibleCard(): string {
  const names = cardNames();
  const last = process.env['CUDA_VISIBLE_DEVICES']?.split(',').at(-1)?.trim();
  const at = last !== undefined && /^\d+$/.test(last) ? Number(last) : names.length - 1;
  return names[at] ?? 'NVIDIA GPU';
}

/** Loads TensorFlow and makes it tfjs's current backend, on a GPU or on the CPU; returns tfjs's name for it.
 * Throws where the library does not load, or where no GPU is usable though one is needed. */
export async function startTensorflow({ needs_gpu }: { needs_gpu: boolean }): Promise<string> {
  const [installed, folder] = [findInstalled(), findPackage()];
  if (!installed || !folder) throw new Error('TensorFlow has not been set up; run scaling-lab setup tensorflow');
  if (!started) {
    setEnvironment(needs_gpu);
    restoreUtil();
    const require = createRequire(path.join(folder, 'package.json'));
    const binding = require(installed.binding) as Binding;
    require('./dist/register_all_kernels.js');
    const { NodeJSKernelBackend } = require('./dist/nodejs_kernel_backend.js');
    const is_gpu = binding.isUsingGpuDevice();
    if (needs_gpu && !is_gpu) {
      throw new Error(
        'TensorFlow finds no GPU that it can use; start with TF_CPP_MIN_LOG_LEVEL=0 to see why (often a driver older than its CUDA), or use --backend webgpu',
      );
    }
    tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(countingBinding(binding), PACKAGE));
    registerKernels(fusedKernels, 'tensorflow');
    started = {
      versions: { tensorflow: binding.TF_Version, ...(is_gpu ? installed.cuda_versions : {}) },
      card: is_gpu ? visibleCard() : null,
      matmul_precision: is_gpu && process.env['NVIDIA_TF32_OVERRIDE'] !== '0' ? 'tf32' : 'float32',
    };
  }
  if (needs_gpu !== (started.card !== null)) {
    throw new Error('TensorFlow has been started in this process for another device');
  }
  if (!(await tf.setBackend('tensorflow'))) throw new Error('tfjs could not start its tensorflow backend');
  return 'tensorflow';
}

/** @file The `webgpu` backend: tfjs's WebGPU backend on Dawn in Node, on a device and with WGSL kernels of our own for
 * every operation of the model. A toy model costs a GPU kernel launches more than arithmetic, so few dispatches is what
 * the kernels are about.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { registerKernels } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { type FoundAdapter, findAdapter, requireAdapter } from './adapter.ts';
import { blockKernels } from './block.ts';
import { causalAttentionKernels } from './causal-attention.ts';
import { crossEntropyKernels } from './cross-entropy.ts';
import { openDevice } from './device.ts';
import { embeddingKernels } from './embedding.ts';
import { geluKernels } from './gelu.ts';
import { layerNormKernels } from './layer-norm.ts';
import { linearKernels } from './linear.ts';
import { optimizerKernels } from './optimizer.ts';
import { currentBackend, submit, useBackend } from './program.ts';

export { deviceFailure, numDispatches } from './device.ts';
export { freePool } from './program.ts';

const ourKernels = [
  linearKernels,
  layerNormKernels,
  geluKernels,
  causalAttentionKernels,
  embeddingKernels,
  crossEntropyKernels,
  optimizerKernels,
  blockKernels,
].flat();

/** What the adapter is asked for by: a part of its name, in any case. */
export interface WebgpuOptions {
  adapter?: string | undefined;
}

const PACKAGE = '@tensorflow/tfjs-backend-webgpu';

/** Null where the backend can start, else why not and what to do. */
export async function findWebgpu({ adapter }: WebgpuOptions = {}): Promise<string | null> {
  const result = await findAdapter(adapter);
  if ('reason' in result) return result.reason;
  return (await loadPackage()) === null
    ? `package ${PACKAGE} is not installed; run npm install --include=optional`
    : null;
}

/** tfjs's backend. Its own registration, which takes any adapter, looks for `navigator.gpu`: not there while it loads. */
async function loadPackage(): Promise<typeof import('@tensorflow/tfjs-backend-webgpu') | null> {
  try {
    return await import('@tensorflow/tfjs-backend-webgpu');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** One adapter, as `doctor` prints it. */
export interface AdapterFacts {
  name: string;
  driver: string;
  vendor: string;
  architecture: string;
  is_software: boolean;
  /** Version of package `webgpu`. */
  library: string;
  limits: Record<string, number>;
}

const SHOWN_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

function factsOf({ adapter, name, is_software }: FoundAdapter): AdapterFacts {
  const { description, vendor, architecture } = adapter.info;
  const limits = Object.fromEntries(SHOWN_LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  return { name, driver: description, vendor, architecture, is_software, library: libraryVersion(), limits };
}

function libraryVersion(): string {
  const file = path.join(path.dirname(fileURLToPath(import.meta.resolve('webgpu'))), 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** The adapter that the backend would take, or null where there is none. */
export async function describeAdapter({ adapter }: WebgpuOptions = {}): Promise<AdapterFacts | null> {
  const result = await findAdapter(adapter);
  return 'found' in result ? factsOf(result.found) : null;
}

let started: FoundAdapter | undefined;

/** Makes tfjs's webgpu backend its current one, on our device, with our kernels registered; returns tfjs's name for it.
 * Throws where it cannot start, and on a second adapter: a process has one device. */
export async function startWebgpu({ adapter }: WebgpuOptions = {}): Promise<string> {
  const found = await requireAdapter(adapter);
  if (started && started !== found) throw new Error(`this process computes on ${started.name} already`);
  if (!started) {
    const { WebGPUBackend } = (await loadPackage())!;
    setNavigatorGpu(found.gpu);
    const backend = new WebGPUBackend(await openDevice(found), found.adapter.info);
    useBackend(backend);
    tf.registerBackend('webgpu', () => backend, 0);
    started = found;
  }
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs could not start its webgpu backend');
  await tf.ready();
  registerKernels(ourKernels, 'webgpu');
  return 'webgpu';
}

/** tfjs looks for it where a browser has it. */
function setNavigatorGpu(gpu: GPU): void {
  const place = globalThis as { navigator?: object };
  if (place.navigator === undefined) Object.defineProperty(place, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(place.navigator, 'gpu', { value: gpu, configurable: true });
}

/** Waits until the GPU has done all it was given, and until its errors have been heard. */
export async function settleWebgpu(): Promise<void> {
  submit();
  await currentBackend().queue.onSubmittedWorkDone();
  await setImmediate();
}

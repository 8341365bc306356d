/** @file Tensors of tfjs's wasm backend as addresses in its memory, and our own WebAssembly kernels working on it.
 * The kernels (`kernels/`, AssemblyScript) import the memory that tfjs's Emscripten module exports: nothing is
 * copied, and when that memory grows they see it grown. The backend's own allocator gives outputs and scratch.
 * `backend.wasm.asm` is what Emscripten keeps of the exports; the memory must be unshared (see `wasm.ts`).
 */
import { readFile } from 'node:fs/promises';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { tf } from '../../tf.ts';

/** The part of the global object that we use; Node's type declarations leave it out. */
declare const WebAssembly: {
  instantiate: (binary: Uint8Array, imports: object) => Promise<{ instance: { exports: object } }>;
};

type Kernel<Result = void> = (...addressesAndNumbers: number[]) => Result;

/** The exports of `kernels/index.ts`. Those that read token ids return the place of the first bad one, or -1. */
interface Kernels {
  adamw: Kernel;
  attention: Kernel;
  attentionGrad: Kernel;
  attentionScratch: (n_ctx: number, d_head: number) => number;
  crossEntropy: Kernel<number>;
  crossEntropyGrad: Kernel<number>;
  embedding: Kernel<number>;
  embeddingGrad: Kernel<number>;
  gelu: Kernel;
  geluGrad: Kernel;
  layerNorm: Kernel;
  layerNormGrad: Kernel;
  linear: Kernel;
  linearGrad: Kernel;
  productScratch: () => number;
  sumOfSquares: Kernel<number>;
}

/** What of tfjs's Emscripten module we need beyond its declared type. */
interface EmscriptenModule {
  asm: { memory: object };
  _malloc: (bytes: number) => number;
  _free: (address: number) => void;
}

interface Heap {
  backend: BackendWasm;
  kernels: Kernels;
  scratch: number;
  scratch_bytes: number;
}

/** Beside its source in `src/`, from `src/` and from `dist/` alike. */
const BINARY = new URL('../../../src/backend/wasm/kernels/kernels.wasm', import.meta.url);

let heap: Heap | undefined;

const emscripten = ({ wasm }: BackendWasm) => wasm as unknown as EmscriptenModule;

/** Loads our kernels onto the memory of tfjs's current backend, which must be its wasm backend. */
export async function loadKernels(): Promise<void> {
  const backend = tf.backend() as unknown as BackendWasm;
  if (heap?.backend === backend) return;
  const { memory } = emscripten(backend).asm;
  const { instance } = await WebAssembly.instantiate(await readFile(BINARY), { env: { memory, log: Math.log } });
  heap = { backend, kernels: instance.exports as Kernels, scratch: 0, scratch_bytes: 0 };
}

/** Our kernels on the backend's memory. */
export function kernels(): Kernels {
  return heap!.kernels;
}

/** A tensor of `shape` with undefined contents, tracked by the current tidy. Throws where the memory is full. */
export function empty(shape: number[]): tf.Tensor {
  const info = heap!.backend.makeOutput(shape, 'float32');
  if (heap!.backend.getMemoryOffset(info.dataId) === 0) throw memoryFull(`a tensor [${shape.join(', ')}]`);
  return tf.engine().makeTensorFromTensorInfo(info);
}

/** Address of a tensor's first element in bytes. */
export function address(t: tf.Tensor): number {
  return heap!.backend.getMemoryOffset(t.dataId);
}

/** Address of `bytes` of memory for a kernel's own use; valid until the next call of this function. */
export function scratch(bytes: number): number {
  const { backend, scratch_bytes } = heap!;
  if (bytes > scratch_bytes) {
    const { _malloc, _free } = emscripten(backend);
    if (heap!.scratch) _free(heap!.scratch);
    heap!.scratch = _malloc(bytes) >>> 0;
    heap!.scratch_bytes = heap!.scratch ? bytes : 0;
    if (!heap!.scratch) throw memoryFull(`${bytes} bytes of scratch`);
  }
  return heap!.scratch;
}

function memoryFull(what: string): Error {
  return new Error(`the wasm backend's memory has no room for ${what}; use a smaller batch, context or model`);
}

/** The values of a float32 tensor, in place; valid until the next allocation, since the memory may move. */
export function floats(t: tf.Tensor): Float32Array {
  return heap!.backend.typedArrayFromHeap(t) as Float32Array;
}

/** Throws where a kernel met a token that is not in the vocabulary: `row` is its place in `tokens`, -1 for none. */
export function requireTokens(row: number, kernel: string, tokens: tf.Tensor, vocab_size: number): void {
  if (row < 0) return;
  const token = heap!.backend.typedArrayFromHeap(tokens)[row];
  throw new Error(`${kernel}: token ${token} at place ${row} is not in 0 .. ${vocab_size - 1}`);
}

/** To be called after the values of `t` were changed in place: tfjs's own product keeps a packed copy of each right
 * operand under its handle, and would go on with the old values. Taking the handle out and back in drops that copy. */
export function valuesChanged(t: tf.Tensor): void {
  const { id } = heap!.backend.dataIdMap.get(t.dataId);
  const { disposeData, registerTensor } = heap!.backend.wasm.tfjs;
  disposeData(id);
  registerTensor(id, t.size, address(t));
}

/** @file The C++ addon as TypeScript sees it: functions of numbers. A tensor is an integer handle; 0 is none.
 * Typed arrays appear in `write` and `read` only (a call costs 68 ns with handles, 430 ns with typed arrays).
 */
import { createRequire } from 'node:module';

/** A kernel of the addon: handles, sizes and options in the order given in the C++ beside it. */
type Kernel = (...numbers: number[]) => void;

export interface Addon {
  /** Names of the instruction sets this machine can run, fastest first; the first is in use. */
  instructionSets: () => string[];
  useInstructionSet: (name: string) => void;
  useThreads: (count: number) => void;
  /** Billions of float operations a second in a pure multiply-add loop of that many seconds of one core. */
  fmaPeak: (seconds: number) => number;

  allocate: (count: number) => number;
  release: (handle: number) => void;
  write: (handle: number, values: Float32Array | Int32Array) => void;
  read: (handle: number, into: Float32Array | Int32Array) => void;
  /** Bytes in use, bytes kept for reuse, tensors in use. */
  memory: () => [number, number, number];

  matMul: Kernel;
  headLoss: Kernel;
  block: Kernel;
  blockGrad: Kernel;
  batchMatMul: Kernel;
  columnSums: Kernel;
  layerNorm: Kernel;
  layerNormGrad: Kernel;
  gelu: Kernel;
  geluGrad: Kernel;
  causalAttention: Kernel;
  causalAttentionGrad: Kernel;
  embedding: Kernel;
  embeddingGrad: Kernel;
  crossEntropy: Kernel;
  crossEntropyGrad: Kernel;
  globalNorm: Kernel;
  adamw: Kernel;

  unary: Kernel;
  binary: Kernel;
  reduce: Kernel;
  argMax: Kernel;
  copy: Kernel;
  softmax: Kernel;
  range: Kernel;
  cast: Kernel;
  gather: Kernel;
  segmentSum: Kernel;
  oneHot: Kernel;
  select: Kernel;
}

/** Loads the compiled library; throws where it does not fit this process. */
export function loadAddon(library: string): Addon {
  return createRequire(import.meta.url)(library) as Addon;
}

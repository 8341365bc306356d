/** @file Stands in for the types of the optional packages: npm may leave them out, and building must not need them. Only
 * what this folder uses is declared; of tfjs's backend that includes fields its own types call private (version 4.22.0).
 */
declare module 'webgpu' {
  /** Dawn with `options` (`adapter=<name>`, ...); the GPU lives as long as the object. */
  export function create(options: string[]): GPU;
  /** `GPUBuffer`, `GPUBufferUsage`, ...: what a browser has on its global object. */
  export const globals: Record<string, unknown>;
}

declare module '@tensorflow/tfjs-backend-webgpu' {
  import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs';

  /** Buffers of tensors, and those that were freed, kept for tensors of the very same size. */
  interface BufferManager {
    freeBuffers: Map<string, GPUBuffer[]>;
    numFreeBuffers: number;
    numBytesAllocated: number;
  }

  /** Where a tensor's values are. */
  interface TensorData {
    /** A copy on the CPU: not yet uploaded, or kept by a read. */
    values: ArrayLike<number> | null;
    resource?: GPUBuffer;
  }

  export class WebGPUBackend extends KernelBackend {
    constructor(device: GPUDevice, info: GPUAdapterInfo);
    device: GPUDevice;
    queue: GPUQueue;
    bufferManager: BufferManager;
    tensorMap: { get: (dataId: object) => TensorData };
    commandEncoder: GPUCommandEncoder | null;
    computePassEncoder: GPUComputePassEncoder | null;
    dispatchCountInPass: number;
    ensureCommandEncoderReady(): void;
    endComputePassEncoder(): void;
    submitQueue(): void;
    makeTensorInfo(shape: number[], dtype: 'float32'): TensorInfo;
    uploadToGPU(dataId: object): void;
  }
}

/** @file The words by which a full memory is known on each backend, and the advice that follows. */
import { describe, expect, it } from 'vitest';
import { isOutOfMemory, memoryAdvice } from '../../src/sweep/out-of-memory.ts';
import { tinyRun } from '../support/sweep-plan.ts';

describe('isOutOfMemory', () => {
  it.each([
    'Error: Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[64,64,3,3] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    'RESOURCE_EXHAUSTED: failed to allocate memory',
    'ResourceExhaustedError: {{function_node ...}}',
    'failed call to cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY: out of memory; total memory reported: 8361017344',
    'Dst tensor is not initialized.',
    'failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED',
    'Attempting to perform BLAS operation using StreamExecutor without BLAS support',
    'failed to create cublas handle: the resource allocation failed',
    'CUDNN_STATUS_NOT_INITIALIZED in external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc',
    'out of GPU memory (NVIDIA GeForce RTX 4090): Failed to allocate memory for buffer; use a smaller batch',
    'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
    'E_OUTOFMEMORY: ID3D12Device::CreateCommittedResource',
    'native FusedBlock: out of memory for scratch space',
    'terminate called after throwing an instance of std::bad_alloc',
    'RangeError: Array buffer allocation failed',
  ])('knows %s', (message) => {
    expect(isOutOfMemory(message)).toBe(true);
  });

  it.each([
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    'no space is left on the device',
    'signal SIGSEGV',
    'the GPU device was lost (a card, unknown)',
    'training loss is NaN at step 7',
    '',
  ])('takes it for nothing else: %s', (message) => {
    expect(isOutOfMemory(message)).toBe(false);
  });
});

describe('memoryAdvice', () => {
  it('names what the user can change', () => {
    const run = tinyRun({ run_id: 'a', memory_bytes: 3 * 2 ** 30 });
    const onCard = memoryAdvice(run, 'cuda:1');
    for (const part of ['alone on cuda:1', '3072 MiB', 'train.batch_tokens (32 tokens', '--slots-per-device']) {
      expect(onCard).toContain(part);
    }
    expect(memoryAdvice(run, null)).toContain('lower --workers');
  });
});

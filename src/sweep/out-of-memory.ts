/** @file Tells a run that met the end of a device's memory from one that failed for another reason, and says what to
 * change. The backends have no error code for it, so their words are matched: TensorFlow's allocator and status,
 * CUDA and its libraries, Vulkan and Dawn, the lab's own kernels. JavaScript's own heap is no device's memory: another
 * attempt would meet its limit again.
 */
import type { PlannedRun } from '../plan/plan.ts';

const PATTERNS = [
  /OOM when allocating/i,
  /resource.?exhausted/i,
  /CUDA_ERROR_OUT_OF_MEMORY/,
  /CU(BLAS|DNN|SOLVER|SPARSE)_STATUS_ALLOC_FAILED/,
  // TensorFlow's words, and CUDA's, when the libraries found no room for their own workspaces.
  /without BLAS support/i,
  /failed to create cublas handle/i,
  /CU(BLAS|DNN)_STATUS_NOT_INITIALIZED/,
  // TensorFlow's words when the copy of a tensor to the card found no room.
  /Dst tensor is not initialized/,
  /ERROR_OUT_OF_(DEVICE|HOST|POOL)_MEMORY/,
  /E_OUTOFMEMORY/,
  /out of (\w+ )?memory/i,
  /std::bad_alloc/,
  /Array buffer allocation failed/,
];

const HEAP = /JavaScript heap out of memory/;

/** Whether `text`, an error's message or a worker's last output, says that memory ran out. */
export const isOutOfMemory = (text: string): boolean =>
  !HEAP.test(text) && PATTERNS.some((pattern) => pattern.test(text));

/** Where a run found no memory, for people. */
export const memoryOf = (device: string | null): string => device ?? 'this machine';

/** What to change when a run does not fit although nothing else of the sweep ran on the device. */
export function memoryAdvice({ spec, memory_bytes }: PlannedRun, device: string | null): string {
  const tokens = spec.batch_size * spec.model.n_ctx;
  const others = device === null ? '--workers' : '--slots-per-device';
  return (
    `it ran alone on ${memoryOf(device)} and needs at least ${Math.ceil(memory_bytes / 2 ** 20)} MiB; lower ` +
    `train.batch_tokens (${tokens} tokens a step now) or the model's size, or end other programs there; where several ` +
    `runs end so, lower ${others} too`
  );
}

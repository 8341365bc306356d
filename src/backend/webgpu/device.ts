/** @file The GPU device, made by us so that its limits, its errors and its loss are ours to see. Dawn reports an error
 * in a shader or a full memory only as an event, some time after the call: the first one is kept, and a device that has
 * failed is not used again.
 */
import type { FoundAdapter } from './adapter.ts';

/** Limits that big tensors need, raised to what the adapter has. Storage buffers stay at 8: every adapter has them. */
const RAISED = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const;
const RAISED_FOR_TFJS = [
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Characters of an error that are kept: Dawn's come with the source. */
const MESSAGE_LENGTH = 600;

let failure: string | null = null;
let num_dispatches = 0;

/** Why the device can no longer be trusted, or null while all is well. */
export const deviceFailure = (): string | null => failure;

/** Compute dispatches recorded by this process, tfjs's and ours. */
export const numDispatches = (): number => num_dispatches;

/** A device on the adapter. An adapter gives one device only: ask for a new adapter to have another. */
export async function openDevice({ adapter, name }: FoundAdapter): Promise<GPUDevice> {
  const limits = [...RAISED, ...RAISED_FOR_TFJS].map((limit) => [limit, adapter.limits[limit]]);
  const device = await adapter.requestDevice({ requiredLimits: Object.fromEntries(limits) });
  device.addEventListener('uncapturederror', (event) => {
    // Else Dawn prints it to the terminal as well.
    event.preventDefault();
    failure ??= describeError(name, event.error);
  });
  void device.lost.then(({ reason, message }) => {
    failure ??= `the GPU device was lost (${name}, ${reason}): ${message.trim()}; the run goes on from its last checkpoint when it is started again`;
  });
  countDispatches();
  return device;
}

/** What Dawn says of a buffer above the device's limit when it is made, and, where that is larger, when it is bound. */
const TOO_LARGE = [
  /size \((\d+)\) exceeds the max buffer size limit \((\d+)\)/,
  /Binding size \((\d+)\) of .* is larger than the maximum .*binding size \((\d+)\)/,
];

/** Dawn's words without its own source lines. */
function describeError(name: string, error: GPUError): string {
  const [words = ''] = error.message.trim().split(/\n[^\S\n]+at /);
  if (error.constructor.name === 'GPUOutOfMemoryError') return `out of GPU memory (${name}): ${words.split('\n')[0]}`;
  const [, asked, most] = TOO_LARGE.map((pattern) => pattern.exec(words)).find((found) => found !== null) ?? [];
  if (asked !== undefined) {
    return `a tensor of ${asked} bytes is too large for the GPU device (${name}): at most ${most}; lower train.batch_tokens or the model's size`;
  }
  return `error of the GPU device (${name}): ${words.replace(/\s+/g, ' ').slice(0, MESSAGE_LENGTH)}`;
}

/** Counts at the call that every dispatch goes through. */
function countDispatches(): void {
  const pass = GPUComputePassEncoder.prototype as unknown as { dispatchWorkgroups: (...args: number[]) => void };
  const { dispatchWorkgroups } = pass;
  if ('isCounted' in dispatchWorkgroups) return;
  const counted = function (this: object, ...args: number[]) {
    num_dispatches++;
    dispatchWorkgroups.apply(this, args);
  };
  pass.dispatchWorkgroups = Object.assign(counted, { isCounted: true });
}

/** @file How the native backend's kernels are written and registered: functions of tensor infos and attributes.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../../tf.ts';
import type { NativeBackend } from './memory.ts';

/** The name under which tfjs knows the backend. */
export const NATIVE = 'native';

export type Infos = Record<string, TensorInfo>;
// biome-ignore lint/suspicious/noExplicitAny: every tfjs kernel has attributes of its own
export type Attrs = Record<string, any>;

/** A kernel's work: reads its inputs and returns new tensors. */
export type Run = (backend: NativeBackend, inputs: Infos, attrs: Attrs) => TensorInfo | TensorInfo[];

/** Registers kernels by name for the native backend. */
export function registerNative(kernels: Record<string, Run>): void {
  for (const [kernelName, run] of Object.entries(kernels)) {
    if (tf.getKernel(kernelName, NATIVE)) continue;
    tf.registerKernel({
      kernelName,
      backendName: NATIVE,
      kernelFunc: ({ inputs, backend, attrs }) =>
        run(backend as unknown as NativeBackend, inputs as Infos, (attrs ?? {}) as Attrs),
    });
  }
}

/** Number of elements of a shape. */
export const sizeOf = (shape: number[]): number => {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
};

/** Throws naming `kernel`, the rule and every shape when `holds` is false. */
export function requireThat(holds: boolean, kernel: string, rule: string, inputs: Infos): void {
  if (holds) return;
  const shapes = Object.entries(inputs).map(([name, t]) => `${name} ${t.dtype} [${t.shape.join(', ')}]`);
  throw new Error(`${kernel}: ${rule}, got ${shapes.join(', ')}`);
}

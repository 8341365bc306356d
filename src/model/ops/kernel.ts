/** @file How an op calls its kernel: whichever of the composed and the fused one the backend has registered. */
import type { KernelAttrs, KernelInputs, KernelName } from '../../kernels.ts';
import { tf } from '../../tf.ts';

/** Runs kernel `name` on the current backend and returns its outputs in the order of `kernels.ts`. */
export function runOp(name: KernelName, inputs: KernelInputs, attrs: KernelAttrs = {}): tf.Tensor[] {
  const out = tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor | tf.Tensor[];
  return Array.isArray(out) ? out : [out];
}

/** Whether `t` has exactly the shape `dims`. */
export function hasShape(t: tf.Tensor, ...dims: (number | undefined)[]): boolean {
  return t.rank === dims.length && dims.every((dim, i) => t.shape[i] === dim);
}

/** Throws naming `kernel`, the rule and every shape when `holds` is false. */
export function requireShapes(holds: boolean, kernel: KernelName, rule: string, inputs: KernelInputs): void {
  if (holds) return;
  const shapes = Object.entries(inputs).map(([name, t]) => `${name} [${t.shape.join(', ')}]`);
  throw new Error(`${kernel}: ${rule}, got ${shapes.join(', ')}`);
}

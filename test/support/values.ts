/** @file Reads tensors as every backend can be read: later, not at once (WebGPU has no other way). */
import { tf } from '../../src/tf.ts';

/** Tensors in arrays and records, and the numbers they hold in the same places. */
export type Values<T> = T extends tf.Tensor ? Float32Array : { [K in keyof T]: Values<T[K]> };

async function read(x: unknown): Promise<unknown> {
  if (x instanceof tf.Tensor) return (await x.data()).slice();
  const entries: [string, unknown][] = [];
  for (const [name, value] of Object.entries(x as object)) entries.push([name, await read(value)]);
  return Array.isArray(x) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

/** The values of the tensors that `make` gives; frees them and all that was made on the way. */
export async function valuesOf<T>(make: () => T): Promise<Values<T>> {
  const tensors = tf.tidy(make as () => tf.TensorContainer);
  try {
    return (await read(tensors)) as Values<T>;
  } finally {
    tf.dispose(tensors);
  }
}

/** The values of tensors that stay. */
export const peek = async <T>(tensors: T): Promise<Values<T>> => (await read(tensors)) as Values<T>;

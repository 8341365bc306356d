/** @file CUDA's libraries that lie in wheels beside TensorFlow's and that TensorFlow itself does not find. It gives the GPU
 * up unless it can open all of CUDA's parts by name, and opens them from libtensorflow_framework, whose search path in
 * 2.21 has no entry for cusolver. Loaded before it, cusolver is found.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The files to load before the binding to TensorFlow's `library` folder; none where CUDA is not in wheels beside it. */
export function missedLibraries(library: string): string[] {
  const folder = path.join(library, '../nvidia/cusolver/lib');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => /^libcusolver\.so\.\d+$/.test(name)).map((name) => path.join(folder, name));
}

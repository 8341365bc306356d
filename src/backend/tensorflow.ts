/** @file The `cuda` and `tensorflow` backends: TensorFlow's kernels through @tensorflow/tfjs-node-gpu.
 * The package is installed without its native library (its download is large and serves few), so this backend
 * is available only where that library has been added. tfjs-node 4.22 calls `util` functions that newer
 * versions of Node no longer have; they are put back before it loads.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import { tf } from '../tf.ts';

const PACKAGE = '@tensorflow/tfjs-node-gpu';
const require = createRequire(import.meta.url);

/** Null where the backend can start, else why not and what to do. */
export async function findTensorflow({ needs_gpu }: { needs_gpu: boolean }): Promise<string | null> {
  let root: string;
  try {
    root = path.dirname(require.resolve(`${PACKAGE}/package.json`));
  } catch {
    return `package ${PACKAGE} is not installed; run npm install --include=optional`;
  }
  const lib = path.join(root, 'lib');
  const has_binding =
    existsSync(lib) && readdirSync(lib).some((dir) => existsSync(path.join(lib, dir, 'tfjs_binding.node')));
  if (!has_binding) {
    return `the native library of ${PACKAGE} is not there; run npm rebuild ${PACKAGE} --ignore-scripts=false where its download is reachable`;
  }
  if (needs_gpu && !existsSync('/proc/driver/nvidia/version')) return 'no NVIDIA driver was found';
  return null;
}

/** Loads the binding and makes it tfjs's current backend; returns tfjs's name for it. */
export async function startTensorflow(): Promise<string> {
  const old = util as unknown as Record<string, unknown>;
  old['isNullOrUndefined'] ??= (x: unknown) => x === null || x === undefined;
  old['isArray'] ??= Array.isArray;
  await import('@tensorflow/tfjs-node-gpu');
  if (!(await tf.setBackend('tensorflow'))) throw new Error('tfjs could not start its tensorflow backend');
  return 'tensorflow';
}

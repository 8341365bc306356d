/** @file The install step: builds the native kernels where a compiler is there, and never fails the install.
 * Prints one line: what was built, or why not and what runs in its place.
 */
import { buildAddon } from './build.ts';

try {
  const start = performance.now();
  const result = await buildAddon();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if ('library' in result) console.log(`native kernels: ready (${seconds} s)`);
  else console.log(`native kernels: not built, the wasm backend is used: ${result.reason.split('\n')[0]}`);
} catch (error) {
  console.log(`native kernels: not built, the wasm backend is used: ${(error as Error).message.split('\n')[0]}`);
}

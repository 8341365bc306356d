/** @file The `wasm` backend: tfjs's WebAssembly backend on one thread, with SIMD kernels of our own (`kernels/`) for
 * every operation of the model. Available wherever Node runs; without SIMD the composed operations run.
 */
import '@tensorflow/tfjs-backend-wasm';
import { registerKernels } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { causalAttentionKernels } from './causal-attention.ts';
import { crossEntropyKernels } from './cross-entropy.ts';
import { embeddingKernels } from './embedding.ts';
import { geluKernels } from './gelu.ts';
import { loadKernels } from './heap.ts';
import { layerNormKernels } from './layer-norm.ts';
import { linearKernels } from './linear.ts';
import { optimizerKernels } from './optimizer.ts';

const ourKernels = [
  linearKernels,
  layerNormKernels,
  geluKernels,
  causalAttentionKernels,
  embeddingKernels,
  crossEntropyKernels,
  optimizerKernels,
].flat();

/** Starts tfjs's wasm backend and, where the machine has SIMD, registers our kernels on it; returns tfjs's name. */
export async function startWasm(): Promise<string> {
  // With threads tfjs shares its memory, onto which our kernels do not link. In Node it never does.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs could not start its wasm backend');
  await tf.ready();
  if (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) {
    await loadKernels();
    registerKernels(ourKernels, 'wasm');
  }
  return 'wasm';
}

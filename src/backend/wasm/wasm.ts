/** @file The `wasm` backend: tfjs's WebAssembly kernels, SIMD, one thread in Node, with our own kernels for the
 * operations that they do slowly. Available wherever Node runs.
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

/** Starts tfjs's wasm backend and registers our kernels on it; returns the tfjs backend's name. */
export async function startWasm(): Promise<string> {
  registerKernels(
    [
      linearKernels,
      layerNormKernels,
      geluKernels,
      causalAttentionKernels,
      embeddingKernels,
      crossEntropyKernels,
      optimizerKernels,
    ].flat(),
    'wasm',
  );
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs could not start its wasm backend');
  await tf.ready();
  await loadKernels();
  return 'wasm';
}

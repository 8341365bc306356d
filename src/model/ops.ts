/** @file Registers the block and the operations it is made of as tfjs kernels for one backend.
 * Call it once after the backend has started; fused kernels that the backend brought stay.
 */
import { registerKernels } from '../kernels.ts';
import { blockKernels } from './block.ts';
import { causalAttentionKernels } from './ops/causal-attention.ts';
import { crossEntropyKernels } from './ops/cross-entropy.ts';
import { embeddingKernels } from './ops/embedding.ts';
import { geluKernels } from './ops/gelu.ts';
import { globalNormKernels } from './ops/global-norm.ts';
import { headLossKernels } from './ops/head-loss.ts';
import { layerNormKernels } from './ops/layer-norm.ts';
import { linearKernels } from './ops/linear.ts';

/** Every composed kernel, in the order of `kernels.ts`; AdamW's composed form is no kernel. */
const composedKernels = [
  linearKernels,
  layerNormKernels,
  geluKernels,
  causalAttentionKernels,
  embeddingKernels,
  crossEntropyKernels,
  headLossKernels,
  globalNormKernels,
  blockKernels,
].flat();

/** Makes the model's operations runnable on the tfjs backend `backendName`. */
export function registerOps(backendName: string): void {
  registerKernels(composedKernels, backendName);
}

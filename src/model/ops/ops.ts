/** @file Registers the operations of this folder as tfjs kernels for one backend.
 * Call it once after the backend has started; fused kernels that the backend brought stay.
 */
import { registerKernels } from '../../kernels.ts';
import { causalAttentionKernels } from './causal-attention.ts';
import { crossEntropyKernels } from './cross-entropy.ts';
import { embeddingKernels } from './embedding.ts';
import { geluKernels } from './gelu.ts';
import { globalNormKernels } from './global-norm.ts';
import { headLossKernels } from './head-loss.ts';
import { joinedKernels } from './joined.ts';
import { layerNormKernels } from './layer-norm.ts';
import { linearKernels } from './linear.ts';

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
  joinedKernels,
].flat();

/** Makes the model's operations runnable on the tfjs backend `backendName`. */
export function registerOps(backendName: string): void {
  registerKernels(composedKernels, backendName);
}

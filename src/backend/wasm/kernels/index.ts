/** @file What the module exports. It works on memory that it imports, that of the tfjs backend, and has none of its
 * own: no data, no allocation. Arguments are byte addresses of float32 (token ids: int32) values, then counts.
 * Rebuild with `npm run build:wasm`; the binary is committed.
 */
export { adamw, sumOfSquares } from './adamw';
export { attention, attentionGrad, attentionScratch } from './attention';
export { crossEntropy, crossEntropyGrad } from './cross-entropy';
export { embedding, embeddingGrad } from './embedding';
export { gelu, geluGrad } from './gelu';
export { layerNorm, layerNormGrad } from './layer-norm';
export { linear, linearGrad } from './linear';
export { productScratch } from './product';

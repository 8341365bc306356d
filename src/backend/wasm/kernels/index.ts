/** @file What the module exports. It works on memory that it imports, that of the tfjs backend, and has none of its
 * own: no data, no allocation. Pointers are byte addresses of float32 (or int32) values.
 */
export { attention, attentionGrad, attentionScratch } from './attention';
export { linear, linearGrad } from './linear';

/** @file The one door to TensorFlow.js: only this file and `backend/` import `@tensorflow/*`.
 * The union package is used, since `@tensorflow/tfjs-core` alone registers no gradients and its deep
 * imports fail in Node's ESM. Loading it costs about half a second: import this file lazily from
 * anything that may not need tensors.
 */
export * as tf from '@tensorflow/tfjs';

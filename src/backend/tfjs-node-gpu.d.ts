/** @file Stands in for the types of the optional package: npm drops it where its install step fails, and building must not
 * need it. Only its side effect is used, which is to register TensorFlow's kernels.
 */
declare module '@tensorflow/tfjs-node-gpu';

/** @file Softmax cross-entropy of rows of logits, forward and backward. Formulas: `model/ops/cross-entropy.ts`.
 * The loss is summed in float64; its logarithm is the host's `Math.log`, one a row.
 */
import { exp4, loadLanes, maxLanes, storeLanes, sumLanes } from './vector';

@external('env', 'log')
declare function log(x: f64): f64;

/** Writes the mean loss and the probabilities `p_mv`. Returns the first row whose target is not in 0 .. v-1, else -1. */
export function crossEntropy(logits: usize, targets: usize, loss: usize, p: usize, m: i32, v: i32): i32 {
  let total: f64 = 0;
  for (let r = 0; r < m; r++) {
    const target = load<i32>(targets + (r << 2));
    if (<u32>target >= <u32>v) return r;
    let largest = f32x4.splat(-Infinity);
    for (let c = 0; c < v; c += 4) largest = f32x4.pmax(largest, loadLanes(logits + (c << 2), v - c, -Infinity));
    const shift = maxLanes(largest);
    let sums = f32x4.splat(0);
    for (let c = 0; c < v; c += 4) {
      const power = exp4(f32x4.sub(loadLanes(logits + (c << 2), v - c, -Infinity), f32x4.splat(shift)));
      sums = f32x4.add(sums, power);
      storeLanes(p + (c << 2), v - c, power);
    }
    const sum = sumLanes(sums);
    const norm = f32x4.splat(1 / sum);
    for (let c = 0; c < v; c += 4) {
      storeLanes(p + (c << 2), v - c, f32x4.mul(loadLanes(p + (c << 2), v - c, 0), norm));
    }
    total += <f64>shift + log(sum) - <f64>load<f32>(logits + (target << 2));
    logits += (<usize>v) << 2;
    p += (<usize>v) << 2;
  }
  store<f32>(loss, <f32>(total / <f64>m));
  return -1;
}

/** `dz = (p - onehot(target)) / m`. Returns as the forward pass does. */
export function crossEntropyGrad(p: usize, targets: usize, dz: usize, m: i32, v: i32): i32 {
  const share: f32 = 1 / <f32>m;
  const n = m * v;
  for (let i = 0; i < n; i += 4) {
    storeLanes(dz + (i << 2), n - i, f32x4.mul(loadLanes(p + (i << 2), n - i, 0), f32x4.splat(share)));
  }
  for (let r = 0; r < m; r++) {
    const target = load<i32>(targets + (r << 2));
    if (<u32>target >= <u32>v) return r;
    const at = dz + ((r * v + target) << 2);
    store<f32>(at, load<f32>(at) - share);
  }
  return -1;
}

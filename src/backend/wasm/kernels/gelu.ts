/** @file GELU in the tanh form and its gradient, elementwise: `y = x s`, `s = 1 / (1 + exp(-2u))`.
 * Formulas: `model/ops/gelu.ts`.
 */
import { EXP_MAX, exp4, loadLanes, storeLanes } from './vector';

/** 2 sqrt(2 / pi) */
@inline const SCALE: f32 = 1.5957691216057308;
@inline const CUBIC: f32 = 0.044715;

/** sigmoid(2u) from x and x^2. */
@inline function gate(x: v128, square: v128): v128 {
  const slope = f32x4.add(f32x4.mul(square, f32x4.splat(-SCALE * CUBIC)), f32x4.splat(-SCALE));
  // This order of pmin's operands keeps NaN.
  const power = exp4(f32x4.pmin(f32x4.mul(x, slope), f32x4.splat(EXP_MAX)));
  return f32x4.div(f32x4.splat(1), f32x4.add(power, f32x4.splat(1)));
}

/** `y = x sigmoid(2u)` for `n` numbers. */
export function gelu(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const v = loadLanes(x + (i << 2), n - i, 0);
    storeLanes(y + (i << 2), n - i, f32x4.mul(v, gate(v, f32x4.mul(v, v))));
  }
}

/** `dx = dy s (1 + x (1 - s) 2u')` for `n` numbers. */
export function geluGrad(dy: usize, x: usize, dx: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const v = loadLanes(x + (i << 2), n - i, 0);
    const square = f32x4.mul(v, v);
    const s = gate(v, square);
    const slope = f32x4.add(f32x4.mul(square, f32x4.splat(3 * SCALE * CUBIC)), f32x4.splat(SCALE));
    const rest = f32x4.mul(f32x4.mul(v, slope), f32x4.sub(f32x4.splat(1), s));
    const slopeOfAll = f32x4.mul(s, f32x4.add(rest, f32x4.splat(1)));
    storeLanes(dx + (i << 2), n - i, f32x4.mul(loadLanes(dy + (i << 2), n - i, 0), slopeOfAll));
  }
}

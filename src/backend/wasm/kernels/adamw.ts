/** @file AdamW on one parameter and the sum of squares of one gradient, arithmetic in float64 as two lanes.
 * Formulas: `model/ops/adamw.ts`; the caller folds bias correction and clip into its arguments.
 */

/** Two numbers at `p` as float64, or one and 0. */
@inline function loadPair(p: usize, left: i32): v128 {
  return f64x2.promote_low_f32x4(left >= 2 ? v128.load_zero<u64>(p) : v128.load_zero<f32>(p));
}

@inline function storePair(p: usize, left: i32, v: v128): void {
  const narrow = f32x4.demote_f64x2_zero(v);
  if (left >= 2) v128.store_lane<u64>(p, narrow, 0);
  else v128.store_lane<f32>(p, narrow, 0);
}

/** One step: with `g' = clip g`: `m <- beta1 m + (1 - beta1) g'`, `v <- beta2 v + (1 - beta2) g'^2`,
 * `p <- keep p - rate m / (sqrt(correction2 v) + eps)`. */
export function adamw(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  n: i32,
  beta1: f64,
  beta2: f64,
  rate: f64,
  correction2: f64,
  eps: f64,
  clip: f64,
  keep: f64,
): void {
  for (let i = 0; i < n; i += 2) {
    const at = i << 2;
    const left = n - i;
    const gradient = f64x2.mul(loadPair(g + at, left), f64x2.splat(clip));
    const first = f64x2.add(
      f64x2.mul(f64x2.splat(beta1), loadPair(m + at, left)),
      f64x2.mul(f64x2.splat(1 - beta1), gradient),
    );
    const second = f64x2.add(
      f64x2.mul(f64x2.splat(beta2), loadPair(v + at, left)),
      f64x2.mul(f64x2.splat(1 - beta2), f64x2.mul(gradient, gradient)),
    );
    const root = f64x2.add(f64x2.sqrt(f64x2.mul(second, f64x2.splat(correction2))), f64x2.splat(eps));
    const update = f64x2.div(f64x2.mul(f64x2.splat(rate), first), root);
    storePair(m + at, left, first);
    storePair(v + at, left, second);
    storePair(p + at, left, f64x2.sub(f64x2.mul(f64x2.splat(keep), loadPair(p + at, left)), update));
  }
}

/** `sum_i g_i^2` over `n` numbers. */
export function sumOfSquares(g: usize, n: i32): f64 {
  let even = f64x2.splat(0);
  let odd = even;
  for (let i = 0; i < n; i += 4) {
    const first = loadPair(g + (i << 2), n - i);
    even = f64x2.add(even, f64x2.mul(first, first));
    if (n - i <= 2) break;
    const second = loadPair(g + (i << 2) + 8, n - i - 2);
    odd = f64x2.add(odd, f64x2.mul(second, second));
  }
  const both = f64x2.add(even, odd);
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

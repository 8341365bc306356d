/** @file Vectors of four float32: partial loads and stores for the end of a row, sums over lanes, float64, and exp.
 * `exp4` is Cephes' expf (S. Moshier): x = n ln 2 + r, a polynomial of degree 5 in r, 2^n by its exponent bits. Its
 * error is below 2 units in the last place; results under the smallest normal number are 0, so that softmax never
 * meets the slow subnormals. NaN goes through.
 */

@inline const LOG2_E: f32 = 1.44269504088896341;
/** ln 2 in two parts: the first has few bits, so that n times it is exact. */
@inline const LN2_HIGH: f32 = 0.693359375;
@inline const LN2_LOW: f32 = -2.12194440e-4;
/** Added and taken away it rounds to an integer, which the low bits of the sum then hold. */
@inline const ROUNDER: f32 = 12582912.0;
/** ln of the smallest normal float32. */
@inline const EXP_MIN: f32 = -87.33654;
/** The largest argument that `exp4` takes; there it gives infinity, as it does from 88.4 on. */
@inline export const EXP_MAX: f32 = 89.0;

/** exp of four numbers up to EXP_MAX. */
@inline export function exp4(x: v128): v128 {
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(LOG2_E)), f32x4.splat(ROUNDER));
  const n = f32x4.sub(shifted, f32x4.splat(ROUNDER));
  const rest = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  const r = f32x4.sub(rest, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  // Pairs of terms first (Estrin): the chain of dependent operations is what takes the time.
  const r2 = f32x4.mul(r, r);
  const high = f32x4.add(f32x4.mul(r, f32x4.splat(1.9875691500e-4)), f32x4.splat(1.3981999507e-3));
  const middle = f32x4.add(f32x4.mul(r, f32x4.splat(8.3334519073e-3)), f32x4.splat(4.1665795894e-2));
  const low = f32x4.add(f32x4.mul(r, f32x4.splat(1.6666665459e-1)), f32x4.splat(5.0000001201e-1));
  const tail = f32x4.add(low, f32x4.mul(r2, f32x4.add(middle, f32x4.mul(r2, high))));
  const p = f32x4.add(f32x4.add(r, f32x4.splat(1)), f32x4.mul(r2, tail));
  const power = i32x4.add(i32x4.shl(shifted, 23), f32x4.splat(1));
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, f32x4.splat(EXP_MIN)));
}

/** Up to four numbers at `p`, of which `left` are there; `fill` in the other lanes. */
@inline export function loadLanes(p: usize, left: i32, fill: f32): v128 {
  return left >= 4 ? v128.load(p) : loadPart(p, left, fill);
}

function loadPart(p: usize, left: i32, fill: f32): v128 {
  let v = v128.load_lane<f32>(p, f32x4.splat(fill), 0);
  if (left > 1) v = v128.load_lane<f32>(p, v, 1, 4);
  if (left > 2) v = v128.load_lane<f32>(p, v, 2, 8);
  return v;
}

/** Stores the first `left` lanes of `v`, at most four. */
@inline export function storeLanes(p: usize, left: i32, v: v128): void {
  if (left >= 4) v128.store(p, v);
  else storePart(p, left, v);
}

function storePart(p: usize, left: i32, v: v128): void {
  v128.store_lane<f32>(p, v, 0);
  if (left > 1) v128.store_lane<f32>(p, v, 1, 4);
  if (left > 2) v128.store_lane<f32>(p, v, 2, 8);
}

/** Sum of the lanes. */
@inline export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** Largest lane; where one is NaN, any of the others. Whoever needs NaN finds it in the sum that follows. */
@inline export function maxLanes(v: v128): f32 {
  const pair = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2)), 0);
}

/** Lanes 0 and 1 as float64. */
@inline export function widenLow(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** Lanes 2 and 3 as float64. */
@inline export function widenHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

/** Two pairs of float64 as four float32. */
@inline export function narrow(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** @file Vectors of four float32: partial loads and stores for the end of a row, sums over lanes, float64, and exp.
 * `exp4` is Cephes' expf (S. Moshier): x = n ln 2 + r, a polynomial of degree 5 in r, 2^n by its exponent bits. Its
 * error is below 2 units in the last place; results under the smallest normal number are 0, so that softmax never
 * meets the slow subnormals. NaN goes through.
 */

/** Where the constants of `exp4` lie, four equal lanes each: V8 (Node 20) builds every constant vector anew at each use,
 * which takes longer than the arithmetic. */
let table: usize = 0;

/** ln of the smallest normal float32. */
@inline const EXP_MIN: f32 = -87.33654;
/** The largest argument that `exp4` takes; there it gives infinity, as it does from 88.4 on. */
@inline export const EXP_MAX: f32 = 89.0;
/** Added and taken away it rounds to an integer, which the low bits of the sum then hold. */
@inline const ROUNDER: f32 = 12582912.0;

/** Bytes of the table of constants. */
export function constantsBytes(): usize {
  return 13 * 16;
}

/** Writes the table of constants to `at`, where it stays. To be called once, before any other function. */
export function writeConstants(at: usize): void {
  table = at;
  constant(0, EXP_MIN);
  constant(1, 1.44269504088896341); // 1 / ln 2
  constant(2, ROUNDER);
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  constant(3, 0.693359375);
  constant(4, -2.12194440e-4);
  constant(5, 1.9875691500e-4);
  constant(6, 1.3981999507e-3);
  constant(7, 8.3334519073e-3);
  constant(8, 4.1665795894e-2);
  constant(9, 1.6666665459e-1);
  constant(10, 5.0000001201e-1);
  constant(11, 1);
  constant(12, EXP_MAX);
}

function constant(i: i32, value: f32): void {
  v128.store(table + (i << 4), f32x4.splat(value));
}

/** The constants, to be fetched before a loop and handed to `exp4`. */
@inline export function constants(): usize {
  return table;
}

/** `min(x, EXP_MAX)`; NaN stays. */
@inline export function expRange(x: v128, k: usize): v128 {
  return f32x4.pmin(x, v128.load(k, 192));
}

/** 1 in all lanes. */
@inline export function ones(k: usize): v128 {
  return v128.load(k, 176);
}

/** exp of four numbers up to EXP_MAX; `k` is `constants()`. */
@inline export function exp4(x: v128, k: usize): v128 {
  const rounder = v128.load(k, 32);
  const one = ones(k);
  const shifted = f32x4.add(f32x4.mul(x, v128.load(k, 16)), rounder);
  const n = f32x4.sub(shifted, rounder);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, v128.load(k, 48))), f32x4.mul(n, v128.load(k, 64)));
  let p = f32x4.add(f32x4.mul(r, v128.load(k, 80)), v128.load(k, 96));
  p = f32x4.add(f32x4.mul(p, r), v128.load(k, 112));
  p = f32x4.add(f32x4.mul(p, r), v128.load(k, 128));
  p = f32x4.add(f32x4.mul(p, r), v128.load(k, 144));
  p = f32x4.add(f32x4.mul(p, r), v128.load(k, 160));
  p = f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), f32x4.add(r, one));
  const power = i32x4.add(i32x4.shl(shifted, 23), one);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, v128.load(k)));
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

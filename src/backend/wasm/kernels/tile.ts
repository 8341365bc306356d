/** @file The inner loop of every matrix product: a tile of 4 rows by 8 columns held in eight registers.
 * `c_ij = start + sum_k a_ik b_kj`, summed in the order of k, so a result depends on the shapes alone. A wider or
 * taller tile spills: WebAssembly has sixteen vector registers at most, and two go to b and one to a.
 */

/** Columns of a tile. */
export const TILE_COLS: i32 = 8;
/** Rows of a tile. */
export const TILE_ROWS: i32 = 4;

/** One tile. `a0..a3` point to the first element of each row of a; the next k is `aStep` bytes on. `b` points to 8
 * columns; the next k is `bStep` bytes on. c has rows `cStep` bytes apart. The sums start at c itself when
 * `accumulate`, else at the 8 values at `bias`, or at 0 when that is null. */
export function tile(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  k: i32,
  c: usize,
  cStep: usize,
  bias: usize,
  accumulate: bool,
): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  if (accumulate) {
    s00 = v128.load(c);
    s01 = v128.load(c, 16);
    s10 = v128.load(c + cStep);
    s11 = v128.load(c + cStep, 16);
    s20 = v128.load(c + 2 * cStep);
    s21 = v128.load(c + 2 * cStep, 16);
    s30 = v128.load(c + 3 * cStep);
    s31 = v128.load(c + 3 * cStep, 16);
  } else if (bias) {
    s00 = v128.load(bias);
    s01 = v128.load(bias, 16);
    s10 = s00;
    s11 = s01;
    s20 = s00;
    s21 = s01;
    s30 = s00;
    s31 = s01;
  }
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    b += bStep;
    let a = v128.load_splat<f32>(a0);
    a0 += aStep;
    s00 = f32x4.add(s00, f32x4.mul(a, b0));
    s01 = f32x4.add(s01, f32x4.mul(a, b1));
    a = v128.load_splat<f32>(a1);
    a1 += aStep;
    s10 = f32x4.add(s10, f32x4.mul(a, b0));
    s11 = f32x4.add(s11, f32x4.mul(a, b1));
    a = v128.load_splat<f32>(a2);
    a2 += aStep;
    s20 = f32x4.add(s20, f32x4.mul(a, b0));
    s21 = f32x4.add(s21, f32x4.mul(a, b1));
    a = v128.load_splat<f32>(a3);
    a3 += aStep;
    s30 = f32x4.add(s30, f32x4.mul(a, b0));
    s31 = f32x4.add(s31, f32x4.mul(a, b1));
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c + cStep, s10);
  v128.store(c + cStep, s11, 16);
  v128.store(c + 2 * cStep, s20);
  v128.store(c + 2 * cStep, s21, 16);
  v128.store(c + 3 * cStep, s30);
  v128.store(c + 3 * cStep, s31, 16);
}

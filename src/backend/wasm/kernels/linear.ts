/** @file Linear maps of rows, forward and backward, each one call: `y = x W + b`; `dx = dy W^T`, `dW = x^T dy`,
 * `db = sum_rows dy`. All matrices are contiguous. With `transposed`, W is [N, K].
 */
import { product } from './product';
import { loadLanes, narrow, storeLanes, widenHigh, widenLow } from './vector';

/** `y_MN = x_MK W_KN + b_N`; `b` null for no bias. */
export function linear(
  x: usize,
  w: usize,
  b: usize,
  y: usize,
  m: i32,
  k: i32,
  n: i32,
  transposed: bool,
  scratch: usize,
): void {
  const xRow = (<usize>k) << 2;
  const yRow = (<usize>n) << 2;
  const wRow = transposed ? 4 : yRow;
  const wCol = transposed ? xRow : 4;
  product(m, n, k, x, xRow, 4, w, wRow, wCol, y, yRow, b, false, scratch);
}

/** `dx_MK`, `dW` in the layout of W, `db_N` (null for no bias). */
export function linearGrad(
  dy: usize,
  x: usize,
  w: usize,
  dx: usize,
  dw: usize,
  db: usize,
  m: i32,
  k: i32,
  n: i32,
  transposed: bool,
  scratch: usize,
): void {
  const xRow = (<usize>k) << 2;
  const yRow = (<usize>n) << 2;
  const wRow = transposed ? xRow : 4;
  const wCol = transposed ? 4 : yRow;
  product(m, k, n, dy, yRow, 4, w, wRow, wCol, dx, xRow, 0, false, scratch);
  if (transposed) product(n, k, m, dy, 4, yRow, x, xRow, 4, dw, xRow, 0, false, scratch);
  else product(k, n, m, x, 4, xRow, dy, yRow, 4, dw, yRow, 0, false, scratch);
  if (db) columnSums(dy, db, m, n);
}

/** `sums_n = sum_m x_mn`, added in float64. */
function columnSums(x: usize, sums: usize, m: i32, n: i32): void {
  for (let c = 0; c < n; c += 4) {
    let low = f64x2.splat(0);
    let high = low;
    let at = x + (c << 2);
    for (let r = 0; r < m; r++) {
      const v = loadLanes(at, n - c, 0);
      low = f64x2.add(low, widenLow(v));
      high = f64x2.add(high, widenHigh(v));
      at += (<usize>n) << 2;
    }
    storeLanes(sums + (c << 2), n - c, narrow(low, high));
  }
}

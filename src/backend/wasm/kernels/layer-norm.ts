/** @file LayerNorm of rows, forward and backward. Formulas: `model/ops/layer-norm.ts`. Sums over a row in float32
 * lanes, sums over rows (of gain and bias) in float64.
 */
import { loadLanes, narrow, storeLanes, sumLanes, widenHigh, widenLow } from './vector';

/** `y = g (x - mean) rstd + b` for rows of `x_md`; also writes mean and rstd of each row. */
export function layerNorm(
  x: usize,
  g: usize,
  b: usize,
  y: usize,
  mean: usize,
  rstd: usize,
  m: i32,
  d: i32,
  eps: f32,
): void {
  const row = (<usize>d) << 2;
  for (let r = 0; r < m; r++) {
    let sum = f32x4.splat(0);
    for (let c = 0; c < d; c += 4) sum = f32x4.add(sum, loadLanes(x + (c << 2), d - c, 0));
    const mu = sumLanes(sum) / <f32>d;
    const mus = f32x4.splat(mu);
    let square = f32x4.splat(0);
    for (let c = 0; c < d; c += 4) {
      const e = f32x4.sub(loadLanes(x + (c << 2), d - c, mu), mus);
      square = f32x4.add(square, f32x4.mul(e, e));
    }
    const scale: f32 = 1 / Mathf.sqrt(sumLanes(square) / <f32>d + eps);
    const scales = f32x4.splat(scale);
    for (let c = 0; c < d; c += 4) {
      const h = f32x4.mul(f32x4.sub(loadLanes(x + (c << 2), d - c, mu), mus), scales);
      const gain = f32x4.mul(h, loadLanes(g + (c << 2), d - c, 0));
      storeLanes(y + (c << 2), d - c, f32x4.add(gain, loadLanes(b + (c << 2), d - c, 0)));
    }
    store<f32>(mean + (r << 2), mu);
    store<f32>(rstd + (r << 2), scale);
    x += row;
    y += row;
  }
}

/** dx, dg and db from dy, the inputs and what the forward pass wrote. */
export function layerNormGrad(
  dy: usize,
  x: usize,
  g: usize,
  mean: usize,
  rstd: usize,
  dx: usize,
  dg: usize,
  db: usize,
  m: i32,
  d: i32,
): void {
  for (let c = 0; c < d; c += 4) gainAndBiasGrad(dy, x, mean, rstd, dg, db, m, d, c);
  const row = (<usize>d) << 2;
  const share = f32x4.splat(1 / <f32>d);
  for (let r = 0; r < m; r++) {
    const mu = load<f32>(mean + (r << 2));
    const mus = f32x4.splat(mu);
    const scales = f32x4.splat(load<f32>(rstd + (r << 2)));
    let sum = f32x4.splat(0);
    let dot = f32x4.splat(0);
    for (let c = 0; c < d; c += 4) {
      const h = f32x4.mul(f32x4.sub(loadLanes(x + (c << 2), d - c, mu), mus), scales);
      const e = f32x4.mul(loadLanes(dy + (c << 2), d - c, 0), loadLanes(g + (c << 2), d - c, 0));
      sum = f32x4.add(sum, e);
      dot = f32x4.add(dot, f32x4.mul(e, h));
    }
    const meanE = f32x4.mul(f32x4.splat(sumLanes(sum)), share);
    const meanEH = f32x4.mul(f32x4.splat(sumLanes(dot)), share);
    for (let c = 0; c < d; c += 4) {
      const h = f32x4.mul(f32x4.sub(loadLanes(x + (c << 2), d - c, mu), mus), scales);
      const e = f32x4.mul(loadLanes(dy + (c << 2), d - c, 0), loadLanes(g + (c << 2), d - c, 0));
      const inner = f32x4.sub(f32x4.sub(e, meanE), f32x4.mul(h, meanEH));
      storeLanes(dx + (c << 2), d - c, f32x4.mul(scales, inner));
    }
    x += row;
    dy += row;
    dx += row;
  }
}

/** `dg = sum_rows dy h`, `db = sum_rows dy` for the four columns from `c` on. */
function gainAndBiasGrad(
  dy: usize,
  x: usize,
  mean: usize,
  rstd: usize,
  dg: usize,
  db: usize,
  m: i32,
  d: i32,
  c: i32,
): void {
  let gainLow = f64x2.splat(0);
  let gainHigh = gainLow;
  let biasLow = gainLow;
  let biasHigh = gainLow;
  const at = c << 2;
  for (let r = 0; r < m; r++) {
    const centred = f32x4.sub(loadLanes(x + at, d - c, 0), v128.load_splat<f32>(mean + (r << 2)));
    const h = f32x4.mul(centred, v128.load_splat<f32>(rstd + (r << 2)));
    const v = loadLanes(dy + at, d - c, 0);
    const gain = f32x4.mul(v, h);
    gainLow = f64x2.add(gainLow, widenLow(gain));
    gainHigh = f64x2.add(gainHigh, widenHigh(gain));
    biasLow = f64x2.add(biasLow, widenLow(v));
    biasHigh = f64x2.add(biasHigh, widenHigh(v));
    x += (<usize>d) << 2;
    dy += (<usize>d) << 2;
  }
  storeLanes(dg + at, d - c, narrow(gainLow, gainHigh));
  storeLanes(db + at, d - c, narrow(biasLow, biasHigh));
}

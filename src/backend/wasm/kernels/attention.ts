/** @file Causal attention of all sequences and heads in one call, forward and backward, straight from rows [B T, H E].
 * Only tiles that touch the causal half are computed. P, the probabilities, is kept for the backward pass with rows
 * padded to whole tiles; beyond the last tile of a strip of four queries its contents are undefined.
 * Formulas: `model/ops/causal-attention.ts`.
 */
import { anyTile, EDGE_BYTES, packPanel, PANEL_STEP } from './product';
import { TILE_COLS, TILE_ROWS } from './tile';
import { exp4, maxLanes, sumLanes } from './vector';

@inline function wholeTiles(n: i32): i32 {
  return (n + TILE_COLS - 1) & -TILE_COLS;
}

/** Packs k rows of `cols` contiguous columns into panels, one after the other. */
function packRows(panels: usize, x: usize, xRow: usize, k: i32, cols: i32): void {
  for (let j = 0; j < cols; j += TILE_COLS) {
    packPanel(panels, x + (j << 2), xRow, 4, k, min(TILE_COLS, cols - j));
    panels += k * PANEL_STEP;
  }
}

/** Packs the transpose of `cols` rows of k contiguous numbers into panels, one after the other. */
function packTransposed(panels: usize, x: usize, xRow: usize, k: i32, cols: i32): void {
  for (let j = 0; j < cols; j += TILE_COLS) {
    packPanel(panels, x + j * xRow, 4, xRow, k, min(TILE_COLS, cols - j));
    panels += k * PANEL_STEP;
  }
}

/** Dot products of the four rows from `row` on (fewer at the end) with all keys up to the last of them: whole tiles
 * of `scores`, whose rows are padded. `panels` holds the transposed keys. */
function causalStrip(
  rows: i32,
  row: i32,
  d: i32,
  x: usize,
  xRow: usize,
  panels: usize,
  scores: usize,
  sRow: usize,
  scratch: usize,
): void {
  for (let j = 0; j < row + rows; j += TILE_COLS) {
    const to = scores + (j << 2);
    anyTile(rows, TILE_COLS, d, x, xRow, 4, panels, PANEL_STEP, to, sRow, 0, false, scratch);
    panels += d * PANEL_STEP;
  }
}

/** `softmax(scale s)` over the first `n` of a padded row, in place; 0 up to the next whole tile. */
function softmaxRow(s: usize, n: i32, scale: f32): void {
  const end = wholeTiles(n);
  for (let c = n; c < end; c++) store<f32>(s + (c << 2), -Infinity);
  let largest = v128.load(s);
  for (let c = 4; c < end; c += 4) largest = f32x4.pmax(largest, v128.load(s + (c << 2)));
  const shift = f32x4.splat(maxLanes(largest));
  const scales = f32x4.splat(scale);
  let total = f32x4.splat(0);
  for (let c = 0; c < end; c += 4) {
    const p = exp4(f32x4.mul(f32x4.sub(v128.load(s + (c << 2)), shift), scales));
    v128.store(s + (c << 2), p);
    total = f32x4.add(total, p);
  }
  const norm = f32x4.splat(1 / sumLanes(total));
  for (let c = 0; c < end; c += 4) v128.store(s + (c << 2), f32x4.mul(v128.load(s + (c << 2)), norm));
}

/** `dP <- P (dP - sum P dP) scale` over the first `n` of a padded row, in place; 0 up to the next whole tile. */
function softmaxRowGrad(dp: usize, p: usize, n: i32, scale: f32): void {
  const end = wholeTiles(n);
  // P is 0 there already, but 0 times what the tile left could be NaN.
  for (let c = n; c < end; c++) store<f32>(dp + (c << 2), 0);
  let dot = f32x4.splat(0);
  for (let c = 0; c < end; c += 4) {
    dot = f32x4.add(dot, f32x4.mul(v128.load(p + (c << 2)), v128.load(dp + (c << 2))));
  }
  const mean = f32x4.splat(sumLanes(dot));
  const scales = f32x4.splat(scale);
  for (let c = 0; c < end; c += 4) {
    const weight = f32x4.mul(v128.load(p + (c << 2)), scales);
    v128.store(dp + (c << 2), f32x4.mul(weight, f32x4.sub(v128.load(dp + (c << 2)), mean)));
  }
}

/** Rows of `y_td = sum_s a_ts x_sd`, four from c on, over `k` of s: a tile for each panel of x. */
function stripProduct(
  rows: i32,
  d: i32,
  k: i32,
  a: usize,
  aRow: usize,
  aStep: usize,
  panels: usize,
  panelBytes: usize,
  c: usize,
  cRow: usize,
  scratch: usize,
): void {
  for (let j = 0; j < d; j += TILE_COLS) {
    anyTile(rows, d - j, k, a, aRow, aStep, panels, PANEL_STEP, c + (j << 2), cRow, 0, false, scratch);
    panels += panelBytes;
  }
}

/** Bytes of one operand of a head in panels, with room for either orientation. */
@inline function packedBytes(t: i32, d: i32): usize {
  return (<usize>(wholeTiles(t) * wholeTiles(d))) << 2;
}

/** Bytes of scratch that both passes need, for context `t` and head size `d`. */
export function attentionScratch(t: i32, d: i32): usize {
  return EDGE_BYTES + 4 * packedBytes(t, d) + ((<usize>(t * wholeTiles(t))) << 2);
}

/** Forward pass of `num_seqs` sequences of `t` tokens, `num_heads` heads of size `d`: writes y and P. */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  y: usize,
  p: usize,
  num_seqs: i32,
  t: i32,
  num_heads: i32,
  d: i32,
  scratch: usize,
): void {
  const xRow = (<usize>(num_heads * d)) << 2;
  const pRow = (<usize>wholeTiles(t)) << 2;
  const scale: f32 = 1 / Mathf.sqrt(<f32>d);
  const keys = scratch + EDGE_BYTES;
  const values = keys + packedBytes(t, d);
  for (let head = 0; head < num_seqs * num_heads; head++) {
    const at = (head / num_heads) * t * xRow + (((head % num_heads) * d) << 2);
    packTransposed(keys, k + at, xRow, d, t);
    packRows(values, v + at, xRow, t, d);
    for (let i = 0; i < t; i += TILE_ROWS) {
      const rows = min(TILE_ROWS, t - i);
      const from = at + i * xRow;
      causalStrip(rows, i, d, q + from, xRow, keys, p, pRow, scratch);
      for (let r = 0; r < rows; r++) softmaxRow(p + r * pRow, i + r + 1, scale);
      stripProduct(rows, d, i + rows, p, pRow, 4, values, t * PANEL_STEP, y + from, xRow, scratch);
      p += rows * pRow;
    }
  }
}

/** Backward pass: dq, dk, dv from dy, the inputs and P. */
export function attentionGrad(
  dy: usize,
  q: usize,
  k: usize,
  v: usize,
  p: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  num_seqs: i32,
  t: i32,
  num_heads: i32,
  d: i32,
  scratch: usize,
): void {
  const xRow = (<usize>(num_heads * d)) << 2;
  const pRow = (<usize>wholeTiles(t)) << 2;
  const scale: f32 = 1 / Mathf.sqrt(<f32>d);
  const panelBytes = t * PANEL_STEP;
  const values = scratch + EDGE_BYTES;
  const keys = values + packedBytes(t, d);
  const queries = keys + packedBytes(t, d);
  const outputs = queries + packedBytes(t, d);
  const ds = outputs + packedBytes(t, d);
  for (let head = 0; head < num_seqs * num_heads; head++) {
    const at = (head / num_heads) * t * xRow + (((head % num_heads) * d) << 2);
    packTransposed(values, v + at, xRow, d, t);
    packRows(keys, k + at, xRow, t, d);
    packRows(queries, q + at, xRow, t, d);
    packRows(outputs, dy + at, xRow, t, d);
    for (let i = 0; i < t; i += TILE_ROWS) {
      const rows = min(TILE_ROWS, t - i);
      const from = at + i * xRow;
      const strip = ds + i * pRow;
      causalStrip(rows, i, d, dy + from, xRow, values, strip, pRow, scratch);
      for (let r = 0; r < rows; r++) softmaxRowGrad(strip + r * pRow, p + (i + r) * pRow, i + r + 1, scale);
      stripProduct(rows, d, i + rows, strip, pRow, 4, keys, panelBytes, dq + from, xRow, scratch);
    }
    // Keys and values from i on are seen by the queries from i on only.
    for (let i = 0; i < t; i += TILE_ROWS) {
      const rows = min(TILE_ROWS, t - i);
      const to = at + i * xRow;
      const corner = i * pRow + (i << 2);
      stripProduct(rows, d, t - i, ds + corner, 4, pRow, queries + i * PANEL_STEP, panelBytes, dk + to, xRow, scratch);
      stripProduct(rows, d, t - i, p + corner, 4, pRow, outputs + i * PANEL_STEP, panelBytes, dv + to, xRow, scratch);
    }
    p += t * pRow;
  }
}

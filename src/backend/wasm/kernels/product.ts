/** @file Matrix products of any layout on `tile`: `C = A B`, `A^T B`, `A B^T`, by strides, with bias or accumulation.
 * Blocks of 256 rows and 256 steps of k keep A in the second-level cache; a panel of 8 columns of B stays in the first.
 * B is packed into such panels where its columns are not contiguous or many rows share the work of packing; A is read
 * where it lies. All strides are in bytes.
 * Scratch: a tile and a bias for the edges, then one panel (Goto & van de Geijn 2008, without the packing of A).
 */
import { TILE_COLS, TILE_ROWS, tile } from './tile';

const ROW_BLOCK: i32 = 256;
const K_BLOCK: i32 = 256;
/** Rows from which on packing contiguous columns pays. */
const PACK_ROWS: i32 = 64;

const EDGE_BIAS: usize = 128;
/** Bytes at the start of the scratch that edges use. */
export const EDGE_BYTES: usize = 256;
/** Bytes of a packed row of a panel. */
export const PANEL_STEP: usize = 32;
/** Bytes of scratch that `product` needs. */
export function productScratch(): usize {
  return EDGE_BYTES + K_BLOCK * PANEL_STEP;
}

/** Copies `cols` columns of b, `k` long, into a panel: row after row of 8 numbers, 0 where there is no column. */
export function packPanel(panel: usize, b: usize, bRow: usize, bCol: usize, k: i32, cols: i32): void {
  if (cols == TILE_COLS && bCol == 4) {
    for (; k > 0; k--) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      panel += PANEL_STEP;
      b += bRow;
    }
    return;
  }
  if (cols == TILE_COLS && bRow == 4) {
    for (; k >= 4; k -= 4) {
      transposeFour(panel, b, bCol);
      transposeFour(panel + 16, b + 4 * bCol, bCol);
      panel += 4 * PANEL_STEP;
      b += 16;
    }
  }
  for (; k > 0; k--) {
    for (let j = 0; j < TILE_COLS; j++) {
      store<f32>(panel + (j << 2), j < cols ? load<f32>(b + j * bCol) : 0);
    }
    panel += PANEL_STEP;
    b += bRow;
  }
}

/** Four columns, each contiguous over four k, to four rows of a panel. */
function transposeFour(panel: usize, b: usize, bCol: usize): void {
  const c0 = v128.load(b);
  const c1 = v128.load(b + bCol);
  const c2 = v128.load(b + 2 * bCol);
  const c3 = v128.load(b + 3 * bCol);
  const low01 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  v128.store(panel, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(panel, v128.shuffle<i64>(low01, low23, 1, 3), PANEL_STEP);
  v128.store(panel, v128.shuffle<i64>(high01, high23, 0, 2), 2 * PANEL_STEP);
  v128.store(panel, v128.shuffle<i64>(high01, high23, 1, 3), 3 * PANEL_STEP);
}

/** `rows` x `cols` of c, at most a tile: whole ones in place, others in the scratch, so that nothing outside c is
 * read or written. `bStep` is that of `tile`; b has 8 columns always. */
export function anyTile(
  rows: i32,
  cols: i32,
  k: i32,
  a: usize,
  aRow: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cRow: usize,
  bias: usize,
  accumulate: bool,
  scratch: usize,
): void {
  if (rows >= TILE_ROWS && cols >= TILE_COLS) {
    tile(a, a + aRow, a + 2 * aRow, a + 3 * aRow, aStep, b, bStep, k, c, cRow, bias, accumulate);
    return;
  }
  rows = min(rows, TILE_ROWS);
  cols = min(cols, TILE_COLS);
  if (accumulate) copyTile(scratch, PANEL_STEP, c, cRow, rows, cols);
  if (bias) copyTile(scratch + EDGE_BIAS, PANEL_STEP, bias, 0, 1, cols);
  // Rows that are not there repeat the last one; their results are dropped.
  const a1 = a + (rows > 1 ? aRow : 0);
  const a2 = a1 + (rows > 2 ? aRow : 0);
  const a3 = a2 + (rows > 3 ? aRow : 0);
  tile(a, a1, a2, a3, aStep, b, bStep, k, scratch, PANEL_STEP, bias ? scratch + EDGE_BIAS : 0, accumulate);
  copyTile(c, cRow, scratch, PANEL_STEP, rows, cols);
}

function copyTile(to: usize, toRow: usize, from: usize, fromRow: usize, rows: i32, cols: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) store<f32>(to + (j << 2), load<f32>(from + (j << 2)));
    to += toRow;
    from += fromRow;
  }
}

/** `C_mn = A_mk B_kn (+ bias_n | + C)`. c has rows `cRow` apart and contiguous columns; so has either b or its
 * transpose. `scratch` has `productScratch` bytes. */
export function product(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: usize,
  aCol: usize,
  b: usize,
  bRow: usize,
  bCol: usize,
  c: usize,
  cRow: usize,
  bias: usize,
  accumulate: bool,
  scratch: usize,
): void {
  const panel = scratch + EDGE_BYTES;
  for (let i0 = 0; i0 < m; i0 += ROW_BLOCK) {
    const iEnd = min(i0 + ROW_BLOCK, m);
    for (let k0 = 0; k0 < k; k0 += K_BLOCK) {
      const depth = min(K_BLOCK, k - k0);
      const adds = accumulate || k0 > 0;
      for (let j = 0; j < n; j += TILE_COLS) {
        let at = b + k0 * bRow + j * bCol;
        let step = bRow;
        if (bCol != 4 || n - j < TILE_COLS || iEnd - i0 >= PACK_ROWS) {
          packPanel(panel, at, bRow, bCol, depth, min(TILE_COLS, n - j));
          at = panel;
          step = PANEL_STEP;
        }
        const start = bias && !adds ? bias + (j << 2) : 0;
        for (let i = i0; i < iEnd; i += TILE_ROWS) {
          const from = a + i * aRow + k0 * aCol;
          const to = c + i * cRow + (j << 2);
          anyTile(iEnd - i, n - j, depth, from, aRow, aCol, at, step, to, cRow, start, adds, scratch);
        }
      }
    }
  }
}

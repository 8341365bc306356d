/** @file Token plus position embedding: rows copied and added, and their gradient added back in the order of the rows.
 */
import { loadLanes, storeLanes } from './vector';

/** `x_m = wte[token_m] + wpe[m mod t]`. Returns the first row whose token is not in 0 .. vocab-1, else -1. */
export function embedding(
  tokens: usize,
  wte: usize,
  wpe: usize,
  x: usize,
  m: i32,
  t: i32,
  d: i32,
  vocab: i32,
): i32 {
  const row = (<usize>d) << 2;
  for (let r = 0; r < m; r++) {
    const token = load<i32>(tokens + (r << 2));
    if (<u32>token >= <u32>vocab) return r;
    const from = wte + token * row;
    const position = wpe + (r % t) * row;
    for (let c = 0; c < d; c += 4) {
      const sum = f32x4.add(loadLanes(from + (c << 2), d - c, 0), loadLanes(position + (c << 2), d - c, 0));
      storeLanes(x + (c << 2), d - c, sum);
    }
    x += row;
  }
  return -1;
}

/** Adds `dx_md` to the rows of its tokens in `dwte` and of its places in `dwpe`, which start at 0. Returns as above. */
export function embeddingGrad(
  dx: usize,
  tokens: usize,
  dwte: usize,
  dwpe: usize,
  m: i32,
  t: i32,
  d: i32,
  vocab: i32,
): i32 {
  const row = (<usize>d) << 2;
  memory.fill(dwte, 0, vocab * row);
  memory.fill(dwpe, 0, t * row);
  for (let r = 0; r < m; r++) {
    const token = load<i32>(tokens + (r << 2));
    if (<u32>token >= <u32>vocab) return r;
    addRow(dwte + token * row, dx, d);
    addRow(dwpe + (r % t) * row, dx, d);
    dx += row;
  }
  return -1;
}

function addRow(to: usize, from: usize, d: i32): void {
  for (let c = 0; c < d; c += 4) {
    const sum = f32x4.add(loadLanes(to + (c << 2), d - c, 0), loadLanes(from + (c << 2), d - c, 0));
    storeLanes(to + (c << 2), d - c, sum);
  }
}

/** @file Matrix products in WGSL, tile by tile: a workgroup makes a tile of the output, a thread 4 x 4 of its values, the
 * operands pass through workgroup memory. Several products with a common operand, or with a common sum, are one
 * dispatch, and what follows a product (bias, residual, GELU) is done where its values are stored. Where the output has
 * few tiles the sum over k is shared out among four parts of the workgroup and added up in a fixed order.
 */
import type { tf } from '../../tf.ts';
import { dispatch } from './program.ts';

/** A stored matrix [rows, cols], or its transpose. */
export interface Operand {
  tensors: tf.Tensor[];
  transposed?: boolean;
}

export interface Product {
  /** What the epilogue does; determines it. Default: stores. */
  name?: string;
  /** `y_MN = sum_j a_j b_j`: one output, as many `b` as `a`. Or `y_j = a b_j`: one `a`, as many outputs as `b`. */
  a: Operand;
  b: Operand;
  y: tf.Tensor[];
  /** WGSL that stores `value` at element `i` (row `row`, column `col`) of output `j`; it may use the names below. */
  epilogue?: string;
  /** WGSL functions for the epilogue. */
  functions?: string;
  reads?: Record<string, tf.Tensor>;
  writes?: Record<string, tf.Tensor>;
}

/** Below this number of 32 x 32 tiles the sum over k is shared out; from FULL tiles of 64 x 64 on, those are used. */
const FEW_TILES = 512;
const FULL_TILES = 512;
/** Steps of k held in workgroup memory at a time. */
const CHUNK = 16;

const dims = ({ tensors, transposed }: Operand): [number, number] => {
  const [rows, cols] = tensors[0]!.shape as [number, number];
  return transposed ? [cols, rows] : [rows, cols];
};

/** Computes `product` into its outputs. */
export function multiply({ name = 'store', a, b, y, epilogue, functions = '', reads, writes }: Product): void {
  const [m, inner] = dims(a);
  const [, n] = dims(b);
  const [num_a, num_b, num_y] = [a.tensors.length, b.tensors.length, y.length];
  const columns = num_y * n;
  const tiles = (size: number) => Math.ceil(m / size) * Math.ceil(columns / size);
  const side = tiles(64) >= FULL_TILES ? 16 : 8;
  const slices = side === 8 && tiles(32) < FEW_TILES && num_a * inner >= 8 * CHUNK ? 4 : 1;
  const tile = 4 * side;
  const layout = `${a.transposed ? 't' : 'n'}${b.transposed ? 't' : 'n'}`;
  dispatch({
    name: `product ${name} ${layout} ${num_a},${num_b},${num_y} ${side}x${slices}`,
    sizes: { M: m, N: n, K: inner },
    code: () => {
      const store = epilogue ?? choose(num_y, (j) => `y${j}[i] = value;`);
      return [
        functions,
        loads(a, b, num_y),
        `fn store(row: u32, column: u32, value: f32) {
          ${num_y > 1 ? 'let j = column / sizes.N; let col = column % sizes.N;' : 'let col = column;'}
          let i = row * sizes.N + col;
          ${store}
        }`,
        body({ side, slices, num_a, columns: `${num_y}u * sizes.N`, a, b }),
      ].join('\n');
    },
    reads: { ...named('a', a.tensors), ...named('b', b.tensors), ...reads },
    writes: { ...named('y', y), ...writes },
    groups: [Math.ceil(columns / tile), Math.ceil(m / tile)],
  });
}

const named = (name: string, tensors: tf.Tensor[]) => Object.fromEntries(tensors.map((t, i) => [`${name}${i}`, t]));

/** WGSL that runs `of(j)` for the value of `j`, 0 .. num-1. */
function choose(num: number, of: (j: number) => string): string {
  if (num === 1) return of(0);
  const cases = Array.from({ length: num - 1 }, (_, j) => `case ${j}u: { ${of(j)} }`);
  return `switch (j) { ${cases.join(' ')} default: { ${of(num - 1)} } }`;
}

/** Element (row, k) of the operand a, element (k, column) of b, both inside their bounds. */
function loads(a: Operand, b: Operand, num_y: number): string {
  const [num_a, num_b] = [a.tensors.length, b.tensors.length];
  const inSum = num_a > 1;
  const aIndex = a.transposed ? 'kk * sizes.M + row' : 'row * sizes.K + kk';
  const bIndex = b.transposed ? 'col * sizes.K + kk' : 'kk * sizes.N + col';
  return `
  fn load_a(row: u32, k: u32) -> f32 {
    ${inSum ? 'let j = k / sizes.K; let kk = k % sizes.K;' : 'let kk = k;'}
    ${choose(num_a, (j) => `return a${j}[${aIndex}];`)}
  }
  fn load_b(k: u32, column: u32) -> f32 {
    ${inSum ? 'let j = k / sizes.K; let kk = k % sizes.K; let col = column;' : ''}
    ${!inSum && num_y > 1 ? 'let j = column / sizes.N; let kk = k; let col = column % sizes.N;' : ''}
    ${!inSum && num_y === 1 ? 'let kk = k; let col = column;' : ''}
    ${choose(num_b, (j) => `return b${j}[${bIndex}];`)}
  }`;
}

interface Body {
  side: number;
  slices: number;
  num_a: number;
  columns: string;
  a: Operand;
  b: Operand;
}

/** The tiles. Threads that are neighbours load values that are neighbours in memory. */
function body({ side, slices, num_a, columns, a, b }: Body): string {
  const tile = 4 * side;
  const lanes = side * side;
  const loadsEach = (tile * CHUNK) / lanes;
  const place = (along_k: boolean) =>
    along_k ? `let k = e % ${CHUNK}u; let x = e / ${CHUNK}u;` : `let k = e / ${tile}u; let x = e % ${tile}u;`;
  const load = (operand: 'a' | 'b', along_k: boolean) => `
    for (var l = 0u; l < ${loadsEach}u; l++) {
      let e = lane + l * ${lanes}u;
      ${place(along_k)}
      var value = 0.0;
      ${operand === 'a' ? 'if (row0 + x < m && k0 + k < k_end) { value = load_a(row0 + x, k0 + k); }' : ''}
      ${operand === 'b' ? 'if (col0 + x < columns && k0 + k < k_end) { value = load_b(k0 + k, col0 + x); }' : ''}
      memory[${operand === 'a' ? 'a_base' : 'b_base'} + k * ${tile}u + x] = value;
    }`;
  const four = [0, 1, 2, 3];
  const slice = slices > 1;
  return `
  // First the tiles of a, then those of b; at the end the sums of all slices but the first.
  var<workgroup> memory: array<f32, ${Math.max(2 * slices * CHUNK, (slices - 1) * tile) * tile}>;
  @compute @workgroup_size(${slices * lanes})
  fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = index / ${lanes}u;
    let lane = index % ${lanes}u;
    let ty = 4u * (lane / ${side}u);
    let tx = 4u * (lane % ${side}u);
    let row0 = group.y * ${tile}u;
    let col0 = group.x * ${tile}u;
    let m = sizes.M;
    let columns = ${columns};
    let k_end = ${num_a}u * sizes.K;
    let a_base = slice * ${CHUNK * tile}u;
    let b_base = a_base + ${slices * CHUNK * tile}u;
    ${four.map((i) => `var acc${i} = vec4<f32>();`).join(' ')}
    for (var start = 0u; start < k_end; start += ${CHUNK * slices}u) {
      let k0 = start + slice * ${CHUNK}u;
      ${load('a', !a.transposed)}
      ${load('b', b.transposed === true)}
      workgroupBarrier();
      for (var k = 0u; k < ${CHUNK}u; k++) {
        let left = a_base + k * ${tile}u + ty;
        let at = b_base + k * ${tile}u + tx;
        let right = vec4<f32>(${four.map((i) => `memory[at + ${i}u]`).join(', ')});
        ${four.map((i) => `acc${i} += memory[left + ${i}u] * right;`).join('\n        ')}
      }
      workgroupBarrier();
    }
    ${slice ? addSlices(slices, lanes) : ''}
    if (slice == 0u) {
      ${four.map((i) => four.map((c) => `if (row0 + ty + ${i}u < m && col0 + tx + ${c}u < columns) { store(row0 + ty + ${i}u, col0 + tx + ${c}u, acc${i}[${c}]); }`).join('\n      ')).join('\n      ')}
    }
  }`;
}

/** Adds the sums of the other slices to those of slice 0, one after the other. */
function addSlices(slices: number, lanes: number): string {
  const parts = Array.from({ length: 16 }, (_, i) => i);
  const others = Array.from({ length: slices - 1 }, (_, i) => i);
  const place = (s: string, i: number) => `memory[${s} * ${16 * lanes}u + lane + ${i * lanes}u]`;
  return `
    if (slice > 0u) { ${parts.map((i) => `${place('(slice - 1u)', i)} = acc${i >> 2}[${i & 3}];`).join(' ')} }
    workgroupBarrier();
    if (slice == 0u) {
      ${others.map((s) => parts.map((i) => `acc${i >> 2}[${i & 3}] += ${place(`${s}u`, i)};`).join(' ')).join('\n      ')}
    }`;
}

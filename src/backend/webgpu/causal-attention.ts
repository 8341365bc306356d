/** @file Causal attention on webgpu: one dispatch forward, two backward. A thread has a query (for dk and dv: a key) in
 * registers and goes through the keys (queries) in tiles of workgroup memory, softmax as it goes (Milakov & Gimelshein
 * 2018, arXiv 1805.02867); no [T, T] matrix is ever stored. `saved` is log-sum-exp of a query's scores, [B, H, T].
 * Vectors of a head are padded to fours with zeros.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { LabError } from '../../lib/errors.ts';
import type { tf } from '../../tf.ts';
import { NAN_SAFE } from './not-a-number.ts';
import { dispatch, empty } from './program.ts';

export interface AttentionShape {
  n_ctx: number;
  n_head: number;
}

/** Queries or keys of a workgroup, one a thread. */
const THREADS = 32;
/** Values of a head at most: a thread holds several of its vectors in registers, and has about as many. assumption */
const MAX_HEAD = 256;
/** Bytes of workgroup memory that tiles may take. */
const TILE_BYTES = 12_288;

interface Sizes {
  sizes: Record<string, number>;
  /** Vectors of four that a head's vector takes. */
  fours: number;
  /** Keys or queries of a tile. */
  tile: number;
  blocks: number;
  heads: number;
}

function sizesOf(x: tf.Tensor, { n_ctx, n_head }: AttentionShape): Sizes {
  const [m, d] = x.shape as [number, number];
  const e = d / n_head;
  if (e > MAX_HEAD) {
    const rule = `heads are ${e} wide, and attention on webgpu takes at most ${MAX_HEAD}`;
    throw new LabError(
      'usage',
      `invalid n_head: ${n_head} for d_model ${d}: ${rule}; raise it, or use another backend`,
    );
  }
  const fours = Math.ceil(e / 4);
  const tile = Math.max(1, Math.min(THREADS, Math.floor(TILE_BYTES / (2 * 16 * fours))));
  const sizes = { T: n_ctx, H: n_head, E: e };
  return { sizes, fours, tile, blocks: Math.ceil(n_ctx / THREADS), heads: (m / n_ctx) * n_head };
}

const times = (num: number, of: (i: number) => string, separator = '\n') =>
  Array.from({ length: num }, (_, i) => of(i)).join(separator);

/** Places in rows [B T, H E], reading with zeros beyond the head, and the loading of a tile of two tensors. */
const prelude = ({ fours }: Sizes) => `${NAN_SAFE}
fn at(head: u32, t: u32) -> u32 { return ((head / sizes.H) * sizes.T + t) * sizes.H * sizes.E + (head % sizes.H) * sizes.E; }
const FOURS = ${fours}u;`;

/** WGSL function reading the four values `c .. c+3` of the vector at `i` of `name`. */
const reader = (name: string) => `
fn read_${name}(i: u32, c: u32) -> vec4<f32> {
  var four = vec4<f32>();
  if (c < sizes.E) { four.x = ${name}[i + c]; }
  if (c + 1u < sizes.E) { four.y = ${name}[i + c + 1u]; }
  if (c + 2u < sizes.E) { four.z = ${name}[i + c + 2u]; }
  if (c + 3u < sizes.E) { four.w = ${name}[i + c + 3u]; }
  return four;
}`;

/** WGSL statements that store the vectors `name0, name1, ...` times `factor` at `i` of `out`. */
const writer = ({ fours }: Sizes, out: string, name: string, factor: string) =>
  times(4 * fours, (c) => {
    const store = `${out}[i + ${c}u] = ${name}${Math.floor(c / 4)}[${c % 4}] * ${factor};`;
    return `if (${c}u < sizes.E) { ${store} }`;
  });

const registers = (fours: number, name: string, of: (f: number) => string) =>
  times(fours, (f) => `var ${name}${f} = ${of(f)};`);

const dot = (fours: number, name: string, tile: string) =>
  times(fours, (f) => `dot(${name}${f}, ${tile}[s * FOURS + ${f}u])`, ' + ');

/** The two tiles `first_tile` and `second_tile` filled with the vectors from `start` on; both barriers included. */
const fill = (tile: number, first: string, second: string) => `
    workgroupBarrier();
    for (var e = lane; e < ${tile}u * FOURS; e += ${THREADS}u) {
      let t_tile = start + e / FOURS;
      if (t_tile < sizes.T) {
        first_tile[e] = read_${first}(at(head, t_tile), 4u * (e % FOURS));
        second_tile[e] = read_${second}(at(head, t_tile), 4u * (e % FOURS));
      }
    }
    workgroupBarrier();`;

const tiles = ({ tile, fours }: Sizes) => `
var<workgroup> first_tile: array<vec4<f32>, ${tile * fours}>;
var<workgroup> second_tile: array<vec4<f32>, ${tile * fours}>;`;

/** `head`: sequence and head; `t`: this thread's query or key. */
const main = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let blocks = (sizes.T + ${THREADS - 1}u) / ${THREADS}u;
  let head = flat(group) / blocks;
  let block = flat(group) % blocks;
  let t = block * ${THREADS}u + lane;
  if (head * sizes.T >= arrayLength(&q) / sizes.E) { return; }
  let scale = 1.0 / sqrt(f32(sizes.E));
  let is_in = t < sizes.T;
  let i = at(head, min(t, sizes.T - 1u));`;

const forward = (s: Sizes) => `${prelude(s)}${reader('q')}${reader('k')}${reader('v')}${tiles(s)}${main}
  ${registers(s.fours, 'query', (f) => `read_q(i, ${4 * f}u) * scale`)}
  ${registers(s.fours, 'sum', () => 'vec4<f32>()')}
  var largest = -3.4e38;
  var total = 0.0;
  for (var start = 0u; start < min(sizes.T, (block + 1u) * ${THREADS}u); start += ${s.tile}u) {
    ${fill(s.tile, 'k', 'v')}
    for (var s = 0u; s < ${s.tile}u; s++) {
      if (start + s <= t && is_in) {
        let score = ${dot(s.fours, 'query', 'first_tile')};
        let next = max(largest, score);
        let shrink = exp_of(largest - next);
        let weight = exp_of(score - next);
        largest = next;
        total = total * shrink + weight;
        ${times(s.fours, (f) => `sum${f} = sum${f} * shrink + weight * second_tile[s * FOURS + ${f}u];`)}
      }
    }
  }
  if (is_in) {
    let share = 1.0 / total;
    ${writer(s, 'y', 'sum', 'share')}
    lse[head * sizes.T + t] = largest + log_of(total);
  }
}`;

/** dq, and `delta = dy . y` for the other program. */
const queryGradient = (s: Sizes) => `${prelude(s)}${['q', 'k', 'v', 'y', 'dy'].map(reader).join('')}${tiles(s)}${main}
  ${registers(s.fours, 'query', (f) => `read_q(i, ${4 * f}u) * scale`)}
  ${registers(s.fours, 'grad', (f) => `read_dy(i, ${4 * f}u)`)}
  ${registers(s.fours, 'sum', () => 'vec4<f32>()')}
  let own = ${times(s.fours, (f) => `dot(grad${f}, read_y(i, ${4 * f}u))`, ' + ')};
  let own_lse = lse[head * sizes.T + min(t, sizes.T - 1u)];
  for (var start = 0u; start < min(sizes.T, (block + 1u) * ${THREADS}u); start += ${s.tile}u) {
    ${fill(s.tile, 'k', 'v')}
    for (var s = 0u; s < ${s.tile}u; s++) {
      if (start + s <= t && is_in) {
        let p = exp_of(${dot(s.fours, 'query', 'first_tile')} - own_lse);
        let ds = p * (${dot(s.fours, 'grad', 'second_tile')} - own);
        ${times(s.fours, (f) => `sum${f} += ds * first_tile[s * FOURS + ${f}u];`)}
      }
    }
  }
  if (is_in) {
    ${writer(s, 'dq', 'sum', 'scale')}
    delta[head * sizes.T + t] = own;
  }
}`;

const keyGradients = (s: Sizes) => `${prelude(s)}${['q', 'k', 'v', 'dy'].map(reader).join('')}${tiles(s)}${main}
  ${registers(s.fours, 'key', (f) => `read_k(i, ${4 * f}u) * scale`)}
  ${registers(s.fours, 'value', (f) => `read_v(i, ${4 * f}u)`)}
  ${registers(s.fours, 'dkey', () => 'vec4<f32>()')}
  ${registers(s.fours, 'dvalue', () => 'vec4<f32>()')}
  for (var start = block * ${THREADS}u; start < sizes.T; start += ${s.tile}u) {
    ${fill(s.tile, 'q', 'dy')}
    for (var s = 0u; s < ${s.tile}u; s++) {
      let query = start + s;
      if (query >= t && query < sizes.T) {
        let p = exp_of(${dot(s.fours, 'key', 'first_tile')} - lse[head * sizes.T + query]);
        let ds = p * (${dot(s.fours, 'value', 'second_tile')} - delta[head * sizes.T + query]);
        ${times(s.fours, (f) => `dvalue${f} += p * second_tile[s * FOURS + ${f}u];`)}
        ${times(s.fours, (f) => `dkey${f} += ds * first_tile[s * FOURS + ${f}u];`)}
      }
    }
  }
  if (is_in) {
    ${writer(s, 'dk', 'dkey', 'scale')}
    ${writer(s, 'dv', 'dvalue', '1.0')}
  }
}`;

/** Output rows, and what the backward pass keeps of the softmax. */
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, shape: AttentionShape): [tf.Tensor, tf.Tensor] {
  const s = sizesOf(q, shape);
  const [y, lse] = [empty(q.shape), empty([s.heads, shape.n_ctx])];
  const [reads, writes] = [
    { q, k, v },
    { y, lse },
  ];
  dispatch({
    name: `attention ${s.fours}`,
    sizes: s.sizes,
    code: () => forward(s),
    reads,
    writes,
    groups: [s.heads * s.blocks],
  });
  return [y, lse];
}

/** Gradients of q, k and v. */
export function attendGrad(
  dy: tf.Tensor,
  { q, k, v, y, lse }: Record<'q' | 'k' | 'v' | 'y' | 'lse', tf.Tensor>,
  shape: AttentionShape,
): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const s = sizesOf(q, shape);
  const [dq, dk, dv, delta] = [empty(q.shape), empty(q.shape), empty(q.shape), empty(lse.shape)];
  const common = { sizes: s.sizes, groups: [s.heads * s.blocks] as [number] };
  dispatch({
    name: `attention dq ${s.fours}`,
    code: () => queryGradient(s),
    reads: { q, k, v, y, dy, lse },
    writes: { dq, delta },
    ...common,
  });
  dispatch({
    name: `attention dk dv ${s.fours}`,
    code: () => keyGradients(s),
    reads: { q, k, v, dy, lse, delta },
    writes: { dk, dv },
    ...common,
  });
  delta.dispose();
  return [dq, dk, dv];
}

export const causalAttentionKernels: LabKernel[] = [
  {
    name: KERNEL.causalAttention,
    run: ({ q, k, v }, attrs) => attend(q!, k!, v!, attrs as unknown as AttentionShape),
  },
  {
    name: KERNEL.causalAttentionGrad,
    run: ({ dy, q, k, v, y, saved }, attrs) =>
      attendGrad(dy!, { q: q!, k: k!, v: v!, y: y!, lse: saved! }, attrs as unknown as AttentionShape),
  },
];

/** @file Embedding on webgpu, one dispatch each way. Backward the first workgroups make a row of dwte each: they look
 * through the tokens, some at a time, and add the rows that hit, always in the order of the batch; the others make a row
 * of dwpe. A token that is not in the vocabulary reads as NaN.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { elementwise } from './gelu.ts';
import { NAN_SAFE } from './not-a-number.ts';
import { dispatch, empty } from './program.ts';

const THREADS = 64;

const gradient = `
var<workgroup> hits: array<u32, ${THREADS}>;
var<workgroup> num_hits: atomic<u32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = flat(group);
  let num_tokens = arrayLength(&tokens);
  let vocab_size = arrayLength(&dwte) / sizes.D;
  if (row >= vocab_size) {
    let place = row - vocab_size;
    if (place >= sizes.T) { return; }
    for (var c = lane; c < sizes.D; c += ${THREADS}u) {
      var sum = 0.0;
      for (var m = place; m < num_tokens; m += sizes.T) { sum += dx[m * sizes.D + c]; }
      dwpe[place * sizes.D + c] = sum;
    }
    return;
  }
  for (var c = lane; c < sizes.D; c += ${THREADS}u) { dwte[row * sizes.D + c] = 0.0; }
  if (lane == 0u) { atomicStore(&num_hits, 0u); }
  workgroupBarrier();
  for (var start = 0u; start < num_tokens; start += ${THREADS}u) {
    let m = start + lane;
    hits[lane] = select(0u, 1u, m < num_tokens && u32(tokens[min(m, num_tokens - 1u)]) == row);
    if (hits[lane] == 1u) { atomicAdd(&num_hits, 1u); }
    workgroupBarrier();
    if (atomicLoad(&num_hits) > 0u) {
      for (var c = lane; c < sizes.D; c += ${THREADS}u) {
        var sum = dwte[row * sizes.D + c];
        for (var h = 0u; h < ${THREADS}u; h++) {
          if (hits[h] == 1u) { sum += dx[(start + h) * sizes.D + c]; }
        }
        dwte[row * sizes.D + c] = sum;
      }
    }
    workgroupBarrier();
    if (lane == 0u) { atomicStore(&num_hits, 0u); }
    workgroupBarrier();
  }
}`;

export const embeddingKernels: LabKernel[] = [
  {
    name: KERNEL.embedding,
    run: ({ tokens, wte, wpe }) => {
      const [n_ctx, d] = wpe!.shape as [number, number];
      const x = empty([tokens!.size, d]);
      const reads = { tokens: tokens!, wte: wte!, wpe: wpe! };
      const statement = `
        let token = u32(tokens[i / sizes.D]);
        let c = i % sizes.D;
        var row = nan();
        if (token < arrayLength(&wte) / sizes.D) { row = wte[token * sizes.D + c]; }
        x[i] = row + wpe[(i / sizes.D) % sizes.T * sizes.D + c];`;
      elementwise({ name: 'embedding', sizes: { D: d, T: n_ctx }, reads, writes: { x } }, statement, NAN_SAFE);
      return [x];
    },
  },
  {
    name: KERNEL.embeddingGrad,
    run: ({ dx, tokens }, attrs) => {
      const [vocab_size, n_ctx] = [attrs['vocab_size'] as number, attrs['n_ctx'] as number];
      const d = dx!.shape[1]!;
      const [dwte, dwpe] = [empty([vocab_size, d]), empty([n_ctx, d])];
      dispatch({
        name: 'embedding gradient',
        sizes: { D: d, T: n_ctx },
        code: gradient,
        reads: { dx: dx!, tokens: tokens! },
        writes: { dwte, dwpe },
        groups: [vocab_size + n_ctx],
      });
      return [dwte, dwpe];
    },
  },
];

/** @file GELU on webgpu, as WGSL functions for the epilogues of products and as kernels of its own. Formulas:
 * `model/ops/gelu.ts`.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { dispatch, empty, type Program } from './program.ts';

/** `gelu(x)` and its derivative `gelu_slope(x)`. */
export const GELU = `
const GELU_SCALE = 1.5957691216057308;
const GELU_CUBIC = ${1.5957691216057308 * 0.044715};
fn gelu_gate(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x * (GELU_CUBIC * x * x + GELU_SCALE))); }
fn gelu(x: f32) -> f32 { return x * gelu_gate(x); }
fn gelu_slope(x: f32) -> f32 {
  let s = gelu_gate(x);
  return s * (1.0 + x * (3.0 * GELU_CUBIC * x * x + GELU_SCALE) * (1.0 - s));
}`;

/** Threads of a workgroup that works element by element. */
const THREADS = 64;

/** A program that computes `y[i]` for every element of its output `y`. */
export function elementwise(
  { name, reads, writes, sizes }: Pick<Program, 'name' | 'sizes' | 'reads' | 'writes'>,
  statement: string,
  functions = '',
): void {
  const [first, y] = Object.entries(writes)[0]!;
  dispatch({
    name,
    ...(sizes && { sizes }),
    code: `${functions}
    @compute @workgroup_size(${THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
      let i = flat(group) * ${THREADS}u + lane;
      if (i < arrayLength(&${first})) { ${statement} }
    }`,
    reads,
    writes,
    groups: [Math.ceil(y.size / THREADS)],
  });
}

export const geluKernels: LabKernel[] = [
  {
    name: KERNEL.gelu,
    run: ({ x }) => {
      const y = empty(x!.shape);
      elementwise({ name: 'gelu', reads: { x: x! }, writes: { y } }, 'y[i] = gelu(x[i]);', GELU);
      return [y];
    },
  },
  {
    name: KERNEL.geluGrad,
    run: ({ dy, x }) => {
      const dx = empty(x!.shape);
      const reads = { dy: dy!, x: x! };
      elementwise({ name: 'gelu gradient', reads, writes: { dx } }, 'dx[i] = dy[i] * gelu_slope(x[i]);', GELU);
      return [dx];
    },
  },
];

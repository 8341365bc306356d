/** @file Global gradient norm and AdamW on webgpu. The norm takes seven gradients a dispatch, into partial sums that one
 * workgroup adds up; AdamW takes two parameters a dispatch, with their gradients and moments, and changes them in place.
 * The norm never leaves the device. Formulas and argument names: `model/ops/adamw.ts`.
 */
import { KERNEL, type KernelAttrs, type KernelInputs, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { bufferOf, currentBackend, dispatch, empty, MAX_BUFFERS, submit } from './program.ts';
import { rowSum } from './reduction.ts';

const THREADS = 64;
/** Workgroups, and so partial sums, of a dispatch of the norm. */
const PARTS = 64;
/** Parameters of a dispatch of AdamW: four tensors each. */
const SLOTS = MAX_BUFFERS / 4;
/** A uniform block starts at a multiple of this. */
const ALIGNMENT = 256;

const numbered = (num: number, of: (i: number) => string) => Array.from({ length: num }, (_, i) => of(i)).join('\n');

/** Partial sums of squares of `gradients` into `parts`. */
function addSquares(gradients: tf.Tensor[], parts: tf.Tensor): void {
  const num = gradients.length;
  dispatch({
    name: `squares ${num}`,
    code: `${rowSum(THREADS)}
    @compute @workgroup_size(${THREADS})
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
      let first = group.x * ${THREADS}u + lane;
      var sum = 0.0;
      ${numbered(num, (j) => `for (var i = first; i < arrayLength(&g${j}); i += ${PARTS * THREADS}u) { sum += g${j}[i] * g${j}[i]; }`)}
      let total = row_sum(sum, lane);
      if (lane == 0u) { parts[group.x] = total; }
    }`,
    reads: Object.fromEntries(gradients.map((g, j) => [`g${j}`, g])),
    writes: { parts },
    groups: [PARTS],
  });
}

/** Square root of the sum of all partial sums. */
function rootOfSum(parts: tf.Tensor[]): tf.Tensor {
  const norm = empty([]);
  const num = parts.length;
  dispatch({
    name: `root ${num}`,
    code: `${rowSum(PARTS)}
    @compute @workgroup_size(${PARTS})
    fn main(@builtin(local_invocation_index) lane: u32) {
      let total = row_sum(${Array.from({ length: num }, (_, j) => `parts${j}[lane]`).join(' + ')}, lane);
      if (lane == 0u) { norm[0] = sqrt(total); }
    }`,
    reads: Object.fromEntries(parts.map((part, j) => [`parts${j}`, part])),
    writes: { norm },
    groups: [1],
  });
  return norm;
}

/** A dispatch's hyper-parameters, in the order of `prepareUniforms`. */
const FIELDS = ['beta1', 'beta2', 'rate', 'correction2', 'eps', 'clip', 'keep0', 'keep1'];
const HYPER = `struct Hyper { ${FIELDS.map((name) => `${name}: f32`).join(', ')} }`;
/** Of a uniform struct, a multiple of 16. */
const HYPER_BYTES = 16 * Math.ceil(FIELDS.length / 4);

const updateOf = (i: number) => `
fn update${i}(i: u32, scale: f32) {
  if (i >= arrayLength(&p${i})) { return; }
  let g = g${i}[i] * scale;
  let m = hyper.beta1 * m${i}[i] + (1.0 - hyper.beta1) * g;
  let v = hyper.beta2 * v${i}[i] + (1.0 - hyper.beta2) * g * g;
  m${i}[i] = m;
  v${i}[i] = v;
  p${i}[i] = hyper.keep${i} * p${i}[i] - hyper.rate * m / (sqrt(v * hyper.correction2) + hyper.eps);
}`;

/** The uniform buffer of the current device: a block of hyper-parameters for each dispatch, after it the norm. */
let uniforms: { device: GPUDevice; buffer: GPUBuffer } | undefined;

function uniformBuffer(num_blocks: number): GPUBuffer {
  const { device } = currentBackend();
  const size = (num_blocks + 1) * ALIGNMENT;
  if (uniforms?.device !== device || uniforms.buffer.size < size) {
    const buffer = device.createBuffer({ size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    uniforms = { device, buffer };
  }
  return uniforms.buffer;
}

/** Writes the blocks, and the norm beside them on the device. What was recorded before is handed over first, since a
 * write comes before all that is not. */
function prepareUniforms(norm: tf.Tensor, hyper: Record<string, number>, num_blocks: number): GPUBuffer {
  const [beta1, beta2, step] = [hyper['beta1']!, hyper['beta2']!, hyper['step']!];
  const rate = hyper['learning_rate']! / (1 - beta1 ** step);
  const values = new Float32Array((num_blocks * ALIGNMENT) / 4);
  for (let block = 0; block < num_blocks; block++) {
    const keep = (i: number) => 1 - hyper['learning_rate']! * (hyper[`decay${SLOTS * block + i}`] ?? 0);
    const common = [beta1, beta2, rate, 1 / (1 - beta2 ** step), hyper['eps']!, hyper['grad_clip']!];
    values.set([...common, keep(0), keep(1)], (block * ALIGNMENT) / 4);
  }
  const backend = currentBackend();
  const source = bufferOf(norm);
  submit();
  const buffer = uniformBuffer(num_blocks);
  backend.queue.writeBuffer(buffer, 0, values);
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.commandEncoder!.copyBufferToBuffer(source, 0, buffer, num_blocks * ALIGNMENT, 4);
  return buffer;
}

function adamw(inputs: KernelInputs, attrs: KernelAttrs): void {
  const hyper = attrs as Record<string, number>;
  const count = hyper['count']!;
  const num_blocks = Math.ceil(count / SLOTS);
  const buffer = prepareUniforms(inputs['norm']!, hyper, num_blocks);
  for (let block = 0; block < num_blocks; block++) {
    const slots = Array.from({ length: Math.min(SLOTS, count - SLOTS * block) }, (_, i) => SLOTS * block + i);
    const tensors = (name: string) => slots.map((slot, i) => [`${name}${i}`, inputs[`${name}${slot}`]!] as const);
    const largest = Math.max(...slots.map((slot) => inputs[`p${slot}`]!.size));
    dispatch({
      name: `adamw ${slots.length}`,
      code: `${HYPER}
      ${slots.map((_, i) => updateOf(i)).join('')}
      @compute @workgroup_size(${THREADS})
      fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
        let i = flat(group) * ${THREADS}u + lane;
        var scale = 1.0;
        if (hyper.clip > 0.0 && !(norm.x <= hyper.clip)) { scale = hyper.clip / norm.x; }
        ${slots.map((_, j) => `update${j}(i, scale);`).join('\n')}
      }`,
      reads: Object.fromEntries(tensors('g')),
      writes: Object.fromEntries(['p', 'm', 'v'].flatMap(tensors)),
      uniforms: {
        hyper: { type: 'Hyper', buffer, offset: block * ALIGNMENT, size: HYPER_BYTES },
        norm: { type: 'vec4<f32>', buffer, offset: num_blocks * ALIGNMENT, size: 16 },
      },
      groups: [Math.ceil(largest / THREADS)],
    });
  }
}

export const optimizerKernels: LabKernel[] = [
  {
    name: KERNEL.globalNorm,
    run: (inputs) => {
      const gradients = Object.values(inputs);
      const per = MAX_BUFFERS - 1;
      let parts: tf.Tensor[] = [];
      for (let start = 0; start < gradients.length; start += per) {
        if (parts.length === per) parts = [foldParts(parts)];
        const part = empty([PARTS]);
        addSquares(gradients.slice(start, start + per), part);
        parts.push(part);
      }
      return [rootOfSum(parts)];
    },
  },
  {
    name: KERNEL.adamw,
    run: (inputs, attrs) => {
      adamw(inputs, attrs);
      return [];
    },
  },
];

/** Partial sums added element by element, where there are more than a program can bind. */
function foldParts(parts: tf.Tensor[]): tf.Tensor {
  const sum = empty([PARTS]);
  dispatch({
    name: `fold ${parts.length}`,
    code: `@compute @workgroup_size(${PARTS})
    fn main(@builtin(local_invocation_index) lane: u32) {
      sum[lane] = ${parts.map((_, j) => `parts${j}[lane]`).join(' + ')};
    }`,
    reads: Object.fromEntries(parts.map((part, j) => [`parts${j}`, part])),
    writes: { sum },
    groups: [1],
  });
  return sum;
}

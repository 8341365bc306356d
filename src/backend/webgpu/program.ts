/** @file Our own WGSL programs on the tensors of tfjs's webgpu backend. tfjs's `runWebGPUProgram` gives one new output a
 * program; here a program writes any number of tensors, old ones too, so that a training step takes an eighth of the
 * dispatches. Programs go into the backend's own command encoder, in one order with tfjs's. Sizes come in a uniform
 * buffer, one for each set of values, kept: no program is compiled twice, and nothing is written for a dispatch.
 */
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { LabError } from '../../lib/errors.ts';
import { tf } from '../../tf.ts';

/** Storage buffers a program may bind: what every WebGPU device has. */
export const MAX_BUFFERS = 8;

/** Workgroups a dispatch may have in one direction. */
const MAX_GROUPS = 65_535;

/** Dispatches handed to the GPU at once. */
const BATCH = 64;

/** A part of a buffer of our own, bound beside tensors. Offsets are multiples of 256. */
export interface Uniform {
  buffer: GPUBuffer;
  offset: number;
  size: number;
}

/** One dispatch. `name` must determine the code. */
export interface Program {
  name: string;
  /** What the code reads as `sizes.<name>`, u32: one program serves all shapes. */
  sizes?: Record<string, number>;
  /** WGSL with `fn main`; the tensors below are arrays by their names, f32 or, for token ids, i32. */
  code: string | (() => string);
  reads: Record<string, tf.Tensor>;
  writes: Record<string, tf.Tensor>;
  /** WGSL type and place of uniform buffers. */
  uniforms?: Record<string, Uniform & { type: string }>;
  /** Workgroups: columns and rows; a count above the limit without rows is folded, see `flat` in the code. */
  groups: [number, number?];
}

let backend: WebGPUBackend | undefined;
/** A compiled program; asking it for its layout takes microseconds each time. */
interface Compiled {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

let pipelines = new Map<string, Compiled>();
let sizeBuffers = new Map<string, GPUBuffer>();

/** Makes programs run on `started`. */
export function useBackend(started: WebGPUBackend): void {
  if (backend === started) return;
  backend = started;
  pipelines = new Map();
  sizeBuffers = new Map();
}

/** tfjs's backend in use. */
export const currentBackend = (): WebGPUBackend => backend!;

/** A tensor of `shape` with undefined contents, tracked by the current tidy. */
export function empty(shape: number[]): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(backend!.makeTensorInfo(shape, 'float32'));
}

/** The buffer of a tensor. */
export function bufferOf({ dataId }: tf.Tensor): GPUBuffer {
  backend!.uploadToGPU(dataId);
  return backend!.tensorMap.get(dataId).resource!;
}

/** The same for a program that writes it: a copy that a read has left on the CPU is no longer true. */
function writtenBufferOf(t: tf.Tensor): GPUBuffer {
  const buffer = bufferOf(t);
  backend!.tensorMap.get(t.dataId).values = null;
  return buffer;
}

/** Common to all programs: the place of a workgroup in a folded dispatch. */
const PRELUDE = `
fn flat(group: vec3<u32>) -> u32 { return group.y * ${MAX_GROUPS}u + group.x; }
`;

function sourceOf({ sizes = {}, code, reads, writes, uniforms = {} }: Program): string {
  const type = (t: tf.Tensor) => (t.dtype === 'int32' ? 'i32' : 'f32');
  const names = Object.keys(sizes);
  const declared = [
    ...Object.entries(reads).map(([name, t]) => `var<storage, read> ${name}: array<${type(t)}>;`),
    ...Object.entries(writes).map(([name, t]) => `var<storage, read_write> ${name}: array<${type(t)}>;`),
    ...Object.entries(uniforms).map(([name, { type }]) => `var<uniform> ${name}: ${type};`),
    ...(names.length > 0 ? ['var<uniform> sizes: Sizes;'] : []),
  ].map((declaration, i) => `@group(0) @binding(${i}) ${declaration}`);
  const struct = names.length > 0 ? `struct Sizes { ${names.map((name) => `${name}: u32`).join(', ')} }` : '';
  return [struct, ...declared, PRELUDE, typeof code === 'string' ? code : code()].join('\n');
}

function pipelineOf(program: Program): Compiled {
  let compiled = pipelines.get(program.name);
  if (!compiled) {
    const { device } = backend!;
    const label = program.name;
    const module = device.createShaderModule({ code: sourceOf(program), label });
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' }, label });
    compiled = { pipeline, layout: pipeline.getBindGroupLayout(0) };
    pipelines.set(label, compiled);
  }
  return compiled;
}

function sizesBuffer(values: number[]): GPUBuffer {
  const key = values.join();
  let buffer = sizeBuffers.get(key);
  if (!buffer) {
    const usage = GPUBufferUsage.UNIFORM;
    // Uniform structs are read in blocks of 16 bytes.
    const size = 16 * Math.ceil(values.length / 4);
    buffer = backend!.device.createBuffer({ size, usage, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set(values);
    buffer.unmap();
    sizeBuffers.set(key, buffer);
  }
  return buffer;
}

/** Workgroups in both directions; a count without rows is folded. Throws `usage` above the limit. */
function gridOf({ name, groups: [count, given] }: Program): [number, number] {
  const columns = given === undefined ? Math.min(count, MAX_GROUPS) : count;
  const rows = given ?? Math.ceil(count / MAX_GROUPS);
  if (columns <= MAX_GROUPS && rows <= MAX_GROUPS) return [columns, rows];
  throw new LabError(
    'usage',
    `${name} takes ${columns} x ${rows} workgroups, and a GPU ${MAX_GROUPS} in each direction; lower ` +
      "train.batch_tokens or the model's size, or use another backend",
  );
}

/** Records one dispatch. Throws `usage` where it is too large. Errors in the code come later, see `device.ts`. */
export function dispatch(program: Program): void {
  const { reads, writes, uniforms = {}, sizes } = program;
  const [columns, rows] = gridOf(program);
  const buffers = [...Object.values(reads).map(bufferOf), ...Object.values(writes).map(writtenBufferOf)];
  if (buffers.length > MAX_BUFFERS)
    throw new Error(`${program.name} binds ${buffers.length} buffers, not ${MAX_BUFFERS}`);
  const { pipeline, layout } = pipelineOf(program);
  const resources: GPUBufferBinding[] = [
    ...buffers.map((buffer) => ({ buffer })),
    ...Object.values(uniforms).map(({ buffer, offset, size }) => ({ buffer, offset, size })),
    ...(sizes ? [{ buffer: sizesBuffer(Object.values(sizes)) }] : []),
  ];
  const entries = resources.map((resource, binding) => ({ binding, resource }));
  const bindGroup = backend!.device.createBindGroup({ layout, entries });
  backend!.ensureCommandEncoderReady();
  backend!.computePassEncoder ??= backend!.commandEncoder!.beginComputePass();
  const pass = backend!.computePassEncoder;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(columns, rows);
  if (++backend!.dispatchCountInPass >= BATCH) submit();
}

/** Gives back the buffers that tfjs keeps for tensors to come. It keeps every size that ever was, for ever. */
export function freePool(): void {
  submit();
  const pool = backend!.bufferManager;
  // The lists stay: tfjs takes a size that it has seen for one that has a list.
  for (const list of pool.freeBuffers.values()) {
    for (const buffer of list.splice(0)) {
      pool.numBytesAllocated -= buffer.size;
      pool.numFreeBuffers--;
      buffer.destroy();
    }
  }
}

/** Hands all that is recorded to the GPU. */
export function submit(): void {
  if (!backend!.commandEncoder) return;
  backend!.endComputePassEncoder();
  backend!.submitQueue();
}

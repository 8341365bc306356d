/** @file TensorFlow's own operations, called by name on its own tensor handles, below tfjs's tensors: 2 to 5 microseconds
 * a call less, and no shape or axis uploaded twice. The lab's kernels for this backend are written with it.
 * Attributes that TensorFlow infers from its inputs are left out; it infers none after a list of inputs.
 */
import type { KernelAttrs, KernelInputs, KernelName, LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';

/** TensorFlow's enumerations TF_DataType and TF_AttrType, part of its C API. */
const FLOAT = 1;
const INT32 = 3;
const ATTR = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** An attribute as the binding takes it. */
export interface Attr {
  name: string;
  type: number;
  value: unknown;
}

/** A tensor in TensorFlow. */
export interface Handle {
  id: number;
  shape: number[];
  dtype: number;
}

/** What the lab calls of the N-API binding. */
export interface Binding {
  TF_Version: string;
  isUsingGpuDevice(): boolean;
  createTensor(shape: number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array;
  executeOp(name: string, attrs: Attr[], ids: number[], num_outputs: number): Handle[];
}

/** What tfjs keeps of a tensor; `values` that are not null wait to be uploaded, and `id` is then without meaning. */
export interface TensorData {
  id: number;
  shape: number[];
  dtype: number;
  values: Float32Array | null;
  refCount: number;
}

/** What the lab calls of the package's backend. */
export interface NodeBackend {
  binding: Binding;
  tensorMap: { get(dataId: object): TensorData; has(dataId: object): boolean };
  getInputTensorIds(tensors: tf.TensorInfo[]): number[];
  createOutputTensor(handle: Handle): tf.Tensor;
}

let num_ops = 0;

/** TensorFlow operations that this process has executed. */
export const numOps = (): number => num_ops;

/** The binding, counting what it executes. */
export function countingBinding(binding: Binding): Binding {
  const executeOp: Binding['executeOp'] = (...args) => {
    num_ops++;
    return binding.executeOp(...args);
  };
  return Object.create(binding, { executeOp: { value: executeOp } }) as Binding;
}

const bool = (name: string, value: boolean): Attr => ({ name, type: ATTR.bool, value });
const int = (name: string, value: number): Attr => ({ name, type: ATTR.int, value });
const type = (name: string, value: number): Attr => ({ name, type: ATTR.type, value });

const KEEP = [bool('keep_dims', true)];
const DTYPE = [type('dtype', FLOAT)];
/** A name by which TensorFlow knows that a variable belongs to its handle alone and goes with it. */
const OWN_VARIABLE: Attr[] = [
  ...DTYPE,
  { name: 'shape', type: ATTR.shape, value: [] },
  { name: 'shared_name', type: ATTR.string, value: 'cd2c89b7-88b7-44c8-ad83-06c2a9158347' },
];

/** Constants in TensorFlow, made once a process. */
const constants = new Map<string, Handle>();

/** The operations of one kernel: what they make is freed with `free`, but for what was given out. */
export class Ops {
  readonly #backend: NodeBackend;
  #temporaries: Handle[] = [];

  constructor(backend: NodeBackend) {
    this.#backend = backend;
  }

  /** The handle of a tfjs tensor. */
  of({ dataId, shape, dtype }: tf.TensorInfo): Handle {
    const [id] = this.#backend.getInputTensorIds([{ dataId, shape, dtype }]);
    return { id: id!, shape, dtype: dtype === 'int32' ? INT32 : FLOAT };
  }

  /** Executes an operation with several outputs, or none. */
  runAll(name: string, inputs: Handle[], attrs: Attr[], num_outputs: number): Handle[] {
    const ids = inputs.map(({ id }) => id);
    const outputs = this.#backend.binding.executeOp(name, attrs, ids, num_outputs);
    this.#temporaries.push(...outputs);
    return outputs;
  }

  /** Executes an operation with one output. */
  run(name: string, inputs: Handle[], attrs: Attr[] = []): Handle {
    return this.runAll(name, inputs, attrs, 1)[0]!;
  }

  /** Makes `handles` outlive `free`; they belong to the caller. */
  keep<T extends Handle[]>(handles: T): T {
    this.#temporaries = this.#temporaries.filter((handle) => !handles.includes(handle));
    return handles;
  }

  /** Frees every tensor made that was not kept. */
  free(): void {
    for (const handle of this.#temporaries) this.delete(handle);
    this.#temporaries = [];
  }

  delete({ id }: Handle): void {
    this.#backend.binding.deleteTensor(id);
  }

  read({ id }: Handle): Float32Array {
    return this.#backend.binding.tensorDataSync(id);
  }

  upload(shape: number[], values: Float32Array | Int32Array): Handle {
    const dtype = values instanceof Int32Array ? INT32 : FLOAT;
    return { id: this.#backend.binding.createTensor(shape, dtype, values), shape, dtype };
  }

  /** A tensor that stays for the life of the process, under `key`. */
  constant(key: string, make: () => Handle): Handle {
    const handle = constants.get(key) ?? make();
    constants.set(key, handle);
    return handle;
  }

  /** A number of the formulas, not one that changes from step to step. */
  number(value: number): Handle {
    return this.constant(`${value}`, () => this.upload([], Float32Array.of(value)));
  }

  /** A number that changes from step to step. */
  scalar(value: number): Handle {
    const handle = this.upload([], Float32Array.of(value));
    this.#temporaries.push(handle);
    return handle;
  }

  ints(values: number[]): Handle {
    return this.constant(`[${values}]`, () => this.upload([values.length], Int32Array.from(values)));
  }

  #int(value: number): Handle {
    return this.constant(`int ${value}`, () => this.upload([], Int32Array.of(value)));
  }

  add = (a: Handle, b: Handle): Handle => this.run('AddV2', [a, b]);
  sub = (a: Handle, b: Handle): Handle => this.run('Sub', [a, b]);
  mul = (a: Handle, b: Handle): Handle => this.run('Mul', [a, b]);
  scale = (a: Handle, by: number): Handle => this.mul(a, this.number(by));
  shift = (a: Handle, by: number): Handle => this.add(a, this.number(by));

  /** The sum over `axes`. */
  sum(x: Handle, axes: number[], { keep = false } = {}): Handle {
    return this.run('Sum', [x, this.ints(axes)], keep ? KEEP : []);
  }

  /** The mean of each row, as a column. */
  rowMean(x: Handle): Handle {
    return this.run('Mean', [x, this.ints([1])], KEEP);
  }

  matMul(a: Handle, b: Handle, { ta = false, tb = false } = {}): Handle {
    return this.run('MatMul', [a, b], [bool('transpose_a', ta), bool('transpose_b', tb)]);
  }

  /** Products of the last two dimensions. */
  batchMatMul(a: Handle, b: Handle, { ta = false, tb = false } = {}): Handle {
    return this.run('BatchMatMulV2', [a, b], [bool('adj_x', ta), bool('adj_y', tb)]);
  }

  reshape(x: Handle, shape: number[]): Handle {
    return this.run('Reshape', [x, this.ints(shape)]);
  }

  transpose(x: Handle, order: number[]): Handle {
    return this.run('Transpose', [x, this.ints(order)]);
  }

  concat(parts: Handle[], axis: number): Handle {
    if (parts.length === 1) return parts[0]!;
    const attrs = [int('N', parts.length), type('T', FLOAT), type('Tidx', INT32)];
    return this.run('ConcatV2', [...parts, this.#int(axis)], attrs);
  }

  split(x: Handle, sizes: number[], axis: number): Handle[] {
    const inputs = [x, this.ints(sizes), this.#int(axis)];
    return this.runAll('SplitV', inputs, [int('num_split', sizes.length)], sizes.length);
  }

  /** Stacks tensors of one shape along a new first dimension. */
  pack(parts: Handle[]): Handle {
    return this.run('Pack', parts, [int('N', parts.length), type('T', FLOAT), int('axis', 0)]);
  }

  /** The inverse of `pack`. */
  unpack(x: Handle, count: number): Handle[] {
    return this.runAll('Unpack', [x], [int('num', count), int('axis', 0)], count);
  }

  addN(parts: Handle[]): Handle {
    return this.run('AddN', parts, [int('N', parts.length), type('T', FLOAT)]);
  }

  /** Rows of `table` by int32 `ids`. */
  gather(table: Handle, ids: Handle): Handle {
    return this.run('GatherV2', [table, ids, this.#int(0)]);
  }

  /** For each of `count` ids the sum of its rows. */
  sumById(rows: Handle, ids: Handle, count: number): Handle {
    return this.run('UnsortedSegmentSum', [rows, ids, this.#int(count)]);
  }

  /** `value` where the column is the row's id, else 0. */
  oneHot(ids: Handle, depth: number, value: number): Handle {
    return this.run('OneHot', [ids, this.#int(depth), this.number(value), this.number(0)]);
  }

  /** A variable of TensorFlow's, holding `value`; goes when its handle is deleted. */
  variable(value: Handle): Handle {
    const variable = this.run('VarHandleOp', [], OWN_VARIABLE);
    this.runAll('AssignVariableOp', [variable, value], DTYPE, 0);
    return variable;
  }

  readVariable(variable: Handle): Handle {
    return this.run('ReadVariableOp', [variable], DTYPE);
  }
}

/** The started backend. */
export const nodeBackend = (): NodeBackend => tf.backend() as unknown as NodeBackend;

type Body = (ops: Ops, inputs: Record<string, Handle>, attrs: KernelAttrs) => Handle[];

/** A kernel of the lab in TensorFlow's operations; `body` returns its outputs. */
export function opsKernel(name: KernelName, body: Body): LabKernel {
  const run = (inputs: KernelInputs, attrs: KernelAttrs) => {
    const backend = nodeBackend();
    const ops = new Ops(backend);
    try {
      const handles: Record<string, Handle> = {};
      for (const key in inputs) handles[key] = ops.of(inputs[key]!);
      const outputs = ops.keep(body(ops, handles, attrs));
      return outputs.map((output) => backend.createOutputTensor(output));
    } finally {
      ops.free();
    }
  };
  return { name, run };
}

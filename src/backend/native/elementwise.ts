/** @file tfjs's element-by-element kernels on the native backend: unary, binary with broadcasting, comparisons,
 * logic, casts, selection, constants. Operations without a float form in the addon work through those that have.
 */
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../../tf.ts';
import { type Run, requireThat, sizeOf } from './kernel.ts';
import type { NativeBackend } from './memory.ts';

/** The addon's numbers for its operations, in the order of variant.h. */
const UNARY = 'Neg Abs Square Sqrt Rsqrt Exp Log Sigmoid Tanh Relu Reciprocal Floor IsNan'.split(' ');
const BINARY = [
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow'],
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual'],
];
const MULTIPLY = BINARY.indexOf('Multiply');
const DTYPE: Partial<Record<DataType, number>> = { int32: 0, float32: 1, bool: 2 };

/** `x` as `dtype`, a new tensor; floats are cut towards zero. */
export function cast(backend: NativeBackend, x: TensorInfo, dtype: DataType): TensorInfo {
  const y = backend.output(x.shape, dtype);
  const [from, to] = [DTYPE[x.dtype]!, DTYPE[dtype]!];
  backend.addon.cast(backend.handle(x), backend.handle(y), sizeOf(x.shape), from, to);
  return y;
}

/** Runs `work` on `x` as float32 and frees the cast. */
function asFloat(backend: NativeBackend, x: TensorInfo, work: (x: TensorInfo) => TensorInfo): TensorInfo {
  if (x.dtype === 'float32') return work(x);
  const float = cast(backend, x, 'float32');
  const y = work(float);
  backend.disposeData(float.dataId);
  return y;
}

function unary(backend: NativeBackend, op: number, x: TensorInfo, dtype: DataType): TensorInfo {
  return asFloat(backend, x, (float) => {
    const y = backend.output(x.shape, dtype);
    backend.addon.unary(op, backend.handle(float), backend.handle(y), sizeOf(x.shape));
    return y;
  });
}

/** Element strides of `shape` as it broadcasts to `out`: 0 along what is repeated. */
export function broadcastStrides(shape: number[], out: number[]): number[] {
  const strides = new Array<number>(out.length).fill(0);
  let stride = 1;
  for (let i = shape.length - 1, o = out.length - 1; i >= 0; i--, o--) {
    if (shape[i]! > 1) strides[o] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Joins neighbouring axes that all operands step through as one; keeps at least one axis. */
function joined(shape: number[], strides: number[][]): { shape: number[]; strides: number[][] } {
  const out: number[] = [];
  const steps: number[][] = strides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const last = out.length - 1;
    const isOne = last >= 0 && strides.every((s, k) => steps[k]![last] === s[i]! * shape[i]!);
    if (isOne) out[last]! *= shape[i]!;
    else out.push(shape[i]!);
    strides.forEach((s, k) => {
      steps[k]![isOne ? last : last + 1] = s[i]!;
    });
  }
  if (out.length === 0) return { shape: [1], strides: strides.map(() => [1]) };
  return { shape: out, strides: steps };
}

const sameShape = (a: number[], b: number[]) => a.length === b.length && a.every((n, i) => n === b[i]);

/** `op` of two tensors of one dtype (bool counts as int32). */
function combine(backend: NativeBackend, op: number, a: TensorInfo, b: TensorInfo, dtype: DataType): TensorInfo {
  const isFloat = a.dtype === 'float32' ? 1 : 0;
  if (sameShape(a.shape, b.shape)) {
    const y = backend.output(a.shape, dtype);
    const n = sizeOf(a.shape);
    backend.addon.binary(op, isFloat, backend.handle(a), backend.handle(b), backend.handle(y), 1, n, 1, 1);
    return y;
  }
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const y = backend.output(shape, dtype);
  const plan = joined(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)]);
  const [sa, sb] = plan.strides as [number[], number[]];
  const handles = [backend.handle(a), backend.handle(b), backend.handle(y)];
  backend.addon.binary(op, isFloat, ...handles, plan.shape.length, ...plan.shape, ...sa, ...sb);
  return y;
}

/** `a op b` in the wider dtype of the two; comparisons give bool, `RealDiv` and `Pow` of integers go by floats. */
function binary(backend: NativeBackend, op: number, a: TensorInfo, b: TensorInfo): TensorInfo {
  const name = BINARY[op]!;
  const isFloat = a.dtype === 'float32' || b.dtype === 'float32' || name === 'RealDiv' || name === 'Pow';
  const dtype = op > BINARY.indexOf('Pow') ? 'bool' : isFloat ? 'float32' : 'int32';
  if (!isFloat) return combine(backend, op, a, b, dtype);
  const result = asFloat(backend, a, (x) => asFloat(backend, b, (y) => combine(backend, op, x, y, dtype)));
  if (name !== 'Pow' || a.dtype === 'float32' || b.dtype === 'float32') return result;
  return replaced(backend, result, cast(backend, result, 'int32'));
}

/** Frees `old` and returns `next`. */
function replaced(backend: NativeBackend, old: TensorInfo, next: TensorInfo): TensorInfo {
  backend.disposeData(old.dataId);
  return next;
}

/** A tensor filled with `value`, or with value, value + step, ... */
export function filled(backend: NativeBackend, shape: number[], dtype: DataType, value: number, step = 0): TensorInfo {
  const y = backend.output(shape, dtype);
  backend.addon.range(backend.handle(y), dtype === 'float32' ? 1 : 0, value, step, sizeOf(shape));
  return y;
}

/** The same data under another name or shape. */
export function shared(backend: NativeBackend, x: TensorInfo, shape = x.shape): TensorInfo {
  backend.handle(x);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape, dtype: x.dtype };
}

const unaryKernels: Record<string, Run> = Object.fromEntries(
  UNARY.map((name, op): [string, Run] => [
    name,
    (backend, inputs) => {
      const x = inputs['x']!;
      if (name === 'IsNan') return unary(backend, op, x, 'bool');
      const y = unary(backend, op, x, 'float32');
      const keepsInt = x.dtype === 'int32' && ['Neg', 'Abs', 'Square', 'Relu', 'Floor'].includes(name);
      return keepsInt ? replaced(backend, y, cast(backend, y, 'int32')) : y;
    },
  ]),
);

const binaryKernels: Record<string, Run> = Object.fromEntries(
  BINARY.map((name, op): [string, Run] => [name, (backend, { a, b }) => binary(backend, op, a!, b!)]),
);

export const elementwiseKernels: Record<string, Run> = {
  ...unaryKernels,
  ...binaryKernels,
  Cast: (backend, { x }, { dtype }) => (x!.dtype === dtype ? shared(backend, x!) : cast(backend, x!, dtype)),
  Identity: (backend, { x }) => shared(backend, x!),
  Fill: (backend, _, { shape, value, dtype }) =>
    filled(backend, shape, dtype ?? (typeof value === 'number' ? 'float32' : 'bool'), Number(value)),
  ZerosLike: (backend, { x }) => filled(backend, x!.shape, x!.dtype, 0),
  OnesLike: (backend, { x }) => filled(backend, x!.shape, x!.dtype, 1),
  Range: (backend, _, { start, stop, step, dtype }) => {
    const count = Math.max(0, Math.ceil((stop - start) / (start === stop ? 1 : step)));
    return filled(backend, [count], dtype, start, step);
  },
  FloorDiv: (backend, { a, b }) => {
    const quotient = binary(backend, BINARY.indexOf('RealDiv'), a!, b!);
    const floor = replaced(backend, quotient, unary(backend, UNARY.indexOf('Floor'), quotient, 'float32'));
    const isInt = a!.dtype !== 'float32' && b!.dtype !== 'float32';
    return isInt ? replaced(backend, floor, cast(backend, floor, 'int32')) : floor;
  },
  AddN: (backend, inputs) => {
    const [first, ...rest] = Object.values(inputs);
    requireThat(first !== undefined, 'AddN', 'needs at least one tensor', inputs);
    if (rest.length === 0) return shared(backend, first!);
    let sum = binary(backend, BINARY.indexOf('Add'), first!, rest[0]!);
    for (const x of rest.slice(1)) sum = replaced(backend, sum, binary(backend, BINARY.indexOf('Add'), sum, x));
    return sum;
  },
  LogicalAnd: (backend, { a, b }) => ({ ...binary(backend, MULTIPLY, a!, b!), dtype: 'bool' }),
  LogicalNot: (backend, { x }) => {
    const zero = filled(backend, [], 'bool', 0);
    return replaced(backend, zero, binary(backend, BINARY.indexOf('Equal'), x!, zero));
  },
  Select: (backend, { condition, t, e }) => {
    requireThat(t!.dtype === e!.dtype && sameShape(t!.shape, e!.shape), 'Select', 't and e differ', { t: t!, e: e! });
    const y = backend.output(t!.shape, t!.dtype);
    const count = sizeOf(condition!.shape);
    const inner = count === 0 ? 0 : sizeOf(t!.shape) / count;
    const handles = [condition!, t!, e!, y].map((x) => backend.handle(x));
    backend.addon.select(...handles, count, inner);
    return y;
  },
};

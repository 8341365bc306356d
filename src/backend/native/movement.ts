/** @file tfjs's kernels that move elements on the native backend: reshape, transpose, slice, concat, split, tile, pad,
 * gather, one-hot. All but the last two are one strided copy of the addon, with other strides.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../../tf.ts';
import { broadcastStrides, cast, filled, shared } from './elementwise.ts';
import { type Run, requireThat, sizeOf } from './kernel.ts';
import type { NativeBackend } from './memory.ts';

/** Element strides of a row-major shape. */
function stridesOf(shape: number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

interface Place {
  tensor: TensorInfo;
  first: number;
  strides: number[];
}

/** `to[i] = from[i]` for every index i of `shape`, each side with its own first element and strides. */
function copy(backend: NativeBackend, shape: number[], from: Place, to: Place): void {
  if (sizeOf(shape) === 0) return;
  const [dims, sx, sy] = shape.length === 0 ? [[1], [1], [1]] : [shape, from.strides, to.strides];
  const handles = [backend.handle(from.tensor), backend.handle(to.tensor)];
  backend.addon.copy(...handles, from.first, to.first, dims.length, ...dims, ...sx, ...sy);
}

const whole = (tensor: TensorInfo): Place => ({ tensor, first: 0, strides: stridesOf(tensor.shape) });

/** Axes of `x` in the order `perm`. */
export function transpose(backend: NativeBackend, x: TensorInfo, perm: number[]): TensorInfo {
  const strides = stridesOf(x.shape);
  const y = backend.output(
    perm.map((axis) => x.shape[axis]!),
    x.dtype,
  );
  copy(backend, y.shape, { tensor: x, first: 0, strides: perm.map((axis) => strides[axis]!) }, whole(y));
  return y;
}

function slice(backend: NativeBackend, x: TensorInfo, begin: number[], size: number[]): TensorInfo {
  const strides = stridesOf(x.shape);
  const y = backend.output(size, x.dtype);
  const first = begin.reduce((sum, b, i) => sum + b * strides[i]!, 0);
  copy(backend, size, { tensor: x, first, strides }, whole(y));
  return y;
}

function concat(backend: NativeBackend, parts: TensorInfo[], axis: number): TensorInfo {
  const shapes = parts.map((x) => x.shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  const y = backend.output(tf.backend_util.computeOutShape(shapes, axis), parts[0]!.dtype);
  const strides = stridesOf(y.shape);
  let at = 0;
  for (const part of parts) {
    copy(backend, part.shape, whole(part), { tensor: y, first: at * strides[axis]!, strides });
    at += part.shape[axis]!;
  }
  return y;
}

/** `x` repeated to `shape`, whose axes it broadcasts to. */
function broadcast(backend: NativeBackend, x: TensorInfo, shape: number[]): TensorInfo {
  const y = backend.output(shape, x.dtype);
  copy(backend, shape, { tensor: x, first: 0, strides: broadcastStrides(x.shape, shape) }, whole(y));
  return y;
}

const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

export const movementKernels: Record<string, Run> = {
  Reshape: (backend, { x }, { shape }) => {
    const inferred = tf.util.inferFromImplicitShape(shape, sizeOf(x!.shape));
    requireThat(sizeOf(inferred) === sizeOf(x!.shape), 'Reshape', `cannot take shape [${shape.join(', ')}]`, { x: x! });
    return shared(backend, x!, inferred);
  },
  ExpandDims: (backend, { input }, { dim }) => {
    const shape = [...input!.shape];
    shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
    return shared(backend, input!, shape);
  },
  Transpose: (backend, { x }, { perm }) => transpose(backend, x!, perm),
  Slice: (backend, { x }, { begin, size }) => {
    const [from, extent] = tf.slice_util.parseSliceParams(x as never, begin, size);
    tf.slice_util.assertParamsValid(x as never, from!, extent!);
    return slice(backend, x!, from!, extent!);
  },
  Concat: (backend, inputs, { axis }) => {
    const parts = Object.values(inputs);
    return concat(backend, parts, axisOf(axis, parts[0]!.shape.length));
  },
  Pack: (backend, inputs, { axis }) => {
    const parts = Object.values(inputs);
    const at = axis < 0 ? axis + parts[0]!.shape.length + 1 : axis;
    return concat(
      backend,
      parts.map((x) => ({ ...x, dataId: x.dataId, shape: x.shape.toSpliced(at, 0, 1), dtype: x.dtype })),
      at,
    );
  },
  Unpack: (backend, { value }, { axis }) => {
    const { shape } = value!;
    const at = axisOf(axis, shape.length);
    return Array.from({ length: shape[at]! }, (_, i) => {
      const part = slice(
        backend,
        value!,
        shape.map((_, k) => (k === at ? i : 0)),
        shape.with(at, 1),
      );
      return { ...part, shape: shape.toSpliced(at, 1) };
    });
  },
  SplitV: (backend, { x }, { numOrSizeSplits, axis }) => {
    const at = axisOf(axis, x!.shape.length);
    const sizes = tf.backend_util.prepareSplitSize(x as never, numOrSizeSplits, at);
    let start = 0;
    return sizes.map((size) => {
      const begin = x!.shape.map((_, k) => (k === at ? start : 0));
      start += size;
      return slice(backend, x!, begin, x!.shape.with(at, size));
    });
  },
  Tile: (backend, { x }, { reps }) => {
    // Each axis n repeated r times is [r, n] with a stride of 0 along r.
    const strides = stridesOf(x!.shape);
    const y = backend.output(
      x!.shape.map((n, i) => n * reps[i]!),
      x!.dtype,
    );
    const shape = x!.shape.flatMap((n, i) => [reps[i]! as number, n]);
    const to = { tensor: y, first: 0, strides: stridesOf(shape) };
    copy(backend, shape, { tensor: x!, first: 0, strides: strides.flatMap((s) => [0, s]) }, to);
    return y;
  },
  BroadcastTo: (backend, { x }, { shape }) => broadcast(backend, x!, shape),
  PadV2: (backend, { x }, { paddings, constantValue }) => {
    const pads = paddings as [number, number][];
    const y = filled(
      backend,
      x!.shape.map((n, i) => n + pads[i]![0] + pads[i]![1]),
      x!.dtype,
      constantValue,
    );
    const strides = stridesOf(y.shape);
    const first = pads.reduce((sum, [before], i) => sum + before * strides[i]!, 0);
    copy(backend, x!.shape, whole(x!), { tensor: y, first, strides });
    return y;
  },
  GatherV2: (backend, { x, indices }, { axis, batchDims }) => {
    requireThat(!batchDims && indices!.dtype === 'int32', 'GatherV2', 'needs int32 indices and batchDims 0', {
      x: x!,
      indices: indices!,
    });
    const at = axisOf(axis, x!.shape.length);
    const [before, after] = [x!.shape.slice(0, at), x!.shape.slice(at + 1)];
    const y = backend.output([...before, ...indices!.shape, ...after], x!.dtype);
    const handles = [x!, indices!, y].map((t) => backend.handle(t));
    backend.addon.gather(...handles, sizeOf(before), x!.shape[at]!, sizeOf(after), sizeOf(indices!.shape));
    return y;
  },
  UnsortedSegmentSum: (backend, { x, segmentIds }, { numSegments }) => {
    requireThat(x!.dtype === 'float32' && segmentIds!.dtype === 'int32', 'UnsortedSegmentSum', 'float32 x, int32 ids', {
      x: x!,
      segmentIds: segmentIds!,
    });
    const inner = x!.shape.slice(1);
    const y = backend.output([numSegments, ...inner], 'float32');
    const handles = [x!, segmentIds!, y].map((t) => backend.handle(t));
    backend.addon.segmentSum(...handles, x!.shape[0]!, sizeOf(inner), numSegments);
    return y;
  },
  OneHot: (backend, { indices }, { depth, onValue, offValue, dtype = 'float32' }) => {
    const ids = indices!.dtype === 'int32' ? shared(backend, indices!) : cast(backend, indices!, 'int32');
    const y = backend.output([...indices!.shape, depth], dtype);
    const isFloat = dtype === 'float32' ? 1 : 0;
    backend.addon.oneHot(backend.handle(ids), backend.handle(y), sizeOf(ids.shape), depth, isFloat, onValue, offValue);
    backend.disposeData(ids.dataId);
    return y;
  },
};

/** @file tfjs's reductions, softmax and matrix products on the native backend.
 * A reduction over neighbouring axes reads its input in place as [outer, size, inner]; over others it transposes.
 */
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../../tf.ts';
import { cast } from './elementwise.ts';
import { type Run, requireThat, sizeOf } from './kernel.ts';
import type { NativeBackend } from './memory.ts';
import { transpose } from './movement.ts';

/** The addon's numbers. */
const REDUCTION = { Sum: 0, Mean: 1, Max: 2, Min: 3 };

interface Axes {
  axis: number | number[] | undefined;
  keepDims: boolean;
}

/** Calls `work` with `x` laid out as [outer, size, inner] around the reduced axes, and the shape that is left. */
function overAxes(
  backend: NativeBackend,
  x: TensorInfo,
  { axis, keepDims }: Axes,
  work: (x: TensorInfo, sizes: [number, number, number], shape: number[]) => TensorInfo,
): TensorInfo {
  const axes = tf.util.parseAxisParam(axis as number[], x.shape).toSorted((a, b) => a - b);
  const shape = x.shape.flatMap((n, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [n]));
  const size = sizeOf(axes.map((i) => x.shape[i]!));
  const [first = 0, last = -1] = [axes[0], axes.at(-1)];
  if (last - first + 1 === axes.length) {
    return work(x, [sizeOf(x.shape.slice(0, first)), size, sizeOf(x.shape.slice(last + 1))], shape);
  }
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const moved = transpose(backend, x, [...kept, ...axes]);
  const y = work(moved, [sizeOf(shape), size, 1], shape);
  backend.disposeData(moved.dataId);
  return y;
}

function reduce(backend: NativeBackend, name: keyof typeof REDUCTION, input: TensorInfo, axes: Axes): TensorInfo {
  const toFloat = name === 'Mean' && input.dtype !== 'float32';
  const x = toFloat ? cast(backend, input, 'float32') : input;
  const dtype: DataType = x.dtype === 'bool' ? 'int32' : x.dtype;
  const result = overAxes(backend, x, axes, (laidOut, sizes, shape) => {
    const y = backend.output(shape, dtype);
    const isFloat = dtype === 'float32' ? 1 : 0;
    backend.addon.reduce(REDUCTION[name], isFloat, backend.handle(laidOut), backend.handle(y), ...sizes);
    return y;
  });
  if (toFloat) backend.disposeData(x.dataId);
  return result;
}

function place(backend: NativeBackend, x: TensorInfo, axis: number, isMin: boolean): TensorInfo {
  return overAxes(backend, x, { axis, keepDims: false }, (laidOut, sizes, shape) => {
    const y = backend.output(shape, 'int32');
    const flags = [x.dtype === 'float32' ? 1 : 0, isMin ? 1 : 0];
    backend.addon.argMax(...flags, backend.handle(laidOut), backend.handle(y), ...sizes);
    return y;
  });
}

function softmax(backend: NativeBackend, x: TensorInfo, axis: number, isLog: boolean): TensorInfo {
  const columns = x.shape.at(-1) ?? 1;
  const last = axis < 0 || axis === x.shape.length - 1;
  requireThat(last && x.dtype === 'float32', isLog ? 'LogSoftmax' : 'Softmax', 'needs float32 along the last axis', {
    x,
  });
  const y = backend.output(x.shape, 'float32');
  backend.addon.softmax(backend.handle(x), backend.handle(y), sizeOf(x.shape) / columns, columns, isLog ? 1 : 0);
  return y;
}

export const reductionKernels: Record<string, Run> = {
  Sum: (backend, { x }, { axis, keepDims }) => reduce(backend, 'Sum', x!, { axis, keepDims }),
  Mean: (backend, { x }, { axis, keepDims }) => reduce(backend, 'Mean', x!, { axis, keepDims }),
  Max: (backend, { x }, { reductionIndices, keepDims }) =>
    reduce(backend, 'Max', x!, { axis: reductionIndices, keepDims }),
  Min: (backend, { x }, { axis, keepDims }) => reduce(backend, 'Min', x!, { axis, keepDims }),
  ArgMax: (backend, { x }, { axis }) => place(backend, x!, axis, false),
  ArgMin: (backend, { x }, { axis }) => place(backend, x!, axis, true),
  Softmax: (backend, { logits }, { dim }) => softmax(backend, logits!, dim, false),
  LogSoftmax: (backend, { logits }, { axis }) => softmax(backend, logits!, axis, true),
  BatchMatMul: (backend, { a, b }, { transposeA, transposeB }) => {
    const [ra, rb] = [a!.shape.length, b!.shape.length];
    const [m, ka] = transposeA ? [a!.shape[ra - 1]!, a!.shape[ra - 2]!] : [a!.shape[ra - 2]!, a!.shape[ra - 1]!];
    const [kb, n] = transposeB ? [b!.shape[rb - 1]!, b!.shape[rb - 2]!] : [b!.shape[rb - 2]!, b!.shape[rb - 1]!];
    const inputs = { a: a!, b: b! };
    const isFloat = a!.dtype === 'float32' && b!.dtype === 'float32';
    requireThat(ra >= 2 && rb >= 2 && ka === kb && isFloat, 'BatchMatMul', 'float32 matrices must chain', inputs);
    const [outerA, outerB] = [sizeOf(a!.shape.slice(0, -2)), sizeOf(b!.shape.slice(0, -2))];
    const outer = tf.backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const batch = sizeOf(outer);
    requireThat(
      (outerA === batch || outerA === 1) && (outerB === batch || outerB === 1),
      'BatchMatMul',
      'batches must be equal or 1',
      inputs,
    );
    const y = backend.output([...outer, m, n], 'float32');
    const handles = [a!, b!, y].map((t) => backend.handle(t));
    const flags = [transposeA ? 1 : 0, transposeB ? 1 : 0];
    const steps = [outerA === 1 ? 0 : m * ka, outerB === 1 ? 0 : kb * n];
    backend.addon.batchMatMul(...handles, batch, m, n, ka, ...flags, ...steps);
    return y;
  },
};

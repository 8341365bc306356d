/** @file Which tensors are joined into one, so that an optimiser's step is a few operations and not a few a tensor.
 * Joining and splitting must cost no reshapes, which are operations too: vectors are joined end to end, matrices as wide
 * as most are (d_model columns) one below the other, of the others those as high as that side by side, the rest by width.
 */
import type { Handle, Ops } from './ops.ts';

/** Tensors joined along `axis`. */
export interface Pack {
  /** Places in the list of tensors. */
  members: number[];
  axis: number;
  /** The members' sizes along the axis. */
  sizes: number[];
}

/** How tensors of these shapes are joined; a lone tensor is a pack of one. */
export function planPacks(shapes: number[][]): Pack[] {
  const width = commonWidth(shapes);
  const packs = new Map<string, Pack>();
  shapes.forEach((shape, i) => {
    const is_side_by_side = shape.length === 2 && shape[1] !== width && shape[0] === width;
    const axis = is_side_by_side ? 1 : 0;
    const key = shape.length === 0 ? `scalar ${i}` : `${axis} ${shape.toSpliced(axis, 1, -1)}`;
    const pack = packs.get(key) ?? { members: [], axis, sizes: [] };
    pack.members.push(i);
    pack.sizes.push(shape[axis] ?? 1);
    packs.set(key, pack);
  });
  return [...packs.values()];
}

/** The number of columns that most matrices have; 0 without matrices. */
function commonWidth(shapes: number[][]): number {
  const counts = new Map<number, number>();
  for (const { length, 1: columns } of shapes) {
    if (length === 2) counts.set(columns!, (counts.get(columns!) ?? 0) + 1);
  }
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0])[0];
}

/** The members of `pack` among `handles` as one tensor; a lone one is returned as it is. */
export function join(ops: Ops, { members, axis }: Pack, handles: Handle[]): Handle {
  return ops.concat(
    members.map((i) => handles[i]!),
    axis,
  );
}

/** The inverse of `join`. */
export function separate(ops: Ops, { axis, sizes }: Pack, whole: Handle): Handle[] {
  return sizes.length === 1 ? [whole] : ops.split(whole, sizes, axis);
}

/** Values of member `at` within those of the whole pack, which has `count` elements. */
export function memberValues({ axis, sizes }: Pack, values: Float32Array, at: number): Float32Array {
  const total = sizes.reduce((a, b) => a + b, 0);
  const before = sizes.slice(0, at).reduce((a, b) => a + b, 0);
  const size = sizes[at]!;
  // Along axis 0 there is one run of numbers, along axis 1 one a row.
  const num_runs = axis === 0 ? 1 : values.length / total;
  const unit = values.length / total / num_runs;
  const member = new Float32Array(num_runs * size * unit);
  for (let run = 0; run < num_runs; run++) {
    const from = (run * total + before) * unit;
    member.set(values.subarray(from, from + size * unit), run * size * unit);
  }
  return member;
}

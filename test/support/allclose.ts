/** @file `expect(actual).toBeAllclose(expected, { rtol, atol })`: arrays of numbers equal within a tolerance.
 * `|actual - expected| <= atol + rtol |expected|` for every element, NumPy's rule. Stricter than tfjs's own
 * comparison, in which NaN passes for infinity: NaN equals only NaN in the same place, infinities must have the same
 * sign, shapes must be equal, and comparing nothing with nothing fails. Importing this file adds the matcher.
 */
import { expect } from 'vitest';

/** What can be compared: a number, (nested) arrays, typed arrays, `{ shape, data }`, or a tensor. */
export type Comparable =
  | number
  | ArrayLike<number>
  | readonly Comparable[]
  | { readonly shape: readonly number[]; readonly data: ArrayLike<number> }
  | { readonly shape: readonly number[]; dataSync: () => ArrayLike<number> };

/** Both default to 0, and one must be given: exact equality is `toEqual`'s job. */
interface Tolerance {
  rtol?: number;
  atol?: number;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: must repeat the declaration it merges with
  interface Matchers<T = any> {
    toBeAllclose: (expected: Comparable, tolerance: Tolerance) => T;
  }
}

/** Whether two arrays agree, and if not, where they differ most and by how much. */
export function compareAll(actual: Comparable, expected: Comparable, tolerance: Tolerance) {
  const { rtol = 0, atol = 0 } = tolerance;
  if (!(rtol >= 0 && atol >= 0 && rtol + atol > 0 && rtol + atol < Infinity)) {
    throw new Error(`invalid tolerance: rtol ${rtol}, atol ${atol} must be finite, not negative and not both 0`);
  }
  const a = flatten(actual);
  const b = flatten(expected);
  if (a.shape.join() !== b.shape.join()) return { pass: false, message: `shape [${a.shape}] is not [${b.shape}]` };
  if (a.data.length === 0) return { pass: false, message: `shape [${a.shape}]: nothing to compare` };

  let num_bad = 0;
  let worst = 0;
  let worstExcess = -1;
  for (let i = 0; i < a.data.length; i++) {
    const excess = excessOf(a.data[i]!, b.data[i]!, rtol, atol);
    if (excess > 1) num_bad++;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  const x = a.data[worst]!;
  const y = b.data[worst]!;
  const where = `worst at [${unravel(worst, a.shape)}]: ${x} against ${y}`;
  const error = `difference ${Math.abs(x - y).toExponential(3)}, relative ${(Math.abs(x - y) / Math.abs(y)).toExponential(3)}`;
  const message = `${num_bad} of ${a.data.length} values differ by more than ${atol} + ${rtol} |expected|; ${where}, ${error}`;
  return { pass: num_bad === 0, message };
}

/** The difference in units of the tolerance; infinite where NaN, infinities or signs of infinity disagree. */
function excessOf(x: number, y: number, rtol: number, atol: number): number {
  if (Object.is(x, y) || x === y) return 0;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return Infinity;
  return Math.abs(x - y) / (atol + rtol * Math.abs(y));
}

/** Shape and values in row-major order; throws on ragged arrays and on values that do not fill their shape. */
function flatten(value: Comparable): { shape: readonly number[]; data: ArrayLike<number> } {
  if (typeof value === 'number') return { shape: [], data: [value] };
  if ('shape' in value) {
    const { shape } = value;
    const data = 'dataSync' in value ? value.dataSync() : value.data;
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size) throw new Error(`${data.length} values do not fill shape [${shape}]`);
    return { shape, data };
  }
  if (!Array.isArray(value)) {
    if (!ArrayBuffer.isView(value)) throw new Error(`cannot compare ${JSON.stringify(value)}: not an array of numbers`);
    return { shape: [value.length], data: value as ArrayLike<number> };
  }
  const parts = (value as readonly Comparable[]).map(flatten);
  const inner = parts[0]?.shape ?? [];
  if (parts.some((part) => part.shape.join() !== inner.join())) throw new Error('cannot compare a ragged array');
  return { shape: [value.length, ...inner], data: parts.flatMap((part) => Array.from(part.data)) };
}

/** The indices of flat position `at` in `shape`. */
function unravel(at: number, shape: readonly number[]): number[] {
  let rest = at;
  return shape
    .toReversed()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .toReversed();
}

expect.extend({
  toBeAllclose(actual: Comparable, expected: Comparable, tolerance: Tolerance) {
    const { pass, message } = compareAll(actual, expected, tolerance);
    return { pass, message: () => (pass ? `expected the values to differ; ${message}` : message) };
  },
});

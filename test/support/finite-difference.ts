/** @file Gradients of a scalar function by central differences in float64.
 * `(f(x + h u) - f(x - h u)) / 2h` along a coordinate or a random direction. The error is about h^2 |f'''| / 6 from the
 * formula plus e |f| / h from rounding, e being the relative precision of f: the default h suits a function computed
 * in float64 (about 1e-10 for values near 1). A function computed in float32 wants h of about 5e-3 and gives 1e-4.
 */
import { normal, type Rng } from '../../src/lib/rng.ts';

/** A scalar function of many variables; must not keep or change its argument. */
type ScalarFunction = (x: Float64Array) => number | Promise<number>;

/** Cube root of the float64 precision: where the two errors are equal. */
const FLOAT64_STEP = 6e-6;

/** The derivative of `f` at `x` along `direction`, not normalised: `sum_i direction_i df/dx_i`. */
async function directionalDifference(
  f: ScalarFunction,
  x: Float64Array,
  direction: Float64Array,
  h: number = FLOAT64_STEP,
): Promise<number> {
  if (direction.length !== x.length) throw new Error(`direction has ${direction.length} values, x has ${x.length}`);
  const moved = (by: number) => x.map((v, i) => v + by * direction[i]!);
  return ((await f(moved(h))) - (await f(moved(-h)))) / (2 * h);
}

/** The whole gradient of `f` at `x`, a coordinate at a time: `2 x.length` evaluations. */
export async function differenceGradient(f: ScalarFunction, x: Float64Array, h = FLOAT64_STEP): Promise<Float64Array> {
  const gradient = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const unit = new Float64Array(x.length);
    unit[i] = 1;
    gradient[i] = await directionalDifference(f, x, unit, h);
  }
  return gradient;
}

/** `gradient` against differences along `num_directions` random unit vectors: two evaluations each, whatever the size.
 * Returns both sides, direction by direction, to be compared by the caller. A wrong coordinate
 * weighs only 1/sqrt(size) in a direction: where the size allows it, use `differenceGradient`. */
export async function directionalCheck(
  f: ScalarFunction,
  x: Float64Array,
  gradient: ArrayLike<number>,
  { rng, num_directions, h = FLOAT64_STEP }: { rng: Rng; num_directions: number; h?: number },
): Promise<{ analytic: Float64Array; numeric: Float64Array }> {
  if (gradient.length !== x.length) throw new Error(`gradient has ${gradient.length} values, x has ${x.length}`);
  const analytic = new Float64Array(num_directions);
  const numeric = new Float64Array(num_directions);
  for (let n = 0; n < num_directions; n++) {
    const raw = x.map(() => normal(rng));
    const length = Math.hypot(...raw);
    const direction = raw.map((v) => v / length);
    analytic[n] = direction.reduce((sum, d, i) => sum + d * gradient[i]!, 0);
    numeric[n] = await directionalDifference(f, x, direction, h);
  }
  return { analytic, numeric };
}

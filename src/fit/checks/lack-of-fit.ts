/** @file Whether the residuals of a fit still hold structure that the law misses.
 * Where cells are repeated with other seeds: the classical test of the cell means against the spread within cells.
 * Elsewhere: whether `u^2, u v, v^2` of the log inputs, beyond what the law's own constants can move, explain more
 * of the residuals than chance. Both are F tests (Draper & Smith, Applied Regression Analysis, chapter 2);
 * residuals are clipped at three robust standard deviations first, so that one bad run does not decide it.
 * The bootstrap does not see lack of fit: every replicate misses in the same way.
 */
import { gammaln, median } from 'simple-statistics';
import { householder } from '../math/householder.ts';
import { residuals } from '../minimise/objective.ts';
import type { Problem } from '../minimise/problem.ts';
import { type FitPoint, sizeOf } from '../point.ts';

export interface LackOfFit {
  test: 'replicates' | 'quadratic';
  F: number;
  df: [number, number];
  p: number;
}

/** Degrees of freedom of pure error from which on the repeated cells decide. */
const ENOUGH_REPEATS = 4;
/** Residuals of log loss below this are rounding: there is nothing to test. */
const ROUNDING = 1e-9;
/** From a median absolute residual to a standard deviation, for normal noise. */
export const MAD_TO_SD = 1.4826;

/** The test at the optimum `theta`; null where there are too few points for it or the fit is exact. */
export function lackOfFit(problem: Problem, theta: Float64Array, points: readonly FitPoint[]): LackOfFit | null {
  const raw = residuals(problem, theta);
  if (raw.every((r) => Math.abs(r) < ROUNDING)) return null;
  const clip = 3 * MAD_TO_SD * median(Array.from(raw, Math.abs));
  const r = raw.map((x) => Math.min(clip, Math.max(-clip, x)));
  const free = [...theta.keys()].filter((k) => Number.isFinite(theta[k]!));
  return byReplicates(problem.weight, r, points, free.length) ?? byCurvature(problem, theta, r, free);
}

function byReplicates(
  weight: Float64Array,
  r: Float64Array,
  points: readonly FitPoint[],
  num_params: number,
): LackOfFit | null {
  const sizes = sizeOf(points.map((p) => p.N));
  const horizons = sizeOf(points.map((p) => p.D));
  const cells = new Map<string, { sum: number; weight: number; squares: number }>();
  for (let i = 0; i < r.length; i++) {
    const key = `${sizes[i]}/${horizons[i]}/${points[i]!.U ?? ''}`;
    const cell = cells.get(key) ?? { sum: 0, weight: 0, squares: 0 };
    cell.sum += weight[i]! * r[i]!;
    cell.squares += weight[i]! * r[i]! ** 2;
    cell.weight += weight[i]!;
    cells.set(key, cell);
  }
  const df: [number, number] = [cells.size - num_params, r.length - cells.size];
  if (df[0] < 1 || df[1] < ENOUGH_REPEATS) return null;
  let between = 0;
  let within = 0;
  for (const { sum, weight: w, squares } of cells.values()) {
    between += sum ** 2 / w;
    within += squares - sum ** 2 / w;
  }
  return result('replicates', between, within, df);
}

function byCurvature(
  problem: Problem,
  theta: Float64Array,
  r: Float64Array,
  free: readonly number[],
): LackOfFit | null {
  const extra = (u: Float64Array): number[] => [...u].flatMap((x, i) => [...u].slice(0, i + 1).map((y) => x * y));
  const num_extra = extra(problem.u[0]!).length;
  const width = free.length + num_extra + 1;
  const df: [number, number] = [num_extra, r.length - width + 1];
  if (df[1] < ENOUGH_REPEATS) return null;
  const row = new Float64Array(theta.length);
  const matrix = new Float64Array(r.length * width);
  for (let i = 0; i < r.length; i++) {
    problem.law.logLoss(theta, problem.u[i]!, row);
    const root = Math.sqrt(problem.weight[i]!);
    const cells = [...free.map((k) => row[k]!), ...extra(problem.u[i]!), r[i]!];
    for (let j = 0; j < width; j++) matrix[i * width + j] = root * cells[j]!;
  }
  const triangle = householder(matrix, r.length, width);
  let explained = 0;
  for (let j = free.length; j < width - 1; j++) explained += triangle[j * width + width - 1]! ** 2;
  return result('quadratic', explained, triangle[width * width - 1]! ** 2, df);
}

function result(test: LackOfFit['test'], explained: number, rest: number, df: [number, number]): LackOfFit | null {
  const F = explained / df[0] / (rest / df[1]);
  return Number.isFinite(F) ? { test, F, df, p: upperTail(F, df[0], df[1]) } : null;
}

/** P(F' > F) for Fisher's distribution with m and n degrees of freedom: `I_{n/(n+mF)}(n/2, m/2)`. */
export function upperTail(F: number, m: number, n: number): number {
  return F <= 0 ? 1 : incompleteBeta(n / (n + m * F), n / 2, m / 2);
}

/** The regularised incomplete beta function by its continued fraction (Abramowitz & Stegun 26.5.8). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(gammaln(a + b) - gammaln(a) - gammaln(b) + a * Math.log(x) + b * Math.log1p(-x));
  // Modified Lentz: numerators d_1, d_2 ... of the fraction 1/(1 + d_1/(1 + d_2/(1 + ...
  let [c, d] = [1, 1 / guarded(1 - ((a + b) * x) / (a + 1))];
  let fraction = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / guarded(1 + term * d);
      c = guarded(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return (front * fraction) / a;
}

const guarded = (x: number): number => (Math.abs(x) < 1e-300 ? 1e-300 : x);

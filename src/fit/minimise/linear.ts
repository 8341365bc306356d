/** @file A fit linearised at its optimum: standard errors without a bootstrap, and the direction that the points hold
 * least. `J` has a row a point, `sqrt(w_i) d log L_i / d theta`; theta errs with covariance `s^2 (J^T J)^-1`, where
 * `s^2 = mean psi^2 / (mean psi')^2` (Huber 1981, chapter 7), the residual variance for squared error. Good where
 * noise is independent and small; whole-size offsets are in the bootstrap only.
 */
import { median } from 'simple-statistics';
import { MAD_TO_SD } from '../checks/lack-of-fit.ts';
import { householder } from '../math/householder.ts';
import { psi, type RobustLoss } from './loss.ts';
import { residuals } from './objective.ts';
import type { Problem } from './problem.ts';

/** `sum w psi^2 / (n - p)` and the mean slope of psi, by which the loss weighs residuals at an optimum.
 * The slope is delta times the density of residuals at zero where delta is too small to count in. */
export function influence(problem: Problem, loss: RobustLoss, theta: Float64Array): { squares: number; slope: number } {
  const r = residuals(problem, theta);
  const { weight } = problem;
  const total = weight.reduce((sum, w) => sum + w, 0);
  const squares = r.reduce((sum, x, i) => sum + weight[i]! * psi(x, loss.delta) ** 2, 0);
  const spread = MAD_TO_SD * median(Array.from(r, Math.abs));
  const window = Math.max(loss.delta, 1.5 * spread * r.length ** -0.2);
  const inside = r.reduce((sum, x, i) => sum + (Math.abs(x) <= window ? weight[i]! : 0), 0) / total;
  const slope = Number.isFinite(loss.delta) ? (inside * loss.delta) / window : 1;
  const freedom = r.length - problem.law.coordinates.length;
  return { squares: freedom > 0 ? squares / freedom : 0, slope };
}

/** The optimum's neighbourhood to first order, over the coordinates whose terms are present. */
export interface Linearised {
  /** Positions of those coordinates. */
  free: number[];
  /** Triangle R of J, and the lengths of J's columns. */
  triangle: Float64Array;
  lengths: number[];
  /** Standard deviation of one point's log loss, as the loss function weighs it. */
  sd: number;
}

/** Linearises at `theta`; null where there are no points to spare. */
export function linearise(problem: Problem, loss: RobustLoss, theta: Float64Array): Linearised | null {
  const free = [...theta.keys()].filter((k) => Number.isFinite(theta[k]!));
  const { u, weight, law } = problem;
  if (u.length <= free.length) return null;
  const row = new Float64Array(theta.length);
  const matrix = new Float64Array(u.length * free.length);
  u.forEach((point, i) => {
    law.logLoss(theta, point, row);
    const root = Math.sqrt(weight[i]!);
    for (const [j, k] of free.entries()) matrix[i * free.length + j] = root * row[k]!;
  });
  const triangle = householder(matrix, u.length, free.length);
  const lengths = free.map((_, j) => {
    let sum = 0;
    for (let i = 0; i <= j; i++) sum += triangle[i * free.length + j]! ** 2;
    return Math.sqrt(sum);
  });
  const { squares, slope } = influence(problem, loss, theta);
  return { free, triangle, lengths, sd: slope > 0 ? Math.sqrt(squares) / slope : 0 };
}

/** Standard error of `of(theta)`: its gradient by central differences, through the triangle. Infinite where the points
 * leave a direction open. */
export function standardError(at: Linearised, theta: Float64Array, of: (theta: Float64Array) => number): number {
  const { free, triangle, sd } = at;
  const gradient = Float64Array.from(free, (k) => {
    const h = 1e-5 * Math.max(1, Math.abs(theta[k]!));
    const moved = (by: number): number => of(theta.map((x, j) => (j === k ? x + by : x)));
    return (moved(h) - moved(-h)) / (2 * h);
  });
  return sd * Math.hypot(...solveTransposed(triangle, gradient));
}

/** The unit vector v of least `|J v|`, columns of J at unit length (Belsley, Kuh & Welsch 1980), and the condition
 * number `max |J v| / min |J v|`. */
export function flattestDirection({ triangle, lengths }: Linearised): { condition: number; direction: Float64Array } {
  const size = lengths.length;
  const unit = triangle.map((x, at) => x / (lengths[at % size]! || 1));
  let [largest, smallest] = [ones(size), ones(size)];
  let [most, least] = [0, 0];
  // Power iteration with the matrix and with its inverse; 60 rounds part eigenvalues that differ by a tenth.
  for (let round = 0; round < 60; round++) {
    largest = normalised(transposedTimes(unit, times(unit, largest)));
    most = Math.hypot(...times(unit, largest));
    const next = solve(unit, solveTransposed(unit, smallest));
    if (!next.every(Number.isFinite)) return { condition: Number.POSITIVE_INFINITY, direction: smallest };
    smallest = normalised(next);
    least = Math.hypot(...times(unit, smallest));
  }
  return { condition: most / least, direction: smallest };
}

const ones = (size: number): Float64Array => Float64Array.from({ length: size }, (_, i) => 1 + 0.1 * i);

function normalised(v: Float64Array): Float64Array {
  const length = Math.hypot(...v);
  return v.map((x) => x / length);
}

function times(R: Float64Array, v: Float64Array): Float64Array {
  return v.map((_, i) => v.reduce((sum, x, j) => sum + R[i * v.length + j]! * x, 0));
}

function transposedTimes(R: Float64Array, v: Float64Array): Float64Array {
  return v.map((_, j) => v.reduce((sum, x, i) => sum + R[i * v.length + j]! * x, 0));
}

/** x with R x = v. */
function solve(R: Float64Array, v: Float64Array): Float64Array {
  const x = Float64Array.from(v);
  for (let i = v.length - 1; i >= 0; i--) {
    for (let j = i + 1; j < v.length; j++) x[i]! -= R[i * v.length + j]! * x[j]!;
    x[i]! /= R[i * v.length + i]!;
  }
  return x;
}

/** x with R^T x = v. */
function solveTransposed(R: Float64Array, v: Float64Array): Float64Array {
  const x = Float64Array.from(v);
  for (let i = 0; i < v.length; i++) {
    for (let j = 0; j < i; j++) x[i]! -= R[j * v.length + i]! * x[j]!;
    x[i]! /= R[i * v.length + i]!;
  }
  return x;
}

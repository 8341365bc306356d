/** @file The objective of a parametric fit: `F(theta) = sum_i w_i rho(log L(theta; x_i) - log L_i)`.
 * With its analytic gradient for L-BFGS, and its Hessian for the Newton polish: exact in the part that is
 * quadratic, differences of the analytic gradient in the part that curves with the law.
 * A coordinate outside `free` is held where it is; a term at -Infinity is absent.
 */
import { BLOCK } from '../laws/law.ts';
import type { RobustLoss } from './loss.ts';
import type { Problem } from './problem.ts';

/** What one block of points or cells is worked out in; `jacobian` is laid out as `BlockLosses` says. */
interface Workspace {
  /** Log losses of the law. */
  values: Float64Array;
  /** By point, or summed over those of a cell: `w psi(r)`, its size, `w rho''(r)`, `w`. */
  slopes: Float64Array;
  sizes: Float64Array;
  counts: Float64Array;
  weights: Float64Array;
  products: Float64Array;
  /** Of the Hessian: what the square of each derivative counts. */
  bends: Float64Array;
  jacobian: Float64Array;
  row: Float64Array;
  /** Of the Hessian: over all coordinates, and over the free ones. */
  whole: Float64Array;
  matrix: Float64Array;
  scales: Float64Array;
  /** What `values` and `jacobian` hold: a whole problem of one block, at these coordinates; null for anything else. */
  of: Problem | null;
  theta: Float64Array;
  /** The corner by which `slopes`, `sizes`, `counts` and `weights` were made of that; NaN where they were not. */
  delta: number;
}

/** One workspace a number of coordinates, kept: nothing is allocated while a function is minimised. */
const workspaces: (Workspace | undefined)[] = [];

function workspace(size: number): Workspace {
  workspaces[size] ??= {
    values: new Float64Array(BLOCK),
    slopes: new Float64Array(BLOCK),
    sizes: new Float64Array(BLOCK),
    counts: new Float64Array(BLOCK),
    weights: new Float64Array(BLOCK),
    products: new Float64Array(BLOCK),
    bends: new Float64Array(BLOCK),
    jacobian: new Float64Array(BLOCK * size),
    row: new Float64Array(size),
    whole: new Float64Array(size * size),
    matrix: new Float64Array(size * size),
    scales: new Float64Array(size),
    of: null,
    theta: new Float64Array(size),
    delta: Number.NaN,
  };
  return workspaces[size];
}

/** What the law reads of points or cells, and how many there are. */
const inputsOf = (problem: Problem): Pick<Problem, 'u' | 'columns'> => problem.cells ?? problem;

/** The law's log losses of the points (or cells) from..to-1 in `values`, their derivatives in `jacobian`. */
function differentiate(problem: Problem, theta: Float64Array, from: number, to: number, work: Workspace): void {
  const { law } = problem;
  const { values, jacobian, row } = work;
  if (work.of === problem && isEqual(theta, work.theta)) return;
  const { u, columns } = inputsOf(problem);
  const is_whole = from === 0 && to === u.length;
  work.of = is_whole ? problem : null;
  work.delta = Number.NaN;
  if (is_whole) work.theta.set(theta);
  if (law.block && law.block.of === law.logLoss) law.block.losses(theta, columns, from, to, values, jacobian);
  else
    for (let i = from, at = 0; i < to; i++, at++) {
      values[at] = law.logLoss(theta, u[i]!, row);
      for (let k = 0; k < row.length; k++) jacobian[k * BLOCK + at] = row[k]!;
    }
}

/** Fills `slopes`, `sizes`, `counts` and `weights` of a block from its log losses; returns `value` with its loss added. */
function weigh(problem: Problem, delta: number, from: number, to: number, work: Workspace, value: number): number {
  const { values, slopes, sizes, counts, weights } = work;
  const { cells } = problem;
  const { log_loss, weight } = cells ?? problem;
  let sum = value;
  for (let row = from, at = 0; row < to; row++, at++) {
    const predicted = values[at]!;
    const end = cells ? cells.starts[row + 1]! : row + 1;
    let [slope, size, count, whole] = [0, 0, 0, 0];
    // The loss and its derivative, psi of loss.ts, in the loop.
    for (let i = cells ? cells.starts[row]! : row; i < end; i++) {
      const r = predicted - log_loss[i]!;
      const w = weight[i]!;
      const off = Math.abs(r);
      whole += w;
      if (off <= delta) {
        slope += w * r;
        size += Math.abs(w * r);
        count += w;
        sum += 0.5 * w * r * r;
      } else {
        slope += r > 0 ? w * delta : -w * delta;
        size += w * delta;
        sum += w * delta * (off - 0.5 * delta);
      }
    }
    slopes[at] = slope;
    sizes[at] = size;
    counts[at] = count;
    weights[at] = whole;
  }
  return sum;
}

function isEqual(a: Float64Array, b: Float64Array): boolean {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

/** F at theta; its gradient by the coordinates is written to `gradient`.
 * `cancellation` receives, where given, `sum_i w_i |psi_i| |d log L_i/d theta_k|`: the size of what cancels in
 * the gradient at an optimum, hence the yardstick by which the gradient is small. */
export function evaluate(
  problem: Problem,
  { delta }: RobustLoss,
  theta: Float64Array,
  gradient: Float64Array,
  cancellation?: Float64Array,
): number {
  const num_rows = inputsOf(problem).u.length;
  const size = theta.length;
  const work = workspace(size);
  const { slopes, sizes: slopeSizes, jacobian } = work;
  gradient.fill(0);
  cancellation?.fill(0);
  let value = 0;
  for (let from = 0; from < num_rows; from += BLOCK) {
    const to = Math.min(from + BLOCK, num_rows);
    differentiate(problem, theta, from, to, work);
    const count = to - from;
    value = weigh(problem, delta, from, to, work, value);
    if (work.of === problem) work.delta = delta;
    for (let k = 0; k < size; k++) {
      // Even and odd points apart: two short chains of sums in place of a long one.
      const start = k * BLOCK;
      let [sum, other, sizes, others] = [0, 0, 0, 0];
      for (let at = 1; at < count; at += 2) {
        const part = jacobian[start + at - 1]!;
        const next = jacobian[start + at]!;
        sum += slopes[at - 1]! * part;
        other += slopes[at]! * next;
        sizes += slopeSizes[at - 1]! * Math.abs(part);
        others += slopeSizes[at]! * Math.abs(next);
      }
      if (count % 2 === 1) {
        const part = jacobian[start + count - 1]!;
        sum += slopes[count - 1]! * part;
        sizes += slopeSizes[count - 1]! * Math.abs(part);
      }
      gradient[k]! += sum + other;
      if (cancellation) cancellation[k]! += sizes + others;
    }
  }
  return value;
}

/** Residuals `log L(theta) - log L`, one a point. */
export function residuals(problem: Problem, theta: Float64Array): Float64Array {
  const work = workspace(theta.length);
  const out = new Float64Array(problem.log_loss.length);
  // Cells forget in which order the points stood.
  const single: Problem = problem.cells ? { ...problem, cells: null } : problem;
  for (let from = 0; from < out.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, out.length);
    differentiate(single, theta, from, to, work);
    for (let i = from; i < to; i++) out[i] = work.values[i - from]! - problem.log_loss[i]!;
  }
  return out;
}

/** The largest `|d log L/d theta_k|` of all points by coordinate: for a term, its largest share of the loss. */
export function largestShares(problem: Problem, theta: Float64Array): Float64Array {
  const work = workspace(theta.length);
  const largest = new Float64Array(theta.length);
  const num_rows = inputsOf(problem).u.length;
  for (let from = 0; from < num_rows; from += BLOCK) {
    const to = Math.min(from + BLOCK, num_rows);
    differentiate(problem, theta, from, to, work);
    for (let k = 0; k < largest.length; k++)
      for (let at = k * BLOCK; at < k * BLOCK + to - from; at++)
        if (Math.abs(work.jacobian[at]!) > largest[k]!) largest[k] = Math.abs(work.jacobian[at]!);
  }
  return largest;
}

/** Sum of `a[i] b[start + i]`, even and odd places apart. */
function dot(a: Float64Array, b: Float64Array, start: number, count: number): number {
  let sum = 0;
  let other = 0;
  for (let i = 1; i < count; i += 2) {
    sum += a[i - 1]! * b[start + i - 1]!;
    other += a[i]! * b[start + i]!;
  }
  if (count % 2 === 1) sum += a[count - 1]! * b[start + count - 1]!;
  return sum + other;
}

/** Step of the differences that give a law's own curvature where it does not: error about 1e-6, enough for Newton. */
const STEP = 1e-6;

/** Hessian of F over the `free` coordinates, row-major, with the Gauss-Newton diagonal of all points as scale.
 * `H = sum_i w_i rho''(r_i) J_i J_i^T + sum_i w_i psi(r_i) d2 log L_i`; the second sum is the law's own curvature, or
 * the difference quotient of `sum_i w_i psi_i J_i` with psi held, which is smooth where rho has its corner. A
 * coordinate that moves no point gets the diagonal 1, so that a Newton step leaves it where it is. The matrix is valid
 * until the next one is asked for. */
export function hessian(
  problem: Problem,
  { delta }: RobustLoss,
  theta: Float64Array,
  free: readonly number[],
): { matrix: Float64Array; scale: Float64Array } {
  const { law } = problem;
  const { columns, u } = inputsOf(problem);
  const size = theta.length;
  const work = workspace(size);
  const { slopes, counts, weights, products, jacobian, whole, scales } = work;
  const block = law.block?.of === law.logLoss ? law.block : undefined;
  whole.fill(0);
  scales.fill(0);
  const shifted = Float64Array.from(theta);
  for (let from = 0; from < u.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, u.length);
    const count = to - from;
    differentiate(problem, theta, from, to, work);
    if (work.of !== problem || work.delta !== delta) weigh(problem, delta, from, to, work, 0);
    // d2 log L is d2 L/L less the square of the derivative.
    const bends = block?.curvature ? work.bends : counts;
    if (block?.curvature) for (let at = 0; at < count; at++) bends[at] = counts[at]! - slopes[at]!;
    for (const j of free) {
      const start = j * BLOCK;
      for (let at = 0; at < count; at++) products[at] = bends[at]! * jacobian[start + at]!;
      for (let k = 0; k <= j; k++) whole[j * size + k]! += dot(products, jacobian, k * BLOCK, count);
      for (let at = 0; at < count; at++) products[at] = weights[at]! * jacobian[start + at]!;
      scales[j]! += dot(products, jacobian, start, count);
    }
    if (block?.curvature) block.curvature(columns, from, to, jacobian, slopes, whole);
    else addDifferences(problem, theta, shifted, free, from, to, work, whole);
  }
  const matrix = work.matrix.subarray(0, free.length ** 2);
  for (let p = 0; p < free.length; p++)
    for (let q = 0; q <= p; q++) {
      const h = whole[free[p]! * size + free[q]!]!;
      matrix[p * free.length + q] = p === q && scales[free[p]!] === 0 ? 1 : h;
      matrix[q * free.length + p] = matrix[p * free.length + q]!;
    }
  return { matrix, scale: Float64Array.from(free, (k) => scales[k]!) };
}

/** Adds `sum_i slopes_i d2 log L_i` of a block by differences; `work` holds the block at theta. */
function addDifferences(
  problem: Problem,
  theta: Float64Array,
  shifted: Float64Array,
  free: readonly number[],
  from: number,
  to: number,
  work: Workspace,
  whole: Float64Array,
): void {
  const { slopes, jacobian } = work;
  const size = theta.length;
  const weighted = (k: number): number => dot(slopes, jacobian, k * BLOCK, to - from);
  const held = Float64Array.from(free, weighted);
  for (const j of free) {
    const h = STEP * Math.max(1, Math.abs(theta[j]!));
    shifted[j] = theta[j]! + h;
    differentiate(problem, shifted, from, to, work);
    shifted[j] = theta[j]!;
    // Each triangle of the difference quotient gives half of the symmetric part.
    free.forEach((k, q) => {
      const quotient = (weighted(k) - held[q]!) / h;
      whole[Math.max(j, k) * size + Math.min(j, k)]! += j === k ? quotient : 0.5 * quotient;
    });
  }
}

/** @file Non-negative least squares with a few columns: `min |M a - t|` over `a >= 0`.
 * The columns are reduced once to a small triangle by Householder reflections, so that the condition number is
 * that of M and not its square; then every subset of columns is solved in the triangle and the best one with
 * positive coefficients wins. With k columns that is 2^k - 1 tiny problems: exact, no iteration, no tolerance
 * to tune (Lawson & Hanson's active sets pay off only for many columns).
 */
import { householder } from './householder.ts';

export interface NnlsSolution {
  amplitudes: Float64Array;
  /** Sum of squared residuals. */
  sum_squares: number;
}

/** Solves the problem whose rows are `rows[i * (k + 1) ..]`: k columns, then the target. Overwrites `rows`. */
export function nnls(rows: Float64Array, k: number): NnlsSolution {
  return nnlsOfTriangle(householder(rows, rows.length / (k + 1), k + 1), k);
}

/** Kept by width: a bootstrap solves a hundred thousand of these. Below the diagonal they stay zero. */
const triangles: (Float64Array | undefined)[] = [];

/** The same from the products of all columns, the target the last: `gram` is (k + 1) x (k + 1), its lower triangle is
 * read. Good to half the digits, since products square the condition number. Null where the products of the columns
 * are not positive definite to rounding error. */
export function nnlsOfProducts(gram: Float64Array, k: number): NnlsSolution | null {
  const width = k + 1;
  // Cholesky's factor is the triangle, transposed; the solution without signs comes out of it at once.
  triangles[width] ??= new Float64Array(width * width);
  const triangle = triangles[width];
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * width + j]!;
      const whole = sum;
      for (let q = 0; q < j; q++) sum -= triangle[q * width + i]! * triangle[q * width + j]!;
      if (i !== j) triangle[j * width + i] = sum / triangle[j * width + j]!;
      else if (i === k) triangle[i * width + i] = Math.sqrt(Math.max(sum, 0));
      else if (sum > 1e-13 * whole) triangle[i * width + i] = Math.sqrt(sum);
      else return null;
    }
  const amplitudes = new Float64Array(k);
  for (let p = k - 1; p >= 0; p--) {
    let value = triangle[p * width + k]!;
    for (let q = p + 1; q < k; q++) value -= triangle[p * width + q]! * amplitudes[q]!;
    amplitudes[p] = value / triangle[p * width + p]!;
    if (!(amplitudes[p]! > 0)) return nnlsOfTriangle(triangle, k);
  }
  return { amplitudes, sum_squares: triangle[width * width - 1]! ** 2 };
}

function nnlsOfTriangle(triangle: Float64Array, k: number): NnlsSolution {
  const width = k + 1;
  const target = (i: number): number => triangle[i * width + k]!;
  const norms = Array.from({ length: k }, (_, j) => {
    let sum = 0;
    for (let i = 0; i <= j; i++) sum += triangle[i * width + j]! ** 2;
    return Math.sqrt(sum);
  });
  let total = 0;
  for (let i = 0; i < width; i++) total += target(i) ** 2;
  const best: NnlsSolution = { amplitudes: new Float64Array(k), sum_squares: total };
  for (let subset = 1; subset < 1 << k; subset++) {
    const columns: number[] = [];
    for (let j = 0; j < k; j++) if (subset & (1 << j)) columns.push(j);
    const size = columns.length;
    const small = new Float64Array(width * (size + 1));
    for (let i = 0; i < width; i++) {
      columns.forEach((j, at) => {
        small[i * (size + 1) + at] = i <= j ? triangle[i * width + j]! : 0;
      });
      small[i * (size + 1) + size] = target(i);
    }
    const reduced = householder(small, width, size + 1);
    const solution = new Float64Array(size);
    let feasible = true;
    for (let p = size - 1; p >= 0 && feasible; p--) {
      let value = reduced[p * (size + 1) + size]!;
      for (let q = p + 1; q < size; q++) value -= reduced[p * (size + 1) + q]! * solution[q]!;
      const pivot = reduced[p * (size + 1) + p]!;
      // A column that the others span to rounding error adds nothing that a smaller subset does not have.
      if (Math.abs(pivot) <= 1e-13 * norms[columns[p]!]!) feasible = false;
      else solution[p] = value / pivot;
      if (!(solution[p]! > 0)) feasible = false;
    }
    const rest = reduced[size * (size + 1) + size]! ** 2;
    if (feasible && rest < best.sum_squares) {
      best.amplitudes.fill(0);
      columns.forEach((j, at) => {
        best.amplitudes[j] = solution[at]!;
      });
      best.sum_squares = rest;
    }
  }
  return best;
}

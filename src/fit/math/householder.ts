/** @file Orthogonal reduction of a tall matrix to a triangle, by Householder reflections.
 * The triangle answers every least-squares question about the columns at the condition number of the matrix
 * itself, where normal equations would square it. Source: Golub & Van Loan, Matrix Computations, section 5.2.
 */

/** Reduces the row-major `matrix` (height x width) in place; returns its upper triangle, width x width.
 * Rows beyond the matrix are taken as zero. */
export function householder(matrix: Float64Array, height: number, width: number): Float64Array {
  for (let j = 0; j < width && j < height - 1; j++) {
    let norm = 0;
    for (let i = j; i < height; i++) norm += matrix[i * width + j]! ** 2;
    norm = Math.sqrt(norm);
    if (norm === 0) continue;
    const head = matrix[j * width + j]!;
    const alpha = head > 0 ? -norm : norm;
    const scale = 1 / (alpha * (alpha - head));
    matrix[j * width + j] = head - alpha;
    for (let q = j + 1; q < width; q++) {
      let sum = 0;
      for (let i = j; i < height; i++) sum += matrix[i * width + j]! * matrix[i * width + q]!;
      sum *= scale;
      for (let i = j; i < height; i++) matrix[i * width + q]! -= sum * matrix[i * width + j]!;
    }
    matrix[j * width + j] = alpha;
  }
  const triangle = new Float64Array(width * width);
  for (let i = 0; i < Math.min(width, height); i++)
    for (let j = i; j < width; j++) triangle[i * width + j] = matrix[i * width + j]!;
  return triangle;
}

/** Least squares with k columns: `rows` holds k columns and the target a row, and is overwritten.
 * A column that the others span to rounding error gets the coefficient 0. */
export function leastSquares(rows: Float64Array, k: number): { solution: Float64Array; sum_squares: number } {
  const width = k + 1;
  const triangle = householder(rows, rows.length / width, width);
  const solution = new Float64Array(k);
  for (let p = k - 1; p >= 0; p--) {
    let value = triangle[p * width + k]!;
    let norm = 0;
    for (let q = p + 1; q < k; q++) value -= triangle[p * width + q]! * solution[q]!;
    for (let q = 0; q <= p; q++) norm += triangle[q * width + p]! ** 2;
    const pivot = triangle[p * width + p]!;
    solution[p] = Math.abs(pivot) <= 1e-13 * Math.sqrt(norm) ? 0 : value / pivot;
  }
  return { solution, sum_squares: triangle[width * width - 1]! ** 2 };
}

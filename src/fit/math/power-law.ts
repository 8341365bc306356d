/** @file The straight line in logs, `log y = log k + m log x`: exponents of optima against compute.
 * Weighted by `1/sigma^2` where standard errors of log y are known (Porian et al. 2024, arXiv 2406.19146), plain
 * least squares where not.
 */
import { LabError } from '../../lib/errors.ts';
import { leastSquares } from './householder.ts';

export interface PowerLaw {
  exponent: number;
  /** y at x = 1. */
  coefficient: number;
  /** Standard error of the exponent: from the sigmas where given, else from the scatter; null for two points. */
  standard_error: number | null;
}

/** Fits `y = coefficient x^exponent`; `sigma` is the standard error of ln y.
 * @throws LabError('usage') for values that are not positive; LabError('too_little_data') for fewer than two distinct x.
 */
export function fitPowerLaw(points: readonly { x: number; y: number; sigma?: number }[]): PowerLaw {
  for (const p of points)
    for (const [name, value] of Object.entries(p))
      if (!(value > 0 && Number.isFinite(value)))
        throw new LabError('usage', `invalid ${name}: ${value} is not positive; leave the point out`);
  if (new Set(points.map((p) => p.x)).size < 2)
    throw new LabError('too_little_data', `a power law needs two distinct x, got ${points.length} points at one`);
  const weight = points.map((p) => 1 / (p.sigma ?? 1) ** 2);
  const total = weight.reduce((sum, w) => sum + w, 0);
  const centre = points.reduce((sum, p, i) => sum + weight[i]! * Math.log(p.x), 0) / total;
  const rows = new Float64Array(points.length * 3);
  let spread = 0;
  points.forEach((p, i) => {
    const root = Math.sqrt(weight[i]!);
    const at = Math.log(p.x) - centre;
    spread += weight[i]! * at ** 2;
    rows.set([root, root * at, root * Math.log(p.y)], i * 3);
  });
  const { solution, sum_squares } = leastSquares(rows, 2);
  const known = points.every((p) => p.sigma !== undefined);
  const free = points.length - 2;
  return {
    exponent: solution[1]!,
    coefficient: Math.exp(solution[0]! - solution[1]! * centre),
    standard_error: known ? Math.sqrt(1 / spread) : free > 0 ? Math.sqrt(sum_squares / free / spread) : null,
  };
}

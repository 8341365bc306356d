/** @file One isoFLOP valley: a robust weighted parabola of loss in log parameters.
 * `L = c0 + c1 x + c2 x^2`, x = ln N - centre; minimum at `ln N = centre - c1/(2 c2)`, curvature `2 c2`.
 * Robust is an MM estimate (Yohai 1987): the parabola of least trimmed absolute error gives start and scale, Tukey's
 * bisquare weights the rest, so that a bad run is left out even at the edge, where it has most leverage. Against least
 * squares on clean normal noise the error of the minimum is 15% larger with 6 points, 6% with 7, none with 13; with one
 * run of 7 off by twenty standard deviations it is four times smaller. Below six points it is plain least squares:
 * three are spent on the parabola and the rest cannot tell who is off.
 */
import { median } from 'simple-statistics';
import { MAD_TO_SD } from '../checks/lack-of-fit.ts';
import { leastSquares } from '../math/householder.ts';

export interface Parabola {
  centre: number;
  c0: number;
  c1: number;
  c2: number;
}

/** Fewest points for which outliers are weighted down. */
const ROBUST_FROM = 6;
/** Robust standard deviations at which a point is left out. */
const CUT = 6;
/** Points from which the candidates for the start are drawn, and the share of points that the start may ignore. */
const MAX_BASIS = 10;
const TRIM = 1 / 6;

/** The parabola through points (x, y) with weights; at least three distinct x. */
export function fitParabola(
  x: readonly number[],
  y: readonly number[],
  weight: readonly number[],
  robust: boolean,
): Parabola {
  const total = weight.reduce((sum, w) => sum + w, 0);
  const centre = x.reduce((sum, v, i) => sum + weight[i]! * v, 0) / total;
  const at = x.map((v) => v - centre);
  if (!robust || x.length < ROBUST_FROM) return weightedParabola(at, y, weight, centre);
  let fitted = leastTrimmed(at, y, weight, centre);
  const off = (): number[] => at.map((v, i) => Math.abs(y[i]! - (fitted.c0 + fitted.c1 * v + fitted.c2 * v * v)));
  // Three residuals are zero by construction and say nothing of the scale.
  const rest = off()
    .sort((a, b) => b - a)
    .slice(0, -3);
  const cut = CUT * Math.max(MAD_TO_SD * median(rest), 1e-12 * Math.max(...y.map(Math.abs)));
  for (let round = 0; round < 100; round++) {
    const weights = off().map((r, i) => (r < cut ? weight[i]! * (1 - (r / cut) ** 2) ** 2 : 0));
    const next = weightedParabola(at, y, weights, centre);
    const moved = Math.abs(next.c1 - fitted.c1) + Math.abs(next.c2 - fitted.c2);
    fitted = next;
    if (moved <= 1e-12 * (Math.abs(fitted.c1) + Math.abs(fitted.c2))) break;
  }
  return fitted;
}

/** The parabola of least weighted absolute error, the worst sixth of the points (one at least) left aside, among those
 * through three of the points: all triples for up to ten points, else the triples of ten spread evenly over x. */
function leastTrimmed(
  at: readonly number[],
  y: readonly number[],
  weight: readonly number[],
  centre: number,
): Parabola {
  const order = [...at.keys()].sort((i, j) => at[i]! - at[j]!);
  const size = Math.min(order.length, MAX_BASIS);
  const basis = Array.from({ length: size }, (_, i) => order[Math.round((i * (order.length - 1)) / (size - 1))]!);
  const total = weight.reduce((sum, w) => sum + w, 0);
  const aside = (total * Math.max(1, Math.floor(at.length * TRIM))) / at.length;
  let best = weightedParabola(at, y, weight, centre);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < size; i++)
    for (let j = i + 1; j < size; j++)
      for (let k = j + 1; k < size; k++) {
        const candidate = throughThree([basis[i]!, basis[j]!, basis[k]!], at, y, centre);
        if (!candidate) continue;
        const off = at.map((v, m) => Math.abs(y[m]! - heightAt(candidate, v + centre)));
        const error = trimmedSum(off, weight, aside);
        if (error < least) [best, least] = [candidate, error];
      }
  return best;
}

/** Weighted sum of all but the largest values, of which the weight `aside` is left out. */
function trimmedSum(values: readonly number[], weight: readonly number[], aside: number): number {
  let left = aside;
  let sum = 0;
  for (const m of [...values.keys()].sort((i, j) => values[j]! - values[i]!)) {
    const out = Math.min(left, weight[m]!);
    left -= out;
    sum += (weight[m]! - out) * values[m]!;
  }
  return sum;
}

/** The parabola through three points, by divided differences; null where two share their x. */
function throughThree(
  [i, j, k]: [number, number, number],
  at: readonly number[],
  y: readonly number[],
  centre: number,
): Parabola | null {
  const [a, b, c] = [at[i]!, at[j]!, at[k]!];
  if (a === b || b === c || a === c) return null;
  const first = (y[j]! - y[i]!) / (b - a);
  const c2 = ((y[k]! - y[j]!) / (c - b) - first) / (c - a);
  const c1 = first - c2 * (a + b);
  return { centre, c0: y[i]! - a * (c1 + c2 * a), c1, c2 };
}

/** Log of the N at the bottom; null where the parabola opens downwards. */
export function bottom({ centre, c1, c2 }: Parabola): number | null {
  return c2 > 0 ? centre - c1 / (2 * c2) : null;
}

/** Loss of the parabola at x = ln N. */
export function heightAt({ centre, c0, c1, c2 }: Parabola, x: number): number {
  return c0 + c1 * (x - centre) + c2 * (x - centre) ** 2;
}

function weightedParabola(
  at: readonly number[],
  y: readonly number[],
  weight: readonly number[],
  centre: number,
): Parabola {
  const rows = new Float64Array(at.length * 4);
  at.forEach((v, i) => {
    const root = Math.sqrt(weight[i]!);
    rows.set([root, root * v, root * v * v, root * y[i]!], i * 4);
  });
  const [c0, c1, c2] = leastSquares(rows, 3).solution;
  return { centre, c0: c0!, c1: c1!, c2: c2! };
}

/** @file One isoFLOP valley: a robust weighted parabola of loss in log parameters.
 * `L = c0 + c1 x + c2 x^2`, x = ln N - centre; minimum at `ln N = centre - c1/(2 c2)`, curvature `2 c2`.
 * Robust means Huber weights from iterated reweighting (corner at 1.345 robust standard deviations), so that one
 * bad run does not move the minimum; with fewer than six points it is plain least squares, since three of them
 * are spent on the parabola and the rest cannot tell who is off.
 */
import { median } from 'simple-statistics';
import { leastSquares } from './householder.ts';
import { MAD_TO_SD } from './lack-of-fit.ts';

export interface Parabola {
  centre: number;
  c0: number;
  c1: number;
  c2: number;
}

/** Fewest points for which outliers are weighted down. */
const ROBUST_FROM = 6;
/** Corner of the Huber weights, the usual 95% efficiency for normal noise. */
const CORNER = 1.345;

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
  let fitted = weightedParabola(at, y, weight, centre);
  if (!robust || x.length < ROBUST_FROM) return fitted;
  const off = (): number[] => at.map((v, i) => y[i]! - (fitted.c0 + fitted.c1 * v + fitted.c2 * v * v));
  const spread = MAD_TO_SD * Math.sqrt(x.length / (x.length - 3)) * median(off().map(Math.abs));
  const rounding = 1e-12 * Math.max(...y.map(Math.abs));
  for (let round = 0; round < 100; round++) {
    const corner = CORNER * Math.max(spread, rounding);
    const next = weightedParabola(
      at,
      y,
      off().map((r, i) => weight[i]! * Math.min(1, corner / Math.abs(r))),
      centre,
    );
    const moved = Math.abs(next.c1 - fitted.c1) + Math.abs(next.c2 - fitted.c2);
    fitted = next;
    if (moved <= 1e-12 * (Math.abs(fitted.c1) + Math.abs(fitted.c2))) break;
  }
  return fitted;
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

/** @file Curves of a fitted law L(N, D): contours, lines of constant compute, the efficient frontier.
 * Pure geometry over a box in (N, D), both on log scales. A contour is found for each N by bisection on D, since every
 * law here falls with D: no grid, no interpolation. The frontier is the size of lowest loss at each compute (Hoffmann
 * et al. 2022, section 3.3), found by golden-section search, so that any law and any counting of compute will do.
 */

export interface Point {
  N: number;
  D: number;
}

export interface Box {
  N: readonly [number, number];
  D: readonly [number, number];
}

/** D at which a model of size N costs C. */
export type TokensAt = (N: number, C: number) => number;

type Law = (N: number, D: number) => number;

const STEPS = 160;

/** Values that engineers call preferred numbers (IEC 60063), about evenly spaced in log. */
const PREFERRED = [
  1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2, 2.2, 2.4, 2.7, 3, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6, 6.2, 6.8, 7.5, 8.2, 9.1,
];

/** At most 13 round levels between two losses: preferred numbers over a wide range, evenly spaced over a narrow one. */
export function contourLevels(low: number, high: number): number[] {
  const inside = (v: number): boolean => v > low && v < high;
  for (const every of [1, 2, 4, 8]) {
    const multiples = PREFERRED.filter((_, i) => i % every === 0);
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const decades = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const levels = decades.flatMap((k) => multiples.map((m) => Number((m * 10 ** k).toPrecision(3)))).filter(inside);
    if (levels.length < 8) break;
    if (levels.length <= 13) return levels;
  }
  const power = 10 ** Math.floor(Math.log10((high - low) / 12));
  const step = power * ([1, 2, 5, 10, 20].find((m) => (high - low) / (m * power) <= 12) ?? 20);
  const first = Math.ceil(low / step);
  return Array.from({ length: 14 }, (_, i) => Number(((first + i) * step).toPrecision(12))).filter(inside);
}

/** Points with `loss(N, D) = level` inside the box, from small to large N, its ends on the box's edges. */
export function contour(loss: Law, level: number, box: Box): Point[] {
  const atEdge = (D: number): Point[] => {
    const N = bisect((x) => level - loss(x, D), box.N);
    return N === null ? [] : [{ N, D }];
  };
  const inner = logSpace(box.N, STEPS).flatMap((N) => {
    const D = bisect((x) => level - loss(N, x), box.D);
    return D === null ? [] : [{ N, D }];
  });
  return [...atEdge(box.D[1]), ...inner, ...atEdge(box.D[0])];
}

/** The part of a line of constant compute inside the box. */
export function isoflop(C: number, box: Box, tokensAt: TokensAt): Point[] {
  return logSpace(box.N, STEPS)
    .map((N) => ({ N, D: tokensAt(N, C) }))
    .filter((p) => p.D >= box.D[0] && p.D <= box.D[1]);
}

/** The model size of lowest loss for each compute the box holds, found by golden-section search over log N. */
export function efficientFrontier(loss: Law, box: Box, tokensAt: TokensAt): Point[] {
  const compute = (N: number, D: number): number =>
    bisect((C) => tokensAt(N, C) - D, [1e-6 * N * D, 1e6 * N * D]) ?? 6 * N * D;
  const range: [number, number] = [compute(box.N[0], box.D[0]), compute(box.N[1], box.D[1])];
  const ratio = (Math.sqrt(5) - 1) / 2;
  return logSpace(range, 60).flatMap((C) => {
    const at = (x: number): number => loss(Math.exp(x), tokensAt(Math.exp(x), C));
    let [lo, hi] = [Math.log(box.N[0]) - 3, Math.log(box.N[1]) + 3];
    for (let i = 0; i < 60; i++) {
      const [m1, m2] = [hi - ratio * (hi - lo), lo + ratio * (hi - lo)];
      if (at(m1) < at(m2)) hi = m2;
      else lo = m1;
    }
    const N = Math.exp((lo + hi) / 2);
    const D = tokensAt(N, C);
    const isInside = N >= box.N[0] && N <= box.N[1] && D >= box.D[0] && D <= box.D[1];
    return isInside ? [{ N, D }] : [];
  });
}

/** Where the rising `f` is zero between the ends of a positive interval, by bisection in log; null where it is not. */
function bisect(f: (x: number) => number, [from, to]: readonly [number, number]): number | null {
  let [lo, hi] = [Math.log(from), Math.log(to)];
  if (!(f(from) <= 0 && f(to) >= 0)) return null;
  for (let i = 0; i < 50; i++) {
    const middle = (lo + hi) / 2;
    if (f(Math.exp(middle)) < 0) lo = middle;
    else hi = middle;
  }
  return Math.exp((lo + hi) / 2);
}

function logSpace([lo, hi]: readonly [number, number], steps: number): number[] {
  return Array.from({ length: steps + 1 }, (_, i) => lo * (hi / lo) ** (i / steps));
}

/** @file Variable projection: the law's amplitudes are solved exactly for each choice of its exponents.
 * For squared error a law like `E + A/N^alpha + B/D^beta` is linear in (E, A, B), so the search is over (alpha,
 * beta) alone and needs no starting point: a grid, then a pattern search from the lowest cells (Golub & Pereyra
 * 1973; non-negative amplitudes by `nnls.ts`). The error is relative, `(L_hat - L)/L`, hence that of log L to
 * first order; the solutions are starting points for the minimisers of the log loss itself.
 */
import type { Separable } from '../laws/law.ts';
import { nnls, nnlsOfProducts } from '../math/nnls.ts';
import type { Problem } from './problem.ts';
import { sampleOf } from './sample.ts';

export interface Projection {
  theta: Float64Array;
  exponents: number[];
  amplitudes: Float64Array;
  /** Half the weighted sum of squared relative errors. */
  objective: number;
}

export interface ProjectionOptions {
  /** Take every k-th grid value on each axis. Default 1. */
  stride?: number;
  /** Local minima of the grid that are refined. Default 3; 0 returns the grid's best as it is. */
  refine?: number;
}

/** Points that a coarse projection looks at. */
const COARSE_POINTS = 256;
/** Exponents beyond this range stand for a term that is constant, or gone after one step. */
const RANGE = [0.005, 6] as const;

/** Solutions by increasing objective: the refined local minima of the grid, the best cells along the axis by which the
 * law spreads its starting points, or the grid's best cell. */
export function variableProjection(
  problem: Problem,
  separable: Separable,
  options: ProjectionOptions = {},
): Projection[] {
  const { stride = 1, refine = 3 } = options;
  const axes = thinned(separable, stride);
  const cells = product(axes.map((axis) => axis.map((_, i) => i)));
  const at = (cell: readonly number[]): number[] => cell.map((i, axis) => axes[axis]![i]!);
  const values = new Map(cells.map((cell) => [cell.join(), project(problem, separable, at(cell))]));
  const along = separable.spread === undefined ? -1 : separable.axes.indexOf(separable.spread);
  if (along >= 0 && refine > 0) {
    const best = axes[along]!.map((_, value) =>
      cells
        .filter((cell) => cell[along] === value)
        .map((cell) => values.get(cell.join())!)
        .reduce((low, other) => (other.objective < low.objective ? other : low)),
    );
    return best.sort((x, y) => x.objective - y.objective);
  }
  const lowest = cells
    .filter((cell) => {
      const own = values.get(cell.join())!.objective;
      return neighbours(cell).every((other) => (values.get(other.join())?.objective ?? Infinity) >= own);
    })
    .map((cell) => values.get(cell.join())!)
    .sort((x, y) => x.objective - y.objective);
  if (refine === 0) return lowest.slice(0, 1);
  return lowest
    .slice(0, refine)
    .map((start) => patternSearch(problem, separable, start))
    .sort((x, y) => x.objective - y.objective);
}

/** Every `stride`-th value on each axis, at least one. */
function thinned(separable: Separable, stride: number): (readonly number[])[] {
  return separable.grid.map((axis) => {
    const kept = axis.filter((_, i) => (i + Math.floor(stride / 2)) % stride === 0);
    return kept.length > 0 ? kept : axis.slice(0, 1);
  });
}

/** The best amplitudes for these exponents. */
function project(problem: Problem, separable: Separable, exponents: number[]): Projection {
  const k = separable.num_amplitudes;
  const rows = new Float64Array(problem.u.length * (k + 1));
  const columns = new Float64Array(k);
  for (let i = 0; i < problem.u.length; i++) {
    const root = Math.sqrt(problem.weight[i]!);
    const target = separable.columns(exponents, problem.u[i]!, problem.log_loss[i]!, columns);
    for (let j = 0; j < k; j++) rows[i * (k + 1) + j] = root * columns[j]!;
    rows[i * (k + 1) + k] = root * target;
  }
  const { amplitudes, sum_squares } = nnls(rows, k);
  return { exponents, amplitudes, objective: sum_squares / 2, theta: separable.theta(exponents, amplitudes) };
}

/** The best cell of a coarse grid, and whether other exponents lie in it or in one beside it. */
export interface CoarseCell {
  theta: Float64Array;
  isBeside(exponents: readonly number[]): boolean;
}

/** The best cell of every third grid value for the points with other weights, as a function of the factors by which they
 * differ: the products of all cells' columns are worked out once, for a part of the points where there are many, so that
 * a resample costs one sum a product. */
export function coarseProjection(
  problem: Problem,
  separable: Separable,
): (factor: ArrayLike<number>) => CoarseCell | null {
  const k = separable.num_amplitudes;
  const width = k + 1;
  const part = sampleOf(problem.log_loss.length, COARSE_POINTS);
  const axes = thinned(separable, 3);
  const row = new Float64Array(width);
  const cells = product(axes.map((axis) => axis.map((_, i) => i))).map((places) => {
    const exponents = places.map((place, axis) => axes[axis]![place]!);
    const products = Array.from({ length: (width * (width + 1)) / 2 }, () => new Float64Array(part.length));
    part.forEach((i, at) => {
      row[k] = separable.columns(exponents, problem.u[i]!, problem.log_loss[i]!, row);
      let pair = 0;
      for (let p = 0; p < width; p++) for (let q = 0; q <= p; q++) products[pair++]![at] = row[p]! * row[q]!;
    });
    return { places, exponents, products };
  });
  const own = new Float64Array(part.length);
  const gram = new Float64Array(width * width);
  return (factor) => {
    for (let at = 0; at < own.length; at++) own[at] = problem.weight[part[at]!]! * factor[part[at]!]!;
    let best: { places: number[]; exponents: number[]; amplitudes: Float64Array } | null = null;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { places, exponents, products } of cells) {
      let pair = 0;
      for (let p = 0; p < width; p++) for (let q = 0; q <= p; q++) gram[p * width + q] = dot(own, products[pair++]!);
      const solved = nnlsOfProducts(gram, k);
      if (!solved || solved.sum_squares >= lowest) continue;
      lowest = solved.sum_squares;
      best = { places, exponents, amplitudes: solved.amplitudes };
    }
    if (!best) return null;
    const { places, exponents, amplitudes } = best;
    return {
      theta: separable.theta(exponents, amplitudes),
      isBeside: (others) =>
        places.every((place, axis) => {
          const [below, above] = [axes[axis]![place - 1] ?? 0, axes[axis]![place + 1] ?? Number.POSITIVE_INFINITY];
          return others[axis]! > below && others[axis]! < above;
        }),
    };
  };
}

/** Even and odd places apart: two short chains of sums in place of a long one. */
function dot(a: Float64Array, b: Float64Array): number {
  let [sum, other] = [0, 0];
  for (let i = 1; i < a.length; i += 2) {
    sum += a[i - 1]! * b[i - 1]!;
    other += a[i]! * b[i]!;
  }
  if (a.length % 2 === 1) sum += a[a.length - 1]! * b[a.length - 1]!;
  return sum + other;
}

/** Moves to the best of the neighbours in log exponents, halving the step where none is better. */
function patternSearch(problem: Problem, separable: Separable, start: Projection): Projection {
  let best = start;
  const origin = start.exponents.map(() => 0);
  for (let step = 0.15; step > 1e-5; ) {
    const from = best;
    for (const shift of neighbours(origin)) {
      const exponents = from.exponents.map((x, i) =>
        Math.min(RANGE[1], Math.max(RANGE[0], x * Math.exp(step * shift[i]!))),
      );
      const trial = project(problem, separable, exponents);
      if (trial.objective < best.objective) best = trial;
    }
    if (best === from) step /= 2;
  }
  return best;
}

/** All combinations of one value an axis. */
function product(axes: readonly (readonly number[])[]): number[][] {
  return axes.reduce<number[][]>((rows, axis) => rows.flatMap((row) => axis.map((value) => [...row, value])), [[]]);
}

/** The 3^d - 1 cells around a cell. */
function neighbours(cell: readonly number[]): number[][] {
  return product(cell.map((i) => [i - 1, i, i + 1])).filter((other) => other.some((v, axis) => v !== cell[axis]));
}

/** @file Points of a known law, for tests: exact, or with seeded noise by run and by size. */
import type { FitPoint } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

/** Hoffmann's constants, to two or three digits. */
export const TRUTH = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };
export const TRUE_A = TRUTH.beta / (TRUTH.alpha + TRUTH.beta);

export const trueLoss = (N: number, D: number): number =>
  TRUTH.E + TRUTH.A / N ** TRUTH.alpha + TRUTH.B / D ** TRUTH.beta;

/** N_opt(C) in closed form: `G (C/6)^a`, `G = (alpha A/(beta B))^(1/(alpha + beta))`. */
export const trueOptimum = (C: number): number =>
  ((TRUTH.alpha * TRUTH.A) / (TRUTH.beta * TRUTH.B)) ** (1 / (TRUTH.alpha + TRUTH.beta)) * (C / 6) ** TRUE_A;

/** `sizes` sizes from one ladder of ratio 1.6 around the optimum of each of `budgets` budgets over 2.5 decades. */
export function isoflopGrid(budgets = 7, sizes = 7, loss: (N: number, D: number) => number = trueLoss): FitPoint[] {
  const ladder = Array.from({ length: 41 }, (_, k) => 1e9 * 1.6 ** (k - 20));
  return Array.from({ length: budgets }, (_, i) => 1e19 * 10 ** ((2.5 * i) / (budgets - 1))).flatMap((C) => {
    const off = (N: number): number => Math.abs(Math.log(N / trueOptimum(C)));
    const nearest = [...ladder].sort((x, y) => off(x) - off(y)).slice(0, sizes);
    return nearest.map((N) => ({ N, D: C / (6 * N), C, L: loss(N, C / (6 * N)) }));
  });
}

/** A rectangular grid of n sizes by n horizons over `decades` each. */
export function rectangle(n: number, loss: (N: number, D: number) => number, decades = 2.2): FitPoint[] {
  const step = (i: number): number => 10 ** ((decades * i) / (n - 1));
  return Array.from({ length: n * n }, (_, k) => {
    const [N, D] = [5e7 * step(Math.floor(k / n)), 1e9 * step(k % n)];
    return { N, D, C: 6 * N * D, L: loss(N, D) };
  });
}

/** Multiplies each loss by log-normal noise of its own, and by one shared by all runs of a size. */
export function noisy(points: readonly FitPoint[], seed: number, sd: number, size_sd = 0): FitPoint[] {
  const rng = rngStream(seed, 'noise');
  const offsets = new Map<number, number>();
  return points.map((p) => {
    if (!offsets.has(p.N)) offsets.set(p.N, size_sd * normal(rng));
    return { ...p, L: p.L * Math.exp(sd * normal(rng) + offsets.get(p.N)!) };
  });
}

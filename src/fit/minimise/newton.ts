/** @file Damped Newton steps that take an L-BFGS solution down to rounding error.
 * Levenberg-Marquardt damping on the scaled diagonal, Cholesky, steps accepted only when the function falls.
 * On the Huber loss the Hessian jumps where a residual crosses delta; the damping carries the iteration over
 * the corners, after which it converges in a step or two (Madsen & Nielsen 1990, BIT 30, on the linear case).
 */
import type { Differentiable } from './lbfgs.ts';

export interface NewtonOptions {
  /** Row-major Hessian and a positive scale for each coordinate. */
  hessian(x: Float64Array): { matrix: Float64Array; scale: Float64Array };
  /** Called at every accepted point; true ends the search. */
  done(x: Float64Array, value: number, gradient: Float64Array): boolean;
  max_iterations?: number;
}

export interface NewtonResult {
  x: Float64Array;
  value: number;
  iterations: number;
}

/** Damping beyond which a step is too short to change a double. */
const MAX_DAMPING = 1e18;

const norm = (g: Float64Array): number => Math.hypot(...g);

/** Minimises `f` from `start` until `done`, or until no damped step lowers it. */
export function newton(f: Differentiable, start: Float64Array, options: NewtonOptions): NewtonResult {
  const { hessian, done, max_iterations = 60 } = options;
  let x: Float64Array = Float64Array.from(start);
  let gradient: Float64Array = new Float64Array(x.length);
  let value = f(x, gradient);
  let damping = 0;
  for (let iteration = 0; iteration < max_iterations; iteration++) {
    if (done(x, value, gradient)) return { x, value, iterations: iteration };
    const { matrix, scale } = hessian(x);
    let floor = 1e-300;
    let largest = 1e-300;
    for (let k = 0; k < x.length; k++) {
      floor = Math.max(floor, 1e-8 * Math.abs(matrix[k * (x.length + 1)]!));
      largest = Math.max(largest, scale[k]!);
    }
    let accepted = false;
    while (damping < MAX_DAMPING) {
      const step = solve(matrix, gradient, (k) => damping * floor * Math.max(scale[k]! / largest, 1e-6));
      if (step) {
        const trial = x.map((v, k) => v - step[k]!);
        const trialGradient = new Float64Array(x.length);
        const trialValue = f(trial, trialGradient);
        // At the last digits of the value the gradient still tells which point is better.
        const level = trialValue <= value + 1e-13 * Math.abs(value) && norm(trialGradient) < 0.5 * norm(gradient);
        if (trialValue < value || level) {
          [x, gradient, value] = [trial, trialGradient, trialValue];
          damping = damping > 1 ? damping / 100 : 0;
          accepted = true;
          break;
        }
      }
      damping = damping === 0 ? 1 : damping * 10;
    }
    if (!accepted) return { x, value, iterations: iteration };
  }
  return { x, value, iterations: max_iterations };
}

/** Solves (matrix + diag(extra)) step = right by Cholesky; null where that matrix is not positive definite. */
export function solve(
  matrix: Float64Array,
  right: Float64Array,
  extra: (k: number) => number = () => 0,
): Float64Array | null {
  const n = right.length;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      if (i === j) sum += extra(i);
      const diagonal = sum;
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      if (i !== j) factor[i * n + j] = sum / factor[j * n + j]!;
      else if (sum > 1e-15 * Math.abs(diagonal)) factor[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= factor[i * n + k]! * x[k]!;
    x[i]! /= factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= factor[k * n + i]! * x[k]!;
    x[i]! /= factor[i * n + i]!;
  }
  return x.every(Number.isFinite) ? x : null;
}

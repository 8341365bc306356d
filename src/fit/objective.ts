/** @file The objective of a parametric fit: `F(theta) = sum_i w_i rho(log L(theta; x_i) - log L_i)`.
 * With its analytic gradient for L-BFGS, and its Hessian for the Newton polish: exact in the part that is
 * quadratic, differences of the analytic gradient in the part that curves with the law.
 * A coordinate outside `free` is held where it is; a term at -Infinity is absent.
 */
import { LabError } from '../lib/errors.ts';
import type { Law } from './laws/law.ts';
import { psi, type RobustLoss, rho } from './loss.ts';

/** What the objective reads of a point: the law's inputs, the loss, the weight (1 where absent). */
export type LawPoint<Input extends string> = { readonly [input in Input]?: number } & {
  L: number;
  weight?: number;
  id?: string;
};

/** What a column is, for messages. */
const COLUMNS: Readonly<Record<string, string>> = {
  N: 'parameters',
  D: 'training tokens',
  C: 'FLOPs',
  S: 'training steps',
  U: 'unique tokens',
  B: 'tokens a batch',
};

/** Checks that every point has the columns that the law reads. @throws LabError('usage') naming the one it lacks. */
export function requireInputs<Input extends string>(law: Law<Input>, points: readonly LawPoint<Input>[]): void {
  for (const input of law.inputs) {
    const lacking = points.filter((p) => !(p[input]! > 0 && Number.isFinite(p[input])));
    if (lacking.length === 0) continue;
    const first = lacking[0]!.id === undefined ? '' : ` (${lacking[0]!.id} the first)`;
    throw new LabError(
      'usage',
      `${law.name} reads ${input} (${COLUMNS[input] ?? 'its variable'}), which ${lacking.length} of ${points.length} ` +
        `points lack${first}; give every point a positive ${input}`,
    );
  }
}

/** Points as columns: logs of the law's inputs less their centre, log losses, weights; `law` is told the centre. */
export interface Problem {
  law: Law<string>;
  centre: Float64Array;
  u: readonly Float64Array[];
  log_loss: Float64Array;
  weight: Float64Array;
}

/** Makes the columns; the centre is the weighted mean of the logs, so that amplitudes and exponents decouple.
 * @throws LabError('usage') where a point lacks a column that the law reads. */
export function makeProblem<Input extends string>(law: Law<Input>, points: readonly LawPoint<Input>[]): Problem {
  requireInputs(law, points);
  const weight = Float64Array.from(points, (p) => p.weight ?? 1);
  const total = weight.reduce((sum, w) => sum + w, 0);
  const centre = Float64Array.from(
    law.inputs,
    (input) => points.reduce((sum, p, i) => sum + weight[i]! * Math.log(p[input]!), 0) / total,
  );
  const u = points.map((p) => Float64Array.from(law.inputs, (input, j) => Math.log(p[input]!) - centre[j]!));
  return {
    law: law.centredAt?.(centre) ?? law,
    centre,
    u,
    log_loss: Float64Array.from(points, (p) => Math.log(p.L)),
    weight,
  };
}

/** The same problem with other weights (a bootstrap resample); points of weight zero are left out. */
export function reweighted(problem: Problem, factor: ArrayLike<number>): Problem {
  const keep: number[] = [];
  for (let i = 0; i < problem.u.length; i++) if (factor[i]! > 0) keep.push(i);
  return {
    ...problem,
    u: keep.map((i) => problem.u[i]!),
    log_loss: Float64Array.from(keep, (i) => problem.log_loss[i]!),
    weight: Float64Array.from(keep, (i) => problem.weight[i]! * factor[i]!),
  };
}

/** F at theta; its gradient by the free coordinates is written to `gradient`, zero elsewhere.
 * `cancellation` receives, where given, `sum_i w_i |psi_i| |d log L_i/d theta_k|`: the size of what cancels in
 * the gradient at an optimum, hence the yardstick by which the gradient is small. */
export function evaluate(
  problem: Problem,
  loss: RobustLoss,
  theta: Float64Array,
  gradient: Float64Array,
  cancellation?: Float64Array,
): number {
  const { law, u, log_loss, weight } = problem;
  const row = new Float64Array(theta.length);
  gradient.fill(0);
  cancellation?.fill(0);
  let value = 0;
  for (let i = 0; i < u.length; i++) {
    const r = law.logLoss(theta, u[i]!, row) - log_loss[i]!;
    value += weight[i]! * rho(r, loss.delta);
    const slope = weight[i]! * psi(r, loss.delta);
    for (let k = 0; k < row.length; k++) {
      const part = slope * row[k]!;
      gradient[k]! += part;
      if (cancellation) cancellation[k]! += Math.abs(part);
    }
  }
  return value;
}

/** Residuals `log L(theta) - log L`, one a point. */
export function residuals(problem: Problem, theta: Float64Array): Float64Array {
  const row = new Float64Array(theta.length);
  return Float64Array.from(problem.u, (u, i) => problem.law.logLoss(theta, u, row) - problem.log_loss[i]!);
}

/** Step of the differences that give the law's own curvature: error about 1e-6, enough for Newton's steps. */
const STEP = 1e-6;

/** Hessian of F over the `free` coordinates, row-major, with the Gauss-Newton diagonal of all points as scale.
 * `H = sum_i w_i rho''(r_i) J_i J_i^T + sum_i w_i psi(r_i) d2 log L_i`; the second sum is the difference
 * quotient of `sum_i w_i psi_i J_i` with psi held, which is smooth where rho has its corner. */
export function hessian(
  problem: Problem,
  loss: RobustLoss,
  theta: Float64Array,
  free: readonly number[],
): { matrix: Float64Array; scale: Float64Array } {
  const { law, u, log_loss, weight } = problem;
  const size = free.length;
  const matrix = new Float64Array(size * size);
  const scale = new Float64Array(size);
  const slope = new Float64Array(u.length);
  const row = new Float64Array(theta.length);
  const held = new Float64Array(size);
  for (let i = 0; i < u.length; i++) {
    const r = law.logLoss(theta, u[i]!, row) - log_loss[i]!;
    slope[i] = weight[i]! * psi(r, loss.delta);
    const inside = Math.abs(r) <= loss.delta;
    for (let p = 0; p < size; p++) {
      const jp = weight[i]! * row[free[p]!]!;
      scale[p]! += jp * row[free[p]!]!;
      held[p]! += slope[i]! * row[free[p]!]!;
      if (inside) for (let q = 0; q <= p; q++) matrix[p * size + q]! += jp * row[free[q]!]!;
    }
  }
  const shifted = Float64Array.from(theta);
  const column = new Float64Array(size);
  for (let p = 0; p < size; p++) {
    const k = free[p]!;
    const h = STEP * Math.max(1, Math.abs(theta[k]!));
    column.fill(0);
    shifted[k] = theta[k]! + h;
    for (let i = 0; i < u.length; i++) {
      law.logLoss(shifted, u[i]!, row);
      const factor = slope[i]! / h;
      for (let q = 0; q < size; q++) column[q]! += factor * row[free[q]!]!;
    }
    for (let q = 0; q < size; q++) column[q]! -= held[q]! / h;
    shifted[k] = theta[k]!;
    // Each triangle of the difference quotient gives half of the symmetric part.
    for (let q = 0; q < size; q++) matrix[Math.max(p, q) * size + Math.min(p, q)]! += (p === q ? 1 : 0.5) * column[q]!;
  }
  for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) matrix[q * size + p] = matrix[p * size + q]!;
  return { matrix, scale };
}

/** @file Chinchilla's law, `L = E + A/N^alpha + B/D^beta`.
 * Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3 (log-sum-exp form, the grid of
 * 4,500 starts). We differ in the coordinates: A and B are carried as their terms' sizes at the centre of the
 * data, which takes the condition number of the problem from 1e11 to about 10, and zero terms are allowed.
 */
import { carried } from './carrier.ts';
import { expShare, logSum } from './exp-log.ts';
import { BLOCK, type Law } from './law.ts';

/** Log-spaced exponents for the outer grid of variable projection. */
const EXPONENTS = [0.03, 0.06, 0.1, 0.15, 0.2, 0.26, 0.33, 0.4, 0.5, 0.65, 0.85, 1.1, 1.5, 2];

/** Hoffmann's grid: alpha, beta in {0,.5,1,1.5,2}, log E in {-1,..,1}, log A and log B in {0,5,..,25}. */
function* starts(centre: Float64Array): Iterable<Float64Array> {
  for (let alpha = 0; alpha <= 2; alpha += 0.5)
    for (let beta = 0; beta <= 2; beta += 0.5)
      for (let logE = -1; logE <= 1; logE += 0.5)
        for (let logA = 0; logA <= 25; logA += 5)
          for (let logB = 0; logB <= 25; logB += 5)
            yield Float64Array.of(logE, logA - alpha * centre[0]!, logB - beta * centre[1]!, alpha, beta);
}

/** `log(exp e + exp n + exp d)`, n and d the logs of the two terms, and the shares of the three as derivatives. */
function logLoss(theta: Float64Array, u: Float64Array, gradient: Float64Array): number {
  const e = theta[0]!;
  const n = theta[1]! - theta[3]! * u[0]!;
  const d = theta[2]! - theta[4]! * u[1]!;
  const top = Math.max(e, n, d);
  let pE = e === top ? 1 : Math.exp(e - top);
  let pA = n === top ? 1 : Math.exp(n - top);
  let pB = d === top ? 1 : Math.exp(d - top);
  const sum = pE + pA + pB;
  pE /= sum;
  pA /= sum;
  pB /= sum;
  gradient[0] = pE;
  gradient[1] = pA;
  gradient[2] = pB;
  gradient[3] = -u[0]! * pA;
  gradient[4] = -u[1]! * pB;
  return top + Math.log(sum);
}

/** The same for a block of points. */
function losses(
  theta: Float64Array,
  columns: readonly Float64Array[],
  from: number,
  to: number,
  values: Float64Array,
  jacobian: Float64Array,
): void {
  const e = theta[0]!;
  const a = theta[1]!;
  const b = theta[2]!;
  const alpha = theta[3]!;
  const beta = theta[4]!;
  const x = columns[0]!;
  const y = columns[1]!;
  for (let i = from, at = 0; i < to; i++, at++) {
    const n = a - alpha * x[i]!;
    const d = b - beta * y[i]!;
    let top = e;
    let pE = 1;
    let pA: number;
    let pB: number;
    if (e >= n && e >= d) {
      pA = expShare(n - e);
      pB = expShare(d - e);
    } else if (n >= d) {
      top = n;
      pE = expShare(e - n);
      pA = 1;
      pB = expShare(d - n);
    } else {
      top = d;
      pE = expShare(e - d);
      pA = expShare(n - d);
      pB = 1;
    }
    const sum = pE + pA + pB;
    const share = 1 / sum;
    pA *= share;
    pB *= share;
    values[at] = top + logSum(sum);
    jacobian[at] = pE * share;
    jacobian[BLOCK + at] = pA;
    jacobian[2 * BLOCK + at] = pB;
    jacobian[3 * BLOCK + at] = -x[i]! * pA;
    jacobian[4 * BLOCK + at] = -y[i]! * pB;
  }
}

/** `d2 L/L = sum_j p_j a_j a_j^T`, a_j the constant derivatives of term j's log, p_j its share. */
function curvature(
  columns: readonly Float64Array[],
  from: number,
  to: number,
  jacobian: Float64Array,
  slopes: Float64Array,
  matrix: Float64Array,
): void {
  const x = columns[0]!;
  const y = columns[1]!;
  let [E, A, alphaA, alpha, B, betaB, beta] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = from, at = 0; i < to; i++, at++) {
    const s = slopes[at]!;
    const byA = s * jacobian[3 * BLOCK + at]!;
    const byB = s * jacobian[4 * BLOCK + at]!;
    E += s * jacobian[at]!;
    A += s * jacobian[BLOCK + at]!;
    B += s * jacobian[2 * BLOCK + at]!;
    alphaA += byA;
    alpha -= byA * x[i]!;
    betaB += byB;
    beta -= byB * y[i]!;
  }
  matrix[0]! += E;
  matrix[6]! += A;
  matrix[12]! += B;
  matrix[16]! += alphaA;
  matrix[18]! += alpha;
  matrix[22]! += betaB;
  matrix[24]! += beta;
}

export const chinchilla: Law = {
  name: 'chinchilla',
  title: 'additive law in N and D',
  formula: 'L = E + A/N^alpha + B/D^beta',
  reference: 'Hoffmann et al. 2022, arXiv 2203.15556',
  inputs: ['N', 'D'],
  ...carried(
    ['E', 'A', 'B', 'alpha', 'beta'],
    [
      { kind: 'log' },
      { kind: 'term', exponent: 3, shift: (centre) => centre[0]! },
      { kind: 'term', exponent: 4, shift: (centre) => centre[1]! },
      { kind: 'plain' },
      { kind: 'plain' },
    ],
  ),
  coordinates: ['log_E', 'log_A_centred', 'log_B_centred', 'alpha', 'beta'],
  optional_terms: [0, 1, 2],
  plausible: [
    { param: 'alpha', low: 0.01, high: 3 },
    { param: 'beta', low: 0.01, high: 3 },
  ],
  logLoss,
  block: { of: logLoss, losses, curvature },
  starts,
  separable: {
    axes: ['alpha', 'beta'],
    grid: [EXPONENTS, EXPONENTS],
    num_amplitudes: 3,
    columns(exponents, u, logL, columns) {
      columns[0] = Math.exp(-logL);
      columns[1] = Math.exp(-exponents[0]! * u[0]! - logL);
      columns[2] = Math.exp(-exponents[1]! * u[1]! - logL);
      return 1;
    },
    theta(exponents, amplitudes) {
      return Float64Array.of(
        Math.log(amplitudes[0]!),
        Math.log(amplitudes[1]!),
        Math.log(amplitudes[2]!),
        exponents[0]!,
        exponents[1]!,
      );
    },
    amplitude: (_exponents, coordinate) => Math.exp(coordinate),
  },
  exponents({ alpha, beta }) {
    return { a: beta! / (alpha! + beta!), b: alpha! / (alpha! + beta!) };
  },
};

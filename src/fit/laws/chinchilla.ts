/** @file Chinchilla's law, `L = E + A/N^alpha + B/D^beta`.
 * Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3 (log-sum-exp form, the grid of
 * 4,500 starts). We differ in the coordinates: A and B are carried as their terms' sizes at the centre of the
 * data, which takes the condition number of the problem from 1e11 to about 10, and zero terms are allowed.
 */
import { carried } from './carrier.ts';
import type { Law } from './law.ts';

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
  logLoss(theta, u, gradient) {
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
  },
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

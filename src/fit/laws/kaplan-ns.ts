/** @file Kaplan's law in parameters and steps, `L = (N_c/N)^alpha_N + (S_c/S)^alpha_S`.
 * Source: Kaplan et al. 2020, arXiv 2001.08361, equation 1.6. S is S_min, the steps that a batch far above the
 * critical one would take: `atCriticalBatch` makes it of a run's steps and batch. The coordinates are the logs of both
 * terms at the data's centre, and the exponents as they are.
 */
import { carried } from './carrier.ts';
import type { Law } from './law.ts';

const EXPONENTS = [0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.45, 0.7, 1, 1.4];
const SHARES = [0.1, 0.3, 0.5, 0.7, 0.9];

export const kaplanNS: Law = {
  name: 'kaplan_ns',
  title: "Kaplan's law in N and S_min",
  formula: 'L = (N_c/N)^alpha_N + (S_c/S)^alpha_S',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361, eq. 1.6',
  inputs: ['N', 'S'],
  ...carried(
    ['N_c', 'S_c', 'alpha_N', 'alpha_S'],
    [
      { kind: 'scale', exponent: 2, shift: (centre) => centre[0]! },
      { kind: 'scale', exponent: 3, shift: (centre) => centre[1]! },
      { kind: 'plain' },
      { kind: 'plain' },
    ],
  ),
  coordinates: ['log_N_term_centred', 'log_S_term_centred', 'alpha_N', 'alpha_S'],
  optional_terms: [0, 1],
  plausible: [
    { param: 'alpha_N', low: 0.005, high: 3 },
    { param: 'alpha_S', low: 0.005, high: 5 },
  ],
  logLoss(theta, u, gradient) {
    const n = theta[0]! - theta[2]! * u[0]!;
    const s = theta[1]! - theta[3]! * u[1]!;
    const top = Math.max(n, s);
    const pN = Math.exp(n - top);
    const pS = Math.exp(s - top);
    const sum = pN + pS;
    gradient[0] = pN / sum;
    gradient[1] = pS / sum;
    gradient[2] = (-u[0]! * pN) / sum;
    gradient[3] = (-u[1]! * pS) / sum;
    return top + Math.log(sum);
  },
  *starts(_centre, logLoss) {
    for (const alphaN of EXPONENTS)
      for (const alphaS of EXPONENTS)
        for (const share of SHARES)
          yield Float64Array.of(logLoss + Math.log(share), logLoss + Math.log(1 - share), alphaN, alphaS);
  },
  separable: {
    axes: ['alpha_N', 'alpha_S'],
    grid: [EXPONENTS, EXPONENTS],
    num_amplitudes: 2,
    columns(exponents, u, logL, columns) {
      columns[0] = Math.exp(-exponents[0]! * u[0]! - logL);
      columns[1] = Math.exp(-exponents[1]! * u[1]! - logL);
      return 1;
    },
    theta(exponents, amplitudes) {
      return Float64Array.of(Math.log(amplitudes[0]!), Math.log(amplitudes[1]!), exponents[0]!, exponents[1]!);
    },
    amplitude: (_exponents, coordinate) => Math.exp(coordinate),
  },
};

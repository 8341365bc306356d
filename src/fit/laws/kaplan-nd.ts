/** @file Kaplan's law in parameters and tokens, `L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D`.
 * Source: Kaplan et al. 2020, arXiv 2001.08361, equation 1.5. No irreducible term: L goes to zero with N and D.
 * We differ in the coordinates: N_c and D_c (1e13 and more) are carried as the loss that each limit alone would
 * leave at the centre of the data, and the exponents as logs, so that both stay positive.
 * For given exponents `L^(1/alpha_D)` is linear in the two constants, which gives variable projection.
 */
import { carried } from './carrier.ts';
import type { Law } from './law.ts';

const SHARES = [0.2, 0.5, 0.9];
const EXPONENTS = [0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8, 1.3];

export const kaplanND: Law = {
  name: 'kaplan_nd',
  title: "Kaplan's law in N and D",
  formula: 'L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5',
  inputs: ['N', 'D'],
  ...carried(
    ['N_c', 'D_c', 'alpha_N', 'alpha_D'],
    [
      { kind: 'scale', exponent: 2, shift: (centre) => centre[0]! },
      { kind: 'scale', exponent: 3, shift: (centre) => centre[1]! },
      { kind: 'log' },
      { kind: 'log' },
    ],
  ),
  coordinates: ['log_L_N', 'log_L_D', 'log_alpha_N', 'log_alpha_D'],
  optional_terms: [],
  plausible: [
    { param: 'alpha_N', low: 0.005, high: 3 },
    { param: 'alpha_D', low: 0.005, high: 3 },
  ],
  logLoss(theta, u, gradient) {
    const alphaN = Math.exp(theta[2]!);
    const alphaD = Math.exp(theta[3]!);
    const n = (theta[0]! - alphaN * u[0]!) / alphaD;
    const d = theta[1]! / alphaD - u[1]!;
    const top = Math.max(n, d);
    const rawN = Math.exp(n - top);
    const rawD = Math.exp(d - top);
    const total = top + Math.log(rawN + rawD);
    const shareN = rawN / (rawN + rawD);
    const shareD = 1 - shareN;
    gradient[0] = shareN;
    gradient[1] = shareD;
    gradient[2] = -alphaN * u[0]! * shareN;
    gradient[3] = alphaD * (total - shareN * n) - shareD * theta[1]!;
    return alphaD * total;
  },
  *starts(_centre, logLoss) {
    for (const alphaN of EXPONENTS)
      for (const alphaD of EXPONENTS)
        for (const n of SHARES)
          for (const d of SHARES)
            yield Float64Array.of(logLoss + Math.log(n), logLoss + Math.log(d), Math.log(alphaN), Math.log(alphaD));
  },
  separable: {
    axes: ['alpha_N', 'alpha_D'],
    grid: [EXPONENTS, EXPONENTS],
    num_amplitudes: 2,
    columns(exponents, u, logL, columns) {
      const alphaD = exponents[1]!;
      columns[0] = alphaD * Math.exp((-exponents[0]! * u[0]! - logL) / alphaD);
      columns[1] = alphaD * Math.exp(-u[1]! - logL / alphaD);
      return alphaD;
    },
    /** A limit that the data does not feel starts at a ten-thousandth of the other. */
    theta(exponents, amplitudes) {
      const alphaD = exponents[1]!;
      const floor = 1e-4 * Math.max(amplitudes[0]!, amplitudes[1]!);
      return Float64Array.of(
        alphaD * Math.log(Math.max(amplitudes[0]!, floor)),
        alphaD * Math.log(Math.max(amplitudes[1]!, floor)),
        Math.log(exponents[0]!),
        Math.log(alphaD),
      );
    },
    amplitude: (exponents, coordinate) => Math.exp(coordinate / exponents[1]!),
  },
  exponents({ alpha_N, alpha_D }) {
    return { a: alpha_D! / (alpha_N! + alpha_D!), b: alpha_N! / (alpha_N! + alpha_D!) };
  },
};

/** @file Gadre's law of over-training, `L = E + (a M^eta + b M^-eta) C^-eta` with M = D/N and C = 6 N D.
 * Source: Gadre et al. 2024, arXiv 2403.08540, section 3. Since `M C = 6 D^2` and `C/M = 6 N^2` it is Chinchilla's law
 * with both exponents equal to 2 eta, whence the coordinates: the terms in N and D at the data's centre, and eta.
 * It takes N_opt ~ C^.5 as given, so it has no exponents a and b to estimate; its own a and b are amplitudes.
 * C here is 6 N D, whatever the points' own counting of compute: M and C must belong to the same N and D.
 */
import { carried } from './carrier.ts';
import { chinchilla } from './chinchilla.ts';
import type { Law } from './law.ts';

const LOG_SIX = Math.log(6);
const EXPONENTS = [0.015, 0.03, 0.05, 0.075, 0.1, 0.13, 0.165, 0.2, 0.25, 0.33, 0.43, 0.55, 0.75, 1];
const SHARES = [
  [0.8, 0.1, 0.1],
  [0.5, 0.25, 0.25],
  [0.2, 0.4, 0.4],
  [0.4, 0.5, 0.1],
  [0.4, 0.1, 0.5],
] as const;

export const overTraining: Law = {
  name: 'over_training',
  title: 'over-training at M = D/N tokens a parameter',
  formula: 'L = E + (a M^eta + b M^-eta) C^-eta, M = D/N, C = 6 N D',
  reference: 'Gadre et al. 2024, arXiv 2403.08540',
  inputs: ['N', 'D'],
  ...carried(
    // a M^eta C^-eta = a (6 N^2)^-eta, b M^-eta C^-eta = b (6 D^2)^-eta.
    ['E', 'a', 'b', 'eta'],
    [
      { kind: 'log' },
      { kind: 'term', exponent: 3, shift: (centre) => LOG_SIX + 2 * centre[0]! },
      { kind: 'term', exponent: 3, shift: (centre) => LOG_SIX + 2 * centre[1]! },
      { kind: 'plain' },
    ],
  ),
  coordinates: ['log_E', 'log_a_centred', 'log_b_centred', 'eta'],
  optional_terms: [0, 1, 2],
  plausible: [{ param: 'eta', low: 0.005, high: 1.5 }],
  logLoss(theta, u, gradient) {
    const e = theta[0]!;
    const n = theta[1]! - 2 * theta[3]! * u[0]!;
    const d = theta[2]! - 2 * theta[3]! * u[1]!;
    const top = Math.max(e, n, d);
    const [rawE, rawN, rawD] = [Math.exp(e - top), Math.exp(n - top), Math.exp(d - top)];
    const sum = rawE + rawN + rawD;
    gradient[0] = rawE / sum;
    gradient[1] = rawN / sum;
    gradient[2] = rawD / sum;
    gradient[3] = (-2 * (u[0]! * rawN + u[1]! * rawD)) / sum;
    return top + Math.log(sum);
  },
  *starts(_centre, logLoss) {
    for (const eta of EXPONENTS)
      for (const shares of SHARES) yield Float64Array.of(...shares.map((share) => logLoss + Math.log(share)), eta);
  },
  separable: {
    axes: ['eta'],
    grid: [EXPONENTS],
    num_amplitudes: 3,
    columns: (exponents, u, logL, columns) =>
      chinchilla.separable!.columns([2 * exponents[0]!, 2 * exponents[0]!], u, logL, columns),
    theta: (exponents, amplitudes) => Float64Array.of(...Array.from(amplitudes, Math.log), exponents[0]!),
    amplitude: (_exponents, coordinate) => Math.exp(coordinate),
  },
};

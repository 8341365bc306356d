/** @file A power law in one variable that levels off, `L = E + (x_c/x)^alpha`.
 * For L(N) at ample data, L(D) at ample size, L along one learning curve. Sources: Kaplan et al. 2020, arXiv
 * 2001.08361, equations 1.1 to 1.3 (E = 0); the offset as in Henighan et al. 2020, arXiv 2010.14701. The coordinates
 * are the logs of E and of the reducible loss at the data's centre, and alpha.
 */
import { carried } from './carrier.ts';
import type { Law } from './law.ts';

const EXPONENTS = [0.02, 0.04, 0.06, 0.09, 0.13, 0.18, 0.25, 0.33, 0.42, 0.55, 0.75, 1, 1.4, 2, 3];

export const saturating: Law<'x'> = {
  name: 'saturating',
  title: 'power law in one variable with a floor',
  formula: 'L = E + (x_c/x)^alpha',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361; Henighan et al. 2020, arXiv 2010.14701',
  inputs: ['x'],
  ...carried(
    ['E', 'x_c', 'alpha'],
    [{ kind: 'log' }, { kind: 'scale', exponent: 2, shift: (centre) => centre[0]! }, { kind: 'plain' }],
  ),
  coordinates: ['log_E', 'log_reducible_centred', 'alpha'],
  optional_terms: [0, 1],
  plausible: [{ param: 'alpha', low: 0.005, high: 5 }],
  logLoss(theta, u, gradient) {
    const e = theta[0]!;
    const k = theta[1]! - theta[2]! * u[0]!;
    const top = Math.max(e, k);
    const pE = Math.exp(e - top);
    const pK = Math.exp(k - top);
    const sum = pE + pK;
    gradient[0] = pE / sum;
    gradient[1] = pK / sum;
    gradient[2] = (-u[0]! * pK) / sum;
    return top + Math.log(sum);
  },
  *starts(_centre, logLoss) {
    for (const alpha of [0.05, 0.1, 0.2, 0.4, 0.8, 1.5])
      for (const share of [0.05, 0.2, 0.5, 0.8])
        yield Float64Array.of(logLoss + Math.log(1 - share), logLoss + Math.log(share), alpha);
  },
  separable: {
    axes: ['alpha'],
    grid: [EXPONENTS],
    num_amplitudes: 2,
    columns(exponents, u, logL, columns) {
      columns[0] = Math.exp(-logL);
      columns[1] = Math.exp(-exponents[0]! * u[0]! - logL);
      return 1;
    },
    theta(exponents, amplitudes) {
      return Float64Array.of(Math.log(amplitudes[0]!), Math.log(amplitudes[1]!), exponents[0]!);
    },
    amplitude: (_exponents, coordinate) => Math.exp(coordinate),
  },
};

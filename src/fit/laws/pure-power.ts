/** @file The pure power law in one column, `L = (x_c/x)^alpha`: what Kaplan's three single-variable laws share.
 * A straight line in logs; the coordinates are the log loss at the data's centre and alpha.
 */
import { carried } from './carrier.ts';
import type { Law, RunInput } from './law.ts';

const EXPONENTS = [0.02, 0.04, 0.06, 0.09, 0.13, 0.18, 0.25, 0.33, 0.42, 0.55, 0.75, 1, 1.4, 2, 3];

/** The law in the column `input`, under the names that its paper gives the constants. */
export function purePower(
  input: RunInput,
  own: Pick<Law, 'name' | 'title' | 'formula' | 'reference'> & { scale: string; exponent: string },
): Law {
  const { scale, exponent, ...words } = own;
  return {
    ...words,
    inputs: [input],
    ...carried([scale, exponent], [{ kind: 'scale', exponent: 1, shift: (centre) => centre[0]! }, { kind: 'plain' }]),
    coordinates: ['log_L_centred', 'alpha'],
    optional_terms: [],
    plausible: [{ param: exponent, low: 0.005, high: 5 }],
    logLoss(theta, u, gradient) {
      gradient[0] = 1;
      gradient[1] = -u[0]!;
      return theta[0]! - theta[1]! * u[0]!;
    },
    *starts(_centre, logLoss) {
      for (const alpha of EXPONENTS) yield Float64Array.of(logLoss, alpha);
    },
    separable: {
      axes: [exponent],
      grid: [EXPONENTS],
      num_amplitudes: 1,
      columns(exponents, u, logL, columns) {
        columns[0] = Math.exp(-exponents[0]! * u[0]! - logL);
        return 1;
      },
      theta: (exponents, amplitudes) => Float64Array.of(Math.log(amplitudes[0]!), exponents[0]!),
      amplitude: (_exponents, coordinate) => Math.exp(coordinate),
    },
  };
}

/** @file A law whose residuals are those of the loss itself, in nats, in place of its logarithm.
 * `F = sum_i w_i rho(L_hat_i - L_i)`: the same law with `logLoss` giving L_hat and its derivatives, for a problem whose
 * targets are the losses. High losses weigh more than under log residuals; a corner delta is in nats a token. Everything
 * that minimises works on it as on any other law.
 */
import type { Law, Separable } from './law.ts';

/** The law on raw loss. */
export function rawLoss<Input extends string>(law: Law<Input>): Law<Input> {
  const { separable, centredAt } = law;
  return {
    ...law,
    is_raw: true,
    logLoss(theta, u, gradient) {
      const L = Math.exp(law.logLoss(theta, u, gradient));
      for (let k = 0; k < gradient.length; k++) gradient[k]! *= L;
      return L;
    },
    starts: (centre, loss) => law.starts(centre, Math.log(loss)),
    ...(separable ? { separable: rawSeparable(separable) } : {}),
    ...(centredAt ? { centredAt: (centre: Float64Array) => rawLoss(centredAt.call(law, centre)) } : {}),
  };
}

/** The amplitudes by errors of the loss: columns and target times L. */
function rawSeparable(separable: Separable): Separable {
  return {
    ...separable,
    columns(exponents, u, L, columns) {
      const target = separable.columns(exponents, u, Math.log(L), columns);
      for (let j = 0; j < separable.num_amplitudes; j++) columns[j]! *= L;
      return target * L;
    },
  };
}

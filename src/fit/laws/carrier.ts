/** @file Between a law's constants and its coordinates, by the carriers that the law declares.
 * Amplitudes as the logs of their terms at the data's centre decouple them from the exponents: the condition number
 * of Chinchilla's law falls from 1e11 to about 10. One place for the arithmetic, so that `constrain` can hold, tie
 * and bound the constants of every law alike.
 */
import type { Carrier, Law, LawParams } from './law.ts';

/** A constant from its coordinate; `exponent` is the constant that the carrier names. */
export function constantOf(carrier: Carrier, theta: number, exponent: number, centre: Float64Array): number {
  switch (carrier.kind) {
    case 'plain':
      return theta;
    case 'log':
      return Math.exp(theta + (carrier.shift?.(centre) ?? 0));
    case 'term':
      return Math.exp(theta + exponent * carrier.shift(centre));
    case 'scale':
      return Math.exp(theta / exponent + carrier.shift(centre));
  }
}

/** The coordinate of a constant. */
export function coordinateOf(carrier: Carrier, value: number, exponent: number, centre: Float64Array): number {
  switch (carrier.kind) {
    case 'plain':
      return value;
    case 'log':
      return Math.log(value) - (carrier.shift?.(centre) ?? 0);
    case 'term':
      return Math.log(value) - exponent * carrier.shift(centre);
    case 'scale':
      return exponent * (Math.log(value) - carrier.shift(centre));
  }
}

/** The place of the exponent that a carrier reads; undefined where it reads none. */
export function exponentPlace(carrier: Carrier): number | undefined {
  return carrier.kind === 'term' || carrier.kind === 'scale' ? carrier.exponent : undefined;
}

/** What a law with these constants and carriers has in common with all others: `params`, `carriers` and the way
 * between coordinates and constants. A constant that is null is infinite: JSON has no infinity. */
export function carried(
  params: readonly string[],
  carriers: readonly Carrier[],
): Pick<Law, 'params' | 'carriers' | 'toParams' | 'fromParams'> {
  return {
    params,
    carriers,
    toParams(theta, centre) {
      const values: number[] = [];
      // Exponents carry themselves, so they come first.
      for (const pass of ['exponents', 'amplitudes'] as const)
        carriers.forEach((carrier, k) => {
          const place = exponentPlace(carrier);
          if ((place === undefined) === (pass === 'exponents'))
            values[k] = constantOf(carrier, theta[k]!, place === undefined ? 1 : values[place]!, centre);
        });
      return Object.fromEntries(params.map((name, k) => [name, values[k]!]));
    },
    fromParams(values: LawParams, centre) {
      const at = (k: number): number => {
        const value: number | null | undefined = values[params[k]!];
        return value === null ? Number.POSITIVE_INFINITY : (value ?? Number.NaN);
      };
      return Float64Array.from(carriers, (carrier, k) => {
        const place = exponentPlace(carrier);
        return coordinateOf(carrier, at(k), place === undefined ? 1 : at(place), centre);
      });
    },
  };
}

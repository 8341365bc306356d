/** @file The power mean of Chinchilla's two terms, `L = E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q)`.
 * q = 1 is the additive law, q -> infinity the larger of the two terms (`fix: {q: Infinity}`), q < 1 punishes balance. Our own extension,
 * after the finding that the additive form can fake an exponent where capacity and data limit each other; the
 * exponents a and b keep the additive law's formulas, since both terms shrink alike along the frontier.
 */
import { carried } from './carrier.ts';
import { chinchilla } from './chinchilla.ts';
import type { Law } from './law.ts';

/** Our own grid of starts: shapes q, exponents, and shares of the typical loss for the three terms. */
const SHAPES = [0.4, 0.7, 1, 2, 5];
const EXPONENTS = [0.1, 0.25, 0.5, 1];
const SHARES = [
  [0.8, 0.1, 0.1],
  [0.5, 0.25, 0.25],
  [0.2, 0.4, 0.4],
  [0.5, 0.4, 0.1],
  [0.5, 0.1, 0.4],
] as const;

export const powerMean: Law = {
  name: 'power_mean',
  title: 'power mean of the terms in N and D',
  formula: 'L = E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q)',
  reference: 'extends Hoffmann et al. 2022, arXiv 2203.15556',
  inputs: ['N', 'D'],
  ...carried([...chinchilla.params, 'q'], [...chinchilla.carriers, { kind: 'log' }]),
  coordinates: [...chinchilla.coordinates, 'log_q'],
  optional_terms: [0],
  may_be_infinite: ['q'],
  plausible: [...chinchilla.plausible, { param: 'q', low: 0.1, high: 20 }],
  logLoss(theta, u, gradient) {
    const e = theta[0]!;
    const n = theta[1]! - theta[3]! * u[0]!;
    const d = theta[2]! - theta[4]! * u[1]!;
    // At infinity the largest double does the same and has no 0 x infinity.
    const q = Math.min(Math.exp(theta[5]!), Number.MAX_VALUE);
    const larger = Math.max(n, d);
    const gapN = n - larger;
    const gapD = d - larger;
    const rawN = Math.exp(q * gapN);
    const rawD = Math.exp(q * gapD);
    const shareN = rawN / (rawN + rawD);
    const shareD = rawD / (rawN + rawD);
    const spread = Math.log(rawN + rawD) / q;
    const reducible = larger + spread;
    const top = Math.max(e, reducible);
    const pE = Math.exp(e - top);
    const pR = Math.exp(reducible - top);
    const sum = pE + pR;
    const weight = pR / sum;
    gradient[0] = pE / sum;
    gradient[1] = weight * shareN;
    gradient[2] = weight * shareD;
    gradient[3] = -u[0]! * weight * shareN;
    gradient[4] = -u[1]! * weight * shareD;
    gradient[5] = weight * (shareN * gapN + shareD * gapD - spread);
    return top + Math.log(sum);
  },
  *starts(_centre, logLoss) {
    for (const q of SHAPES)
      for (const alpha of EXPONENTS)
        for (const beta of EXPONENTS)
          for (const shares of SHARES)
            yield Float64Array.of(...shares.map((share) => logLoss + Math.log(share)), alpha, beta, Math.log(q));
  },
  separable: {
    ...chinchilla.separable!,
    /** Linear at q = 1 only; a term of zero starts at a thousandth, since it shapes the other one here. */
    theta(exponents, amplitudes) {
      const largest = Math.max(...Array.from(amplitudes));
      const present = Array.from(amplitudes, (x, k) => (k === 0 ? x : Math.max(x, 1e-3 * largest)));
      return Float64Array.of(...chinchilla.separable!.theta(exponents, present), 0);
    },
  },
  exponents: chinchilla.exponents!,
};

/** @file The law of repeated data, `L = E + A/N'^alpha + B/D'^beta` with effective parameters and tokens.
 * Source: Muennighoff et al. 2023, arXiv 2305.16264, sections 3 and 5: `D' = U_D (1 + R_D* (1 - exp(-R_D/R_D*)))` for
 * `R_D = D/U_D - 1` repetitions of U_D = min(U, D) unique tokens, and N' alike with U_N = min(N, N_opt(U_D)), the size
 * that is best for the unique tokens. We differ: all seven constants can be fitted at once (the paper holds E, A, B
 * and alpha = beta, which `fix` and `tie` do), and N_opt is that of the constants being fitted.
 * The paper's R_D* = 15.4 is a local optimum of a nearly flat valley: look at the profile.
 */
import { carried } from './carrier.ts';
import { chinchilla } from './chinchilla.ts';
import type { Law } from './law.ts';

/** Repetition constants of the starting points, close together: along its flat valley a Huber objective has an optimum
 * every factor of two. Then those at which variable projection solves the amplitudes. */
const REPETITIONS_D = [1, 2, 5, 10, 20, 40, 60, 90, 140, 250];
const REPETITIONS_N = [0.7, 1.2, 1.7, 2.5, 5, 15, 60];
const TYPICAL = { R_D_star: 15, R_N_star: 5 };
const EXPONENTS = [0.15, 0.35, 0.6];
const SHARES = [
  [0.7, 0.15, 0.15],
  [0.4, 0.3, 0.3],
] as const;

/** Value and derivatives of `log(x'/x0)` for x = x0 (1 + R): by log x, by log R*. */
interface Effective {
  log: number;
  by_unique: number;
  by_constant: number;
}

/** Effective amount per unique amount: `log(1 + R* (1 - exp(-R/R*)))`, R = exp(excess) - 1; none below one epoch. */
function effective(excess: number, constant: number, out: Effective): Effective {
  const R = Math.expm1(Math.max(excess, 0));
  const kept = Math.exp(-R / constant);
  const gained = -constant * Math.expm1(-R / constant);
  out.log = Math.log1p(gained);
  out.by_unique = 1 - (kept * (R + 1)) / (1 + gained);
  out.by_constant = (gained - kept * R) / (1 + gained);
  return out;
}

/** The law where the centres of log D and log U lie `offset` apart. */
function dataConstrained(offset: number): Law {
  const [onN, onD]: [Effective, Effective] = [
    { log: 0, by_unique: 0, by_constant: 0 },
    { log: 0, by_unique: 0, by_constant: 0 },
  ];
  return {
    name: 'data_constrained',
    title: 'additive law with repeated data',
    formula:
      "L = E + A/N'^alpha + B/D'^beta, D' = U_D + U_D R_D* (1 - exp(-R_D/R_D*)), N' alike; " +
      'R_D* is R_D_star, R_N* is R_N_star',
    reference: 'Muennighoff et al. 2023, arXiv 2305.16264',
    inputs: ['N', 'D', 'U'],
    ...carried(
      [...chinchilla.params, 'R_D_star', 'R_N_star'],
      [...chinchilla.carriers, { kind: 'log' }, { kind: 'log' }],
    ),
    coordinates: [...chinchilla.coordinates, 'log_R_D_star', 'log_R_N_star'],
    optional_terms: [0],
    plausible: [
      ...chinchilla.plausible,
      { param: 'R_D_star', low: 0.1, high: 1000 },
      { param: 'R_N_star', low: 0.1, high: 1000 },
    ],
    logLoss(theta, u, gradient) {
      const [a, b, alpha, beta] = [theta[1]!, theta[2]!, theta[3]!, theta[4]!];
      const [RD, RN] = [Math.exp(theta[5]!), Math.exp(theta[6]!)];
      // U on the scale of D; fewer tokens than unique ones are all unique.
      const uniqueD = Math.min(u[2]! + offset, u[1]!);
      const tokens = effective(u[1]! - uniqueD, RD, onD);
      // alpha A N^-alpha = beta B U_D^-beta at the size that is best for U_D.
      const best = (Math.log(alpha / beta) + a - b + beta * uniqueD) / alpha;
      const is_excess = best < u[0]!;
      const uniqueN = is_excess ? best : u[0]!;
      const params = effective(u[0]! - uniqueN, RN, onN);
      const logN = uniqueN + params.log;
      const logD = uniqueD + tokens.log;
      const e = theta[0]!;
      const n = a - alpha * logN;
      const d = b - beta * logD;
      const top = Math.max(e, n, d);
      const [rawE, rawN, rawD] = [Math.exp(e - top), Math.exp(n - top), Math.exp(d - top)];
      const sum = rawE + rawN + rawD;
      const [pN, pD] = [rawN / sum, rawD / sum];
      // Through N': the derivative by the unique parameters, where they are N_opt(U_D).
      const by_best = is_excess ? -alpha * pN * params.by_unique : 0;
      gradient[0] = rawE / sum;
      gradient[1] = pN + by_best / alpha;
      gradient[2] = pD - by_best / alpha;
      gradient[3] = -logN * pN + (by_best * (1 / alpha - best)) / alpha;
      gradient[4] = -logD * pD + (by_best * (uniqueD - 1 / beta)) / alpha;
      gradient[5] = -beta * pD * tokens.by_constant;
      gradient[6] = -alpha * pN * params.by_constant;
      return top + Math.log(sum);
    },
    centredAt: (centre) => dataConstrained(centre[2]! - centre[1]!),
    *starts(_centre, logLoss) {
      for (const alpha of EXPONENTS)
        for (const beta of EXPONENTS)
          for (const shares of SHARES)
            for (const RD of REPETITIONS_D)
              for (const RN of REPETITIONS_N) {
                const terms = shares.map((share) => logLoss + Math.log(share));
                yield Float64Array.of(...terms, alpha, beta, Math.log(RD), Math.log(RN));
              }
    },
    separable: {
      ...chinchilla.separable!,
      /** Linear at typical repetition constants and without excess parameters only. */
      columns(exponents, u, logL, columns) {
        const unique = Math.min(u[2]! + offset, u[1]!);
        const tokens = effective(u[1]! - unique, TYPICAL.R_D_star, onD);
        return chinchilla.separable!.columns(exponents, Float64Array.of(u[0]!, unique + tokens.log), logL, columns);
      },
      /** A term of zero starts at a thousandth: the law needs both for N_opt. */
      theta(exponents, amplitudes) {
        const largest = Math.max(...Array.from(amplitudes));
        const present = Array.from(amplitudes, (x, k) => (k === 0 ? x : Math.max(x, 1e-3 * largest)));
        const repetition = [Math.log(TYPICAL.R_D_star), Math.log(TYPICAL.R_N_star)];
        return Float64Array.of(...chinchilla.separable!.theta(exponents, present), ...repetition);
      },
    },
    exponents: chinchilla.exponents!,
  };
}

export const dataConstrainedLaw = dataConstrained(0);

/** @file The truncated zeta law p(r) = r^-sigma / Z on ranks 1 .. K, with sigma = 1 + tail.
 * Gives the synthetic language its exact entropy, exact draws and the exact probability of every record.
 * Sums: directly to 10,000, the rest by Euler-Maclaurin, whose first left-out term is below 1e-19 there;
 * so K = 2^40 and K = Infinity cost the same. Draws: Devroye 1986, chapter X.6, rejection from floor(U^(-1/tail)).
 * We draw U only where that is at most K: the law is that of drawing again while r > K, without the waste.
 */
import type { Rng } from '../lib/rng.ts';

const NUM_DIRECT = 10_000;

/** A truncated zeta law with its two sums. */
export interface ZipfLaw {
  /** s > 0 */
  tail: number;
  /** K, ranks that exist; may be Infinity. */
  size: number;
  /** ln Z, Z = sum over r of r^-(1+tail). */
  log_z: number;
  /** Expected ln r. */
  mean_log_rank: number;
}

/** The integrals of `e^(-s t)` and `t e^(-s t)` over 0 .. length; a power series where `s length` is small. */
function exponentialMoments(s: number, length: number): [number, number] {
  if (length === Infinity) return [1 / s, 1 / (s * s)];
  const x = s * length;
  if (x > 0.5) {
    return [-Math.expm1(-x) / s, (1 - (1 + x) * Math.exp(-x)) / (s * s)];
  }
  let zeroth = 0;
  let first = 0;
  let term = 1;
  for (let k = 0; k < 24; k++) {
    zeroth += term / (k + 1);
    first += term / (k + 2);
    term *= -x / (k + 1);
  }
  return [zeroth * length, first * length * length];
}

/** Sums of `r^-sigma` and `r^-sigma ln r` over from < r <= to, by Euler-Maclaurin up to the first derivative. */
function tailSums(tail: number, from: number, to: number): [number, number] {
  const sigma = 1 + tail;
  const value = (x: number) => (x === Infinity ? 0 : x ** -sigma);
  const slope = (x: number) => (x === Infinity ? 0 : -sigma * x ** -(sigma + 1));
  const logValue = (x: number) => (x === Infinity ? 0 : x ** -sigma * Math.log(x));
  const logSlope = (x: number) => (x === Infinity ? 0 : x ** -(sigma + 1) * (1 - sigma * Math.log(x)));
  // With x = from * e^t the integrals are those of e^(-tail t) and t e^(-tail t).
  const [zeroth, first] = exponentialMoments(tail, Math.log(to / from));
  const scale = from ** -tail;
  const ends = (f: (x: number) => number, g: (x: number) => number) => (f(to) - f(from)) / 2 + (g(to) - g(from)) / 12;
  return [scale * zeroth + ends(value, slope), scale * (Math.log(from) * zeroth + first) + ends(logValue, logSlope)];
}

/** The law with `sigma = 1 + tail` on 1 .. size; `tail` > 0, `size` a whole number or Infinity. */
export function zipfLaw(tail: number, size: number): ZipfLaw {
  const sigma = 1 + tail;
  const num_direct = Math.min(size, NUM_DIRECT);
  let z = 0;
  let weighted = 0;
  if (size > num_direct) [z, weighted] = tailSums(tail, num_direct, size);
  // Smallest terms first: rounding stays at the last digit.
  for (let r = num_direct; r >= 1; r--) {
    const p = r ** -sigma;
    z += p;
    weighted += p * Math.log(r);
  }
  return { tail, size, log_z: Math.log(z), mean_log_rank: weighted / z };
}

/** Entropy of one rank in nats: `ln Z + sigma E[ln r]`. */
export function zipfEntropy(law: ZipfLaw): number {
  return law.log_z + (1 + law.tail) * law.mean_log_rank;
}

/** `-ln p(rank) = sigma ln rank + ln Z`, nats. */
export function zipfNll(law: ZipfLaw, rank: number): number {
  return (1 + law.tail) * Math.log(rank) + law.log_z;
}

/** A uniform number in [0, 1] with 96 random bits: small values, which give large ranks, keep a full mantissa. */
export function fineUniform(rng: Rng): number {
  const high = rng();
  const middle = rng() * 2 ** -32;
  return high + (middle + rng() * 2 ** -64);
}

/** A function that draws ranks from the law; expected tries under 2. Ranks are exact up to 2^52. */
export function rankSampler({ tail, size }: ZipfLaw): (rng: Rng) => number {
  const lowest = size === Infinity ? 0 : (size + 1) ** -tail;
  const growthAtOne = Math.expm1(tail * Math.LN2);
  return (rng) => {
    for (;;) {
      const u = lowest + (1 - lowest) * fineUniform(rng);
      const rank = Math.floor(u ** (-1 / tail));
      // growth = (1 + 1/rank)^tail - 1; Devroye: T = 1 + growth, b = 1 + growthAtOne.
      const growth = Math.expm1(tail * Math.log1p(1 / rank));
      const is_kept = (rng() * rank * growth) / growthAtOne <= (1 + growth) / (1 + growthAtOne);
      if (is_kept && rank <= size) return rank;
    }
  };
}

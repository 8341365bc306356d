/** @file Seeded random streams.
 * One integer seed fans out to named, independent streams ("init", "data", "bootstrap" ...), so that
 * drawing more from one never shifts another. The generator is seedrandom's alea. `Math.random` is
 * banned in this project: every random number comes from here.
 */
import seedrandom from 'seedrandom';

/** A source of uniform numbers in [0, 1). */
export type Rng = () => number;

/** The stream `name` of `seed`; equal arguments give equal numbers on every platform. */
export function rngStream(seed: number, name: string): Rng {
  return seedrandom.alea(`${seed}/${name}`);
}

/** One draw from the standard normal distribution (Box-Muller, one of the pair is discarded). */
export function normal(rng: Rng): number {
  const u = 1 - rng();
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * rng());
}

/** An integer drawn uniformly from 0 .. n-1. */
export function randomInt(rng: Rng, n: number): number {
  return Math.floor(rng() * n);
}

/** @file Bias-corrected and accelerated (BCa) bootstrap intervals: which percentiles of the draws to take.
 * Source: Efron 1987, J. Am. Stat. Assoc. 82; with several strata the acceleration of Davison & Hinkley 1997,
 * Bootstrap Methods and their Application, section 5.3. The bias is the share of draws below the estimate, ties
 * counted half, since a constant at zero ties with many of its draws.
 */
import { groupBy } from '../../lib/group-by.ts';
import { normalCdf, normalQuantile } from '../math/normal.ts';

/** What leaving out one unit does: the value without it, and how many units its stratum has. */
export interface Jackknifed {
  value: number;
  stratum: number;
  stratum_size: number;
}

/** The two percentiles (shares between 0 and 1) of `draws` that end the BCa interval at `level`.
 * `z0 = Phi^-1(share of draws below the estimate)`, `p = Phi(z0 + (z0 + z)/(1 - a (z0 + z)))` at z of each tail. */
export function bcaShares(
  draws: readonly number[],
  estimate: number,
  jackknife: readonly Jackknifed[],
  level: number,
): [number, number] {
  const below = draws.reduce((sum, x) => sum + (x < estimate ? 1 : x === estimate ? 0.5 : 0), 0);
  // An estimate beyond all its draws is taken as half a draw away from their end.
  const half = 0.5 / draws.length;
  const z0 = normalQuantile(Math.min(1 - half, Math.max(half, below / draws.length)));
  const a = acceleration(jackknife);
  const share = (z: number): number => {
    const shifted = z0 + z;
    const stretch = 1 - a * shifted;
    // A stretch that is not positive has left the range in which the correction means anything.
    return stretch > 0 ? normalCdf(z0 + shifted / stretch) : z > 0 ? 1 : 0;
  };
  const tail = normalQuantile((1 - level) / 2);
  return [share(tail), share(-tail)];
}

/** A sixth of the skewness of the influence values; 0 where nothing changes by leaving out. */
function acceleration(jackknife: readonly Jackknifed[]): number {
  const strata = groupBy(jackknife, ({ stratum }) => stratum);
  let cubes = 0;
  let squares = 0;
  for (const units of strata.values()) {
    const mean = units.reduce((sum, u) => sum + u.value, 0) / units.length;
    for (const { value, stratum_size: n } of units) {
      const influence = ((n - 1) / n) * (mean - value);
      cubes += influence ** 3;
      squares += influence ** 2;
    }
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
}

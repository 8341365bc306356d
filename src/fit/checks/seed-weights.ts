/** @file What the noise from seed to seed says of how a law is fitted: the Huber corner and the weights of the runs.
 * With 1-3% of noise a corner of 1e-3 makes of every Huber fit one of absolute error; a corner scaled to the spread of
 * repeated runs stays quadratic for noise and turns linear for accidents. Weights are inverse variances by model size,
 * since small models are often the noisier; a size with few repeats leans on the pooled variance.
 */
import { tooLittle } from '../diagnostic.ts';
import { type FitPoint, sizeOf } from '../point.ts';
import { pureError } from './seed-noise.ts';

/** Standard deviation of log loss from seed to seed, its degrees of freedom, and the corner that suits it. */
export interface SeedNoise {
  sd: number;
  freedom: number;
  delta: number;
}

/** Corner in standard deviations: 95% efficiency under normal noise (Huber 1964, Ann. Math. Stat. 35). */
const CORNER = 1.345;
/** Degrees of freedom that the pooled variance counts for beside a size's own. assumption: a handful of repeats. */
const PRIOR_FREEDOM = 4;

/** The spread over runs of equal N and D.
 * @throws LabError('too_little_data') where no two points share N and D, or all such have one loss.
 */
export function seedNoise(points: readonly FitPoint[]): SeedNoise {
  const noise = pureError(points);
  if (!noise)
    throw tooLittle(
      'too_few_points',
      'no two runs share N and D, so the spread from seed to seed is not known; repeat a few runs with other seeds',
    );
  if (!(noise.sd > 0))
    throw tooLittle('too_few_points', 'runs of equal N and D have equal losses: there is no spread from seed to seed');
  return { sd: noise.sd, freedom: noise.df, delta: CORNER * noise.sd };
}

/** The points with weights by seed noise: `1/s^2` of their size over the mean of all, times the weight they have.
 * A size's own variance counts by its repeats, the pooled one as four more.
 * @throws LabError('too_little_data') as `seedNoise`.
 */
export function weightedBySeeds(points: readonly FitPoint[]): FitPoint[] {
  const pooled = seedNoise(points).sd ** 2;
  const sizes = sizeOf(points.map((p) => p.N));
  const raw = new Map<number, number>();
  for (const size of new Set(sizes)) {
    const own = pureError(points.filter((_, i) => sizes[i] === size));
    const squares = (own ? own.df * own.sd ** 2 : 0) + PRIOR_FREEDOM * pooled;
    raw.set(size, (pooled * ((own?.df ?? 0) + PRIOR_FREEDOM)) / squares);
  }
  const mean = sizes.reduce((sum, size) => sum + raw.get(size)!, 0) / sizes.length;
  return points.map((p, i) => ({ ...p, weight: ((p.weight ?? 1) * raw.get(sizes[i]!)!) / mean }));
}

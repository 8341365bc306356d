/** @file Whether the loss falls faster with D than before: a plateau (on text, the bigrams) and then a drop, which no power
 * law has. Under `E + A/N^alpha + B/D^beta` the slope -d ln L/d ln D of a size only falls with D; sizes whose slope rises
 * together, where the same D is, have passed from one regime into another. One law through both has the wrong
 * exponents, and its bootstrap does not see it. The scan of `phase-change.ts` says from which D on a law holds.
 */
import { formatFlops } from '../../lib/format.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { normalQuantile } from '../math/normal.ts';
import { byLabel, type FitPoint, sizeOf } from '../point.ts';
import { pureError } from './seed-noise.ts';

/** Probability of a false alarm over all places that are tried together. */
const SIGNIFICANCE = 0.01;
/** Bins of ln D in which sizes are pooled, a decade: a change of regime takes about half a decade of D. */
const BINS_PER_DECADE = 3;
/** A rise of the slope worth a word: half of an exponent of .3, less the fall that any floor brings. */
const RISE = 0.1;
/** Degrees of freedom of pure error from which on it is believed. */
const ENOUGH_REPEATS = 4;
/** Scatter of log loss below this is rounding. */
const ROUNDING = 1e-9;

/** A step of one size: mean losses at two neighbouring horizons. */
interface Step {
  from: number;
  to: number;
  slope: number;
  variance: number;
}

/** Slopes -d ln L/d ln D that rise with D, pooled over sizes; `sd` is the scatter of log loss where no runs are
 * repeated. Nothing for points of fewer than three horizons a size. */
export function judgeSlopes(points: readonly FitPoint[], sd: number): Diagnostic[] {
  const repeated = pureError(points);
  const noise = repeated && repeated.df >= ENOUGH_REPEATS ? repeated.sd : sd;
  if (!(noise > ROUNDING)) return [];
  const sizes = sizeOf(points.map((p) => p.N));
  const bins = new Map<number, { sum: number; weight: number; D: number; count: number }>();
  for (const own of byLabel(points, sizes)) {
    const steps = stepsOf(own, noise);
    steps.slice(1).forEach((after, i) => {
      const before = steps[i]!;
      // The loss between them enters both slopes with opposite signs.
      const shared = noise ** 2 / ((before.to - before.from) * (after.to - after.from));
      const weight = 1 / (before.variance + after.variance + 2 * shared);
      const key = Math.floor((BINS_PER_DECADE * after.from) / Math.LN10);
      const bin = bins.get(key) ?? { sum: 0, weight: 0, D: 0, count: 0 };
      bins.set(key, {
        sum: bin.sum + weight * (after.slope - before.slope),
        weight: bin.weight + weight,
        D: bin.D + weight * after.from,
        count: bin.count + 1,
      });
    });
  }
  if (bins.size === 0) return [];
  const limit = normalQuantile(1 - SIGNIFICANCE / bins.size);
  const rises = [...bins.values()].flatMap(({ sum, weight, D, count }) => {
    const rise = sum / weight;
    return rise > RISE && rise * Math.sqrt(weight) > limit ? [{ rise, count, D: Math.exp(D / weight) }] : [];
  });
  if (rises.length === 0) return [];
  rises.sort((x, y) => x.D - y.D);
  const largest = rises.reduce((most, own) => (own.rise > most.rise ? own : most));
  const last = rises.at(-1)!;
  return [
    warn(
      'phase_change',
      `around D = ${formatFlops(last.D)} the loss falls faster than before it: -d ln L/d ln D rises by ` +
        `${largest.rise.toFixed(2)} (${largest.count} sizes), where under the law it can only fall; fit the runs beyond it alone ` +
        '(a minimum of tokens)',
      {
        D: rises.map(({ D }) => D),
        rise: rises.map(({ rise }) => rise),
        num_sizes: rises.map(({ count }) => count),
        sd: noise,
        limit: RISE,
      },
    ),
  ];
}

/** The slopes between neighbouring horizons of one size, repeated horizons averaged, smallest D first. */
function stepsOf(own: readonly FitPoint[], sd: number): Step[] {
  const horizons = sizeOf(own.map((p) => p.D));
  const ends = byLabel(own, horizons).map((same) => {
    const mean = (of: (p: FitPoint) => number): number => same.reduce((sum, p) => sum + of(p), 0) / same.length;
    return { x: mean((p) => Math.log(p.D)), y: mean((p) => Math.log(p.L)), variance: sd ** 2 / same.length };
  });
  return ends.slice(1).map((end, i) => {
    const start = ends[i]!;
    const h = end.x - start.x;
    return {
      from: start.x,
      to: end.x,
      slope: (start.y - end.y) / h,
      variance: (start.variance + end.variance) / h ** 2,
    };
  });
}

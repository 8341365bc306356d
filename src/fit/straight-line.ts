/** @file How straight a loss is in logs: the exponent of the best line, and how far the curve bends away from it.
 * Kaplan et al. 2020 (arXiv 2001.08361) read pure power laws off straight lines in log-log plots. A quadratic that is not
 * significant proves no line, so the bend is measured: with `ln L = c0 + c1 u + c2 u^2`, u from the middle of the range
 * and h half the range, no line is nearer to the parabola than `|c2| h^2 / 2` everywhere. A law with a floor that predicts
 * left-out x better than the line is said too. Least squares over the x, whose runs are averaged in logs; errors are those
 * of least squares, from the scatter of the x: a bootstrap over eight x draws parabolas through three, and overstates the
 * bend's error by 1.8 (simulated).
 */
import { attempt } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { type CurvePoint, fitCurve, predictCurve } from './curve.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { leastSquares } from './math/householder.ts';
import { byLabel, sizeOf } from './point.ts';

/** A line in logs as plain data. */
export interface StraightLineFit {
  params: {
    /** `-d ln L / d ln x` of the best line. */
    slope: number;
    /** `c2 h^2 / 2`, in log loss: above 0 where the curve flattens, as towards a floor; below 0 where it steepens. */
    bend: number;
  };
  /** Such that 1.645 of them to either side hold the truth in 90% of cases, few as the x are (Student). */
  standard_errors: { slope: number; bend: number };
  /** Root mean square distance of the x from the line, in log loss. */
  rms: number;
  num_points: number;
  num_distinct: number;
  range: { x: [number, number]; L: [number, number] };
  diagnostics: Diagnostic[];
}

/** Distinct x: the parabola's three constants and two to spare. */
const MIN_DISTINCT = 5;
/** Standard errors by which the law with a floor must be better on the x left out. */
const BETTER = 2;
/** Errors of log loss below which both laws are exact. */
const ROUNDING = 1e-9;
const Z95 = 1.6448536269514722;

/** One x, from the middle of the range, with the mean log loss of its runs. */
interface Place {
  u: number;
  y: number;
}

/** Fits the line and the parabola; `floor` is taken off every loss first, so that the line is the reducible loss's.
 * @throws LabError('usage') for a floor that is not below every loss; LabError('too_little_data') below 5 distinct x.
 */
export function fitStraightLine(points: readonly CurvePoint[], { floor = 0 } = {}): StraightLineFit {
  const kept = points.filter(({ x, L }) => [x, L].every((v) => Number.isFinite(v) && v > 0));
  const [x, losses] = [kept.map((point) => point.x), kept.map(({ L }) => L)];
  const lowest = Math.min(...losses);
  const ends: [number, number] = [Math.min(...x), Math.max(...x)];
  const middle = Math.log(ends[0] * ends[1]) / 2;
  const half = Math.log(ends[1]) - middle;
  const places = placesOf(kept, middle, floor);
  if (places.length < MIN_DISTINCT)
    throw tooLittle('too_few_points', `${places.length} distinct x; a line and its bend need ${MIN_DISTINCT}`);
  if (!(floor >= 0 && floor < lowest))
    throw new LabError('usage', `invalid floor: ${floor} is not from 0 to below the lowest loss ${lowest}`);
  const line = polynomial(places, 1);
  const parabola = polynomial(places, 2);
  const scale = (half * half) / 2;
  return {
    params: { slope: -line.solution[1]!, bend: scale * parabola.solution[2]! },
    standard_errors: { slope: line.error, bend: scale * parabola.error },
    rms: Math.sqrt(line.sum_squares / places.length),
    num_points: kept.length,
    num_distinct: places.length,
    range: { x: ends, L: [lowest, Math.max(...losses)] },
    diagnostics: judgeRival(places),
  };
}

function placesOf(points: readonly CurvePoint[], middle: number, floor: number): Place[] {
  const labels = sizeOf(points.map(({ x }) => x));
  return byLabel(points, labels).map((own) => {
    const mean = (of: (point: CurvePoint) => number) => own.reduce((sum, point) => sum + of(point), 0) / own.length;
    return { u: mean(({ x }) => Math.log(x)) - middle, y: mean(({ L }) => Math.log(L - floor)) };
  });
}

/** Least squares, with the error of the highest coefficient: the scatter over what the lower powers leave of the
 * highest. */
function polynomial(places: readonly Place[], degree: number) {
  const powers = (u: number, upTo: number) => Array.from({ length: upTo + 1 }, (_, k) => u ** k);
  const rows = Float64Array.from(places.flatMap(({ u, y }) => [...powers(u, degree), y]));
  const { solution, sum_squares } = leastSquares(rows, degree + 1);
  const spread = leastSquares(Float64Array.from(places.flatMap(({ u }) => powers(u, degree))), degree).sum_squares;
  const freedom = places.length - degree - 1;
  const error = Math.sqrt(sum_squares / freedom / spread) * (student95(freedom) / Z95);
  return { solution, sum_squares, error };
}

/** The 95% quantile of Student's t, to 1% from 2 degrees of freedom on (Abramowitz & Stegun 1964, 26.7.5). */
function student95(freedom: number): number {
  const z = Z95;
  return (
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
  );
}

/** Whether a law with a floor predicts each x from the others better than the line does. */
function judgeRival(places: readonly Place[]): Diagnostic[] {
  const gains = places.flatMap(({ u, y }) => {
    const others = places.filter((place) => place.u !== u);
    const points = others.map((place) => ({ x: Math.exp(place.u), L: Math.exp(place.y) }));
    const { value: floored } = attempt(() => fitCurve(points, { law: 'saturating' }));
    if (!floored) return [];
    const [offset, slope] = polynomial(others, 1).solution as unknown as [number, number];
    return [(offset + slope * u - y) ** 2 - (Math.log(predictCurve(floored, Math.exp(u))) - y) ** 2];
  });
  if (gains.length < places.length) return [];
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / (gains.length - 1);
  const error = Math.sqrt(variance / gains.length);
  if (!(mean > Math.max(BETTER * error, ROUNDING ** 2))) return [];
  const message =
    'a law with a floor predicts the x left out better than a straight line, by ' +
    `${(mean / error).toFixed(1)} standard errors of the squared error`;
  return [warn('rival_better', message, { gain: mean, standard_error: error })];
}

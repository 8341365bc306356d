/** @file Whether a power law in one variable bends: a test of one break against none, and the broken law's constants.
 * A broken law has three more constants and always fits better, and where there is no break two of them mean nothing,
 * so the usual tables of F and chi-squared do not hold (Davies 1987, Biometrika 74). The statistic is the largest F
 * over places of the break, `sup_d F(d)`, of the extra slope `-c1 d log L/d c1` beside all that the unbroken law's own
 * constants can move (its tangent space at the optimum); its distribution under no break is simulated with normal
 * noise of equal size in log loss. Points along one training curve share their noise: for them the test is too keen.
 */
import { LabError } from '../../lib/errors.ts';
import { normal, rngStream } from '../../lib/rng.ts';
import { type CurveFit, type CurvePoint, fitCurve } from '../curve.ts';
import { tooLittle } from '../diagnostic.ts';
import { BESIDE, BREAK_WIDTHS } from '../laws/break-bounds.ts';
import type { LawParams } from '../laws/law.ts';
import { curveByName } from '../laws/registry.ts';
import { residuals } from '../minimise/objective.ts';
import { makeProblem } from '../minimise/problem.ts';

export interface BreakTestOptions {
  /** Probability of a false alarm that is accepted. Default .05. */
  significance?: number;
  /** Draws of the noise. Default 1999. */
  draws?: number;
  seed?: number;
  /** Width of the break in ln x while it is looked for; the fit frees it between .05 and 2. Default .3. */
  width?: number;
  /** Held floor of both laws; free where absent. */
  floor?: number;
}

export interface BreakTest {
  /** Whether p is below the significance. */
  is_justified: boolean;
  p: number;
  /** The largest F, and the x at which the break explains most. */
  F: number;
  x: number;
  significance: number;
  /** BIC of the law without a break less that with one: above 0 speaks for the break, above 10 strongly. */
  bic_difference: number;
  /** Slope of the reducible loss before and after the break, and where it is, by the fitted broken law. */
  break: { x: number; slope_before: number; slope_after: number };
  without: { params: LawParams; rms: number; num_free: number };
  with: { params: LawParams; rms: number; num_free: number; converged: boolean };
  num_points: number;
}

/** Places tried at most. */
const MAX_PLACES = 40;

/** Tests the points, one a run, for one break. Needs eight or more distinct x.
 * @throws LabError('usage') for bad options; LabError('too_little_data') for too few points.
 */
export function breakTest(points: readonly CurvePoint[], options: BreakTestOptions = {}): BreakTest {
  const { significance = 0.05, draws = 1999, seed = 0, width = 0.3, floor } = options;
  if (!(significance > 0 && significance < 1))
    throw new LabError('usage', `invalid significance: ${significance} is not between 0 and 1`);
  if (!Number.isInteger(draws) || draws < 1)
    throw new LabError('usage', `invalid draws: ${draws} is not a whole number of draws, 1 or more`);
  if (!(width > 0 && Number.isFinite(width))) throw new LabError('usage', `invalid width: ${width} is not positive`);
  const kept = points.filter(({ x, L, weight = 1 }) => [x, L, weight].every((v) => Number.isFinite(v) && v > 0));
  const x = [...new Set(kept.map((p) => p.x))].sort((a, b) => a - b);
  const least = 2 * BESIDE + 2;
  if (x.length < least)
    throw tooLittle(
      'too_few_points',
      `${x.length} distinct x; a break needs ${BESIDE} on either side, ${least} in all`,
    );
  const without = fitCurve(kept, floor === undefined ? {} : { fix: { E: floor } });
  const places = placesOf(x);
  const { columns, errors } = tangent(kept, without, places, { width, floor });
  const own = largestF(columns, errors.r, errors.freedom);
  const rng = rngStream(seed, 'break');
  let above = 0;
  for (let draw = 0; draw < draws; draw++) {
    const noise = errors.project(Float64Array.from(errors.r, () => normal(rng)));
    if (largestF(columns, noise, errors.freedom).F >= own.F) above++;
  }
  const p = (above + 1) / (draws + 1);
  const broken = fitCurve(kept, {
    law: 'broken_power_law',
    bounds: { d1: [places[0]!, places.at(-1)!], f1: BREAK_WIDTHS },
    ...(floor === undefined ? {} : { fix: { a: floor } }),
  });
  const [free, more] = [floor === undefined ? 3 : 2, floor === undefined ? 6 : 5];
  const { c0, c1, d1 } = broken.params as Record<'c0' | 'c1' | 'd1', number>;
  return {
    is_justified: p < significance,
    p,
    F: own.F,
    x: places[own.place]!,
    significance,
    bic_difference:
      kept.length * Math.log(without.objective / broken.objective) - (more - free) * Math.log(kept.length),
    break: { x: d1, slope_before: c0, slope_after: c0 + c1 },
    without: { params: without.params, rms: without.rms, num_free: free },
    with: { params: broken.params, rms: broken.rms, num_free: more, converged: broken.converged },
    num_points: kept.length,
  };
}

/** Places of a break: between neighbouring x, with enough points on either side. */
function placesOf(x: readonly number[]): number[] {
  const between = x.slice(BESIDE - 1, x.length - BESIDE).map((low, i) => Math.sqrt(low * x[BESIDE + i]!));
  const stride = Math.ceil(between.length / MAX_PLACES);
  return between.filter((_, i) => i % stride === 0);
}

/** The unit columns of the extra slope at each place and the residuals, both less what the unbroken law can move. */
function tangent(
  points: readonly CurvePoint[],
  without: CurveFit,
  places: readonly number[],
  { width, floor }: { width: number; floor: number | undefined },
) {
  const law = curveByName('saturating');
  const problem = makeProblem(
    law,
    points.map(({ x, L, weight = 1 }) => ({ x, L, weight })),
  );
  const theta = law.fromParams(without.params, problem.centre);
  const roots = problem.weight.map(Math.sqrt);
  const rows = problem.u.map((u) => {
    const row = new Float64Array(theta.length);
    law.logLoss(theta, u, row);
    return row;
  });
  const free = [...theta.keys()].filter((k) => Number.isFinite(theta[k]!) && !(k === 0 && floor !== undefined));
  const basis: Float64Array[] = [];
  const project = (v: Float64Array): Float64Array => {
    const out = Float64Array.from(v);
    // Twice, for orthogonality to rounding error.
    for (let round = 0; round < 2; round++)
      for (const q of basis) {
        const along = dot(out, q);
        for (let i = 0; i < out.length; i++) out[i]! -= along * q[i]!;
      }
    return out;
  };
  for (const k of free) {
    const unit = normalised(project(Float64Array.from(rows, (row, i) => roots[i]! * row[k]!)));
    if (unit) basis.push(unit);
  }
  const columns = places.map((place) => {
    const at = Math.log(place) - problem.centre[0]!;
    const column = Float64Array.from(rows, (row, i) => {
      const past = problem.u[i]![0]! - at;
      const bend = Math.max(past, 0) + width * Math.log1p(Math.exp(-Math.abs(past) / width));
      return -roots[i]! * row[1]! * bend;
    });
    return normalised(project(column)) ?? column.fill(0);
  });
  const r = project(residuals(problem, theta).map((x, i) => roots[i]! * x));
  return { columns, errors: { r, project, freedom: points.length - basis.length - 1 } };
}

/** The largest F of one more column, and which. */
function largestF(columns: readonly Float64Array[], r: Float64Array, freedom: number): { F: number; place: number } {
  const total = dot(r, r);
  let [most, place] = [0, 0];
  columns.forEach((column, i) => {
    const explained = dot(column, r) ** 2;
    if (explained > most) [most, place] = [explained, i];
  });
  return { F: (freedom * most) / Math.max(total - most, Number.MIN_VALUE), place };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The column at unit length; null where the basis spans it. */
function normalised(v: Float64Array): Float64Array | null {
  const length = Math.sqrt(dot(v, v));
  return length > 1e-10 ? v.map((x) => x / length) : null;
}

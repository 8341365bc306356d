/** @file The exponents against the least D kept, and whether they move: the runs before a change of regime in D (see
 * `slopes.ts`) follow another law. Under one law an exponent stays within its error when runs are left out, and the change
 * between a fit and one to part of its points has variance `V_part - V_all` (Hausman 1978, Econometrica 46).
 */
import { median } from 'simple-statistics';
import { attempt } from '../../lib/attempt.ts';
import { formatFlops } from '../../lib/format.ts';
import { lossOf } from '../answers/optimum.ts';
import { type FitOptions, fitLaw, type LawFit } from '../approach3.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { constrain } from '../laws/constrain.ts';
import type { Law, LawParams } from '../laws/law.ts';
import { lawByName } from '../laws/registry.ts';
import { normalCdf } from '../math/normal.ts';
import { linearise, standardError } from '../minimise/linear.ts';
import { robustLoss } from '../minimise/loss.ts';
import { makeProblem } from '../minimise/problem.ts';
import { type FitPoint, selectPoints } from '../point.ts';
import { MAD_TO_SD } from './lack-of-fit.ts';

/** Standard errors of the change that two neighbouring D_min must both exceed, on one side. Single places exceed even
 * three in 10% of sound draws, since the fits are curved; two neighbours exceed this in 5% (49 or 64 points, 1% noise). */
const STANDARD_ERRORS = 2.3;
/** How far an exponent may move over the scan: the margin by which claims are judged. */
const MARGIN = 0.05;
/** Places of D_min that are tried, the share of the points that every fit keeps, and how many at least for each free
 * constant: below that a fit's own scatter is too small to judge its error by. */
const PLACES = 6;
const KEPT = 0.4;
const POINTS_PER_CONSTANT = 3;
/** One fit of the scan. */
export interface MinTokensFit {
  /** Runs with fewer tokens are left out. */
  min_tokens: number;
  num_points: number;
  /** a where the law has exponents, else its first exponent. */
  exponent: number;
  /** Of the exponent, to first order, and of its change against that of all points, were they of one law. */
  standard_error: number;
  change_error: number;
  /** Root mean square error of log loss. */
  rms: number;
  /** p of the lack-of-fit test; null where it cannot be made. */
  lack_of_fit: number | null;
}

/** The exponent against the least D kept: all points first, then up to six D_min that keep two fifths of them or more, and
 * three a constant. Empty where the law has no D or all points cannot be fitted. */
export function scanMinTokens(points: readonly FitPoint[], options: FitOptions = {}): MinTokensFit[] {
  const { min_tokens: _, drop_highest: __, bootstrap: ___, ...rest } = options;
  const law = constrain(lawByName(options.law ?? 'chinchilla'), options);
  if (!law.inputs.includes('D')) return [];
  const { kept } = selectPoints(points, options);
  const all = fitOf(kept, law, rest);
  if (!all) return [];
  const errorOfAll = unitError(kept, law, all.params);
  const horizons = kept.map(({ D }) => D).sort((x, y) => x - y);
  const last = Math.floor((1 - KEPT) * horizons.length);
  const places = Array.from({ length: PLACES }, (_, i) => horizons[Math.floor(((i + 1) * last) / PLACES)]!);
  const first = rowOf(all, {
    min_tokens: horizons[0]!,
    standard_error: scatter(kept, all) * errorOfAll,
    change_error: 0,
  });
  const parts = [...new Set(places)].flatMap((D) => {
    const own = kept.filter((p) => p.D >= D);
    const fit = D > horizons[0]! ? fitOf(own, law, rest) : null;
    if (!fit) return [];
    const [sd, unit] = [scatter(own, fit), unitError(own, law, all.params)];
    const change_error = sd * Math.sqrt(Math.max(0, unit ** 2 - errorOfAll ** 2));
    return [rowOf(fit, { min_tokens: D, standard_error: sd * unit, change_error })];
  });
  return [first, ...parts];

  function rowOf(fit: LawFit, own: Pick<MinTokensFit, 'min_tokens' | 'standard_error' | 'change_error'>): MinTokensFit {
    const { num_points, residuals, lack_of_fit } = fit;
    const exponent = exponentOf(law, fit.params);
    return { ...own, num_points, exponent, rms: residuals.rms, lack_of_fit: lack_of_fit?.p ?? null };
  }
}

const exponentOf = (law: Law, params: LawParams): number =>
  law.exponents?.(params).a ?? params[law.plausible[0]?.param ?? ''] ?? Number.NaN;

/** The fit; null where the points cannot carry it. */
function fitOf(points: readonly FitPoint[], law: Law, options: FitOptions): LawFit | null {
  if (points.length < POINTS_PER_CONSTANT * law.coordinates.length) return null;
  const { value: fit } = attempt(() => fitLaw(points, options));
  return fit?.converged && Number.isFinite(exponentOf(law, fit.params)) ? fit : null;
}

/** Standard error of the exponent at given constants, for points with a scatter of one. At the constants of all points: a
 * part's own fit may have lost its floor, and with it most of its error. */
function unitError(points: readonly FitPoint[], law: Law, params: LawParams): number {
  const problem = makeProblem(law, points);
  const theta = law.fromParams(params, problem.centre);
  const at = linearise(problem, robustLoss('mse'), theta);
  const of = (moved: Float64Array): number => exponentOf(law, law.toParams(moved, problem.centre));
  return at ? standardError({ ...at, sd: 1 }, theta, of) : Number.POSITIVE_INFINITY;
}

/** Standard deviation of log loss about the fit, as its loss function weighs normal noise: from the median residual, those
 * that the constants make zero left aside. */
function scatter(points: readonly FitPoint[], { law, params, num_free, loss }: LawFit): number {
  const predicted = lossOf(lawByName(law), { law, params });
  const off = points.map((p) => Math.abs(Math.log(predicted(p) / p.L))).sort((x, y) => y - x);
  const sd = MAD_TO_SD * median(off.slice(0, -num_free));
  // Huber 1981, section 4.5: mean psi^2 over (mean psi')^2 for a corner of k standard deviations.
  const k = loss.name === 'mse' || loss.delta === null ? Number.POSITIVE_INFINITY : Math.max(loss.delta / sd, 1e-3);
  if (!Number.isFinite(k)) return sd;
  const slope = 2 * normalCdf(k) - 1;
  const density = Math.exp(-0.5 * k * k) / Math.sqrt(2 * Math.PI);
  return (sd * Math.sqrt(slope - 2 * k * density + 2 * k * k * (1 - normalCdf(k)))) / slope;
}

/** `phase_change` where the exponent of `scanMinTokens` moves by more than the margin and its error, at two neighbouring
 * D_min alike. */
export function judgeScan(scan: readonly MinTokensFit[]): Diagnostic[] {
  const [all, ...parts] = scan;
  if (!all) return [];
  const changes = parts.map(({ exponent, change_error }) => {
    const change = exponent - all.exponent;
    return Math.abs(change) > MARGIN && Math.abs(change) > STANDARD_ERRORS * change_error ? Math.sign(change) : 0;
  });
  const first = parts.find((_, i) => changes[i] !== 0 && changes[i] === changes[i + 1]);
  if (!first) return [];
  return [
    warn(
      'phase_change',
      `without the runs below D = ${formatFlops(first.min_tokens)} the exponent is ${first.exponent.toFixed(3)} in place of ` +
        `${all.exponent.toFixed(3)}, more than its error allows: runs with few tokens follow another law; say from which ` +
        'D on a claim holds, and fit those alone (a minimum of tokens)',
      {
        min_tokens: scan.map((own) => own.min_tokens),
        exponent: scan.map((own) => own.exponent),
        standard_error: scan.map((own) => own.standard_error),
        change_error: scan.map((own) => own.change_error),
        rms: scan.map((own) => own.rms),
        lack_of_fit: scan.map((own) => own.lack_of_fit),
        num_points: scan.map((own) => own.num_points),
        limit: MARGIN,
      },
    ),
  ];
}

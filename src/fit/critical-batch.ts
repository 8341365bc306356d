/** @file The critical batch size from training curves at several batch sizes, and what follows from it.
 * At a fixed loss, steps S and tokens E = B S trade along the hyperbola `(S/S_min - 1)(E/E_min - 1) = 1`, which is
 * `S = S_min (1 + B_crit/B)` with `B_crit = E_min/S_min`; over losses `B_crit(L) = B* / L^(1/alpha_B)`. Sources: Kaplan
 * et al. 2020, arXiv 2001.08361, section 5.1; McCandlish et al. 2018, arXiv 1812.06162. We differ: beside one
 * hyperbola a loss, all losses are fitted at once (each with its S_min, one B* and alpha_B), since a hyperbola whose
 * B_crit lies outside the batches says little by itself. Then `S_min = S/(1 + B_crit/B)`, `C_min = C/(1 + B/B_crit)`.
 */
import { LabError } from '../lib/errors.ts';
import { formatCount as count } from '../lib/format.ts';
import { type CurveFit, fitCurve } from './curve.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { monotoneCubic } from './math/interpolate.ts';
import { nnls } from './math/nnls.ts';
import { fitPowerLaw } from './math/power-law.ts';
import { lbfgs } from './minimise/lbfgs.ts';
import { type FitPoint, numDistinct } from './point.ts';
import { type BootstrapOptions, type BootstrapReport, bootstrap, type Interval } from './resample/bootstrap.ts';

/** One training curve at a constant batch. */
export interface BatchCurve {
  /** Tokens a batch. */
  B: number;
  /** Parameters; curves of one size share hyperbolas. 1 where absent. */
  N?: number;
  /** Loss, nats a token, after S steps; noise is taken off by the running minimum only, so smooth it first. */
  points: readonly { S: number; L: number }[];
}

export interface CriticalBatchOptions extends Omit<BootstrapOptions, 'cluster'> {
  /** Losses at which the curves are cut; else `num_losses` that at least three batches of a size reach. */
  losses?: readonly number[];
  /** Default 12 for each size. */
  num_losses?: number;
}

/** `B_crit(L) = B_star / L^(1/alpha_B)`, tokens. */
export interface CriticalBatch {
  B_star: number;
  alpha_B: number;
}

/** The steps and tokens that one loss takes at each batch. */
export interface Hyperbola {
  N: number;
  L: number;
  /** Steps at an infinite batch, tokens at an infinitesimal one. */
  S_min: number;
  E_min: number;
  /** E_min/S_min; null where the batches show one branch only. */
  B_crit: number | null;
  batches: { B: number; S: number }[];
  /** Root mean square error of log S. */
  rms: number;
}

export interface CriticalBatchFit extends CriticalBatch {
  formula: string;
  reference: string;
  intervals: Record<'B_star' | 'alpha_B', Interval> | null;
  standard_errors: Record<'B_star' | 'alpha_B', number> | null;
  hyperbolas: Hyperbola[];
  /** Root mean square error of log S in the joint fit. */
  rms: number;
  converged: boolean;
  num_curves: number;
  diagnostics: Diagnostic[];
  bootstrap: BootstrapReport | null;
  draws?: Record<string, number[]>;
}

/** Batches of one size that must reach a loss: a hyperbola has two constants. */
const MIN_BATCHES = 3;
const CONVERGED = 1e-9;
/** Points along a curve as a line in compute. */
const SAMPLES = 100;

/** B_crit at a loss: `B_star / L^(1/alpha_B)`, tokens. */
export function criticalBatch({ B_star, alpha_B }: CriticalBatch, L: number): number {
  return B_star / L ** (1 / alpha_B);
}

/** Runs as they would have been far above and far below the critical batch: S becomes S_min, C and D become C_min and
 * the tokens E_min that go with it.
 * @throws LabError('usage') for a run without B, tokens a batch. */
export function atCriticalBatch(points: readonly FitPoint[], law: CriticalBatch): FitPoint[] {
  return points.map((p, i) => {
    if (!(p.B !== undefined && p.B > 0))
      throw new LabError('usage', `${p.id ?? `point ${i + 1}`} has no B, tokens a batch: its S_min cannot be told`);
    const ratio = criticalBatch(law, p.L) / p.B;
    const share = 1 / (1 + 1 / ratio);
    return { ...p, S: (p.S ?? p.D / p.B) / (1 + ratio), C: p.C * share, D: p.D * share };
  });
}

/** One curve at one of the losses. */
interface Crossing {
  curve: number;
  cell: number;
  logB: number;
  logS: number;
}

/** Fits B* and alpha_B to curves at three or more batches a size.
 * @throws LabError('usage') for bad curves and options; LabError('too_little_data') where no two losses are reached at
 * three batches.
 */
export function fitCriticalBatch(curves: readonly BatchCurve[], options: CriticalBatchOptions = {}): CriticalBatchFit {
  const steps = curves.map(stepsToLoss);
  const cells: { N: number; L: number }[] = [];
  const crossings: Crossing[] = [];
  for (const N of new Set(curves.map((c) => c.N ?? 1))) {
    const own = curves.flatMap((c, i) => ((c.N ?? 1) === N ? [i] : []));
    for (const L of options.losses ??
      lossesOf(
        own.map((i) => steps[i]!),
        options.num_losses ?? 12,
      )) {
      const reached = own.flatMap((curve) => {
        const logS = steps[curve]!.at(Math.log(L));
        return logS === null ? [] : [{ curve, cell: cells.length, logB: Math.log(curves[curve]!.B), logS }];
      });
      if (numDistinct(reached.map((r) => Math.exp(r.logB))) < MIN_BATCHES) continue;
      cells.push({ N, L });
      crossings.push(...reached);
    }
  }
  if (numDistinct(cells.map(({ L }) => L)) < 2)
    throw tooLittle(
      'too_few_points',
      `${numDistinct(cells.map(({ L }) => L))} losses are reached at ${MIN_BATCHES} or more batches of one size, and alpha_B needs two; there are ` +
        `curves at ${numDistinct(curves.map(({ B }) => B))} batches, of ${numDistinct(curves.map(({ N }) => N ?? 1))} sizes`,
    );
  const logL = cells.map(({ L }) => Math.log(L));
  const hyperbolas = cells.map((cell, i) =>
    hyperbola(
      cell,
      crossings.filter((x) => x.cell === i),
    ),
  );
  const joint = solve(
    crossings,
    logL,
    crossings.map(() => 1),
    startFrom(hyperbolas),
  );
  const { losses: _, num_losses: __, ...rest } = options;
  const units = curves.map(({ B }, i) => ({ N: B, D: i + 1 }));
  const resampled = bootstrap(units, { ...rest, cluster: 'runs' }, (multiplicity) => {
    const weight = crossings.map(({ curve }) => multiplicity[curve]!);
    const batches = new Set(crossings.filter((_x, i) => weight[i]! > 0).map(({ logB }) => logB));
    if (batches.size < 2) return null;
    const { B_star, alpha_B, converged } = solve(crossings, logL, weight, joint.x);
    return converged ? { B_star, alpha_B } : null;
  });
  const { B_star, alpha_B, rms, converged } = joint;
  return {
    B_star,
    alpha_B,
    formula: 'B_crit = B_star / L^(1/alpha_B), S = S_min (1 + B_crit/B)',
    reference: 'Kaplan et al. 2020, arXiv 2001.08361, sec. 5.1; McCandlish et al. 2018, arXiv 1812.06162',
    intervals: resampled ? (resampled.intervals as CriticalBatchFit['intervals']) : null,
    standard_errors: resampled ? (resampled.standard_errors as CriticalBatchFit['standard_errors']) : null,
    hyperbolas,
    rms,
    converged,
    num_curves: curves.length,
    diagnostics: judge(curves, joint, logL),
    bootstrap: resampled?.report ?? null,
    ...(options.keep_draws && resampled ? { draws: resampled.draws } : {}),
  };
}

/** L(C_min) along the best curves: `kaplan_c` through the lower envelope of (C_min, L) over the sizes, C = 6 N B S.
 * A compute at which the smallest or the largest size is the best one is left out: a size beyond might be better.
 * @throws LabError('usage') for a curve without N; LabError('too_little_data') where no size between is the best.
 */
export function fitMinimumCompute(curves: readonly BatchCurve[], law: CriticalBatch, num_points = 40): CurveFit {
  const lines = curves.map((curve, i) => {
    const { N, B } = curve;
    if (N === undefined) throw new LabError('usage', `curve ${i + 1} has no N: its compute cannot be told`);
    const { at, low, high } = stepsToLoss(curve, i);
    const logL = Array.from({ length: SAMPLES }, (_, k) => high - ((high - low) * k) / (SAMPLES - 1));
    const compute = logL.map((l) => {
      const logS = at(l) ?? Number.NaN;
      return Math.log(6 * N * B) + logS - Math.log1p(B / criticalBatch(law, Math.exp(l)));
    });
    const [x, y] = increasing(compute, logL);
    return { N, at: monotoneCubic(x, y), from: x[0]!, to: x.at(-1)! };
  });
  const sizes = lines.map(({ N }) => N);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const [from, to] = [Math.min(...lines.map((l) => l.from)), Math.max(...lines.map((l) => l.to))];
  const envelope = Array.from({ length: num_points }, (_, k) => {
    const compute = from + ((to - from) * (k + 0.5)) / num_points;
    const met = lines.flatMap(({ N, at }) => {
      const logL = at(compute);
      return logL === null ? [] : [{ N, x: Math.exp(compute), L: Math.exp(logL) }];
    });
    return met.reduce<(typeof met)[number] | null>((best, p) => (best && best.L <= p.L ? best : p), null);
  });
  const inside = envelope.flatMap((p) => (p && p.N > smallest && p.N < largest ? [p] : []));
  if (inside.length < 3)
    throw tooLittle(
      'too_few_sizes',
      `L(C_min) is the best over sizes, and of ${numDistinct(sizes)} sizes one between the ends is the best at ` +
        `${inside.length} of ${num_points} budgets; 3 are needed`,
    );
  return fitCurve(inside, { law: 'kaplan_c' });
}

/** Pairs with strictly increasing x, for interpolation. */
function increasing(x: readonly number[], y: readonly number[]): [number[], number[]] {
  const keep: number[] = [];
  for (let i = 0; i < x.length; i++) if (keep.length === 0 || x[i]! > x[keep.at(-1)!]!) keep.push(i);
  return [keep.map((i) => x[i]!), keep.map((i) => y[i]!)];
}

/** log S as a function of log L along a curve's running minimum, with the range of log L. */
function stepsToLoss({ B, points }: BatchCurve, index: number) {
  for (const [name, value] of [['B', B], ...points.flatMap((p) => Object.entries(p))] as [string, number][])
    if (!(value > 0 && Number.isFinite(value)))
      throw new LabError('usage', `invalid ${name} of curve ${index + 1}: ${value} is not positive`);
  const falling: { S: number; L: number }[] = [];
  for (const p of [...points].sort((x, y) => x.S - y.S)) if (!(p.L >= (falling.at(-1)?.L ?? Infinity))) falling.push(p);
  if (falling.length < 2)
    throw new LabError('usage', `curve ${index + 1} has no two points of falling loss; give its losses along training`);
  falling.reverse();
  const logL = falling.map((p) => Math.log(p.L));
  const logS = falling.map((p) => Math.log(p.S));
  return { at: monotoneCubic(logL, logS), low: logL[0]!, high: logL.at(-1)! };
}

/** Losses, evenly spaced in log, that every curve starts above and at least three end below. */
function lossesOf(own: readonly ReturnType<typeof stepsToLoss>[], count: number): number[] {
  if (own.length < MIN_BATCHES) return [];
  const low = own.map((c) => c.low).sort((x, y) => x - y)[MIN_BATCHES - 1]!;
  const high = Math.min(...own.map((c) => c.high));
  return low < high ? Array.from({ length: count }, (_, i) => Math.exp(low + ((high - low) * (i + 0.5)) / count)) : [];
}

/** One loss by itself: S is linear in 1/B; errors of S are relative, to the fitted S after the first round. */
function hyperbola(cell: { N: number; L: number }, own: readonly Crossing[]): Hyperbola {
  const batches = own.map(({ logB, logS }) => ({ B: Math.exp(logB), S: Math.exp(logS) })).sort((x, y) => x.B - y.B);
  let scale = batches.map(({ S }) => S);
  let amplitudes: ArrayLike<number> = [0, 0];
  for (let round = 0; round < 4; round++) {
    const rows = Float64Array.from(batches.flatMap(({ B, S }, i) => [1, 1 / B, S].map((x) => x / scale[i]!)));
    amplitudes = nnls(rows, 2).amplitudes;
    scale = batches.map(({ B }) => amplitudes[0]! + amplitudes[1]! / B);
  }
  const [S_min, E_min] = [amplitudes[0]!, amplitudes[1]!];
  const squares = batches.reduce((sum, { S }, i) => sum + Math.log(S / scale[i]!) ** 2, 0);
  const B_crit = S_min > 0 && E_min > 0 ? E_min / S_min : null;
  return { ...cell, S_min, E_min, B_crit, batches, rms: Math.sqrt(squares / batches.length) };
}

/** log B_crit at L = 1 and its slope in -log L, from the single hyperbolas where they have one. */
function startFrom(hyperbolas: readonly Hyperbola[]): Float64Array {
  const own = hyperbolas.flatMap(({ L, B_crit }) => (B_crit === null ? [] : [{ x: L, y: B_crit }]));
  if (new Set(own.map((p) => p.x)).size >= 2) {
    const { exponent, coefficient } = fitPowerLaw(own);
    return Float64Array.of(Math.log(coefficient), -exponent);
  }
  const middle = hyperbolas.flatMap(({ batches }) => batches.map(({ B }) => Math.log(B)));
  return Float64Array.of(middle.reduce((sum, x) => sum + x, 0) / middle.length, 0);
}

interface Joint extends CriticalBatch {
  /** log B* and 1/alpha_B. */
  x: Float64Array;
  rms: number;
  converged: boolean;
}

/** Least squares of log S over log B*, 1/alpha_B and one log S_min a cell, which is the cell's mean residual. */
function solve(
  crossings: readonly Crossing[],
  logL: readonly number[],
  weight: readonly number[],
  start: Float64Array,
) {
  const total = weight.reduce((sum, w) => sum + w, 0);
  const centre = crossings.reduce((sum, { cell }, i) => sum + weight[i]! * logL[cell]!, 0) / total;
  const sums = logL.map(() => [0, 0, 0, 0] as [number, number, number, number]);
  const terms = crossings.map(() => [0, 0, 0] as [number, number, number]);
  // Coordinates: log B_crit at the mean log loss, and the slope.
  const f = (x: Float64Array, gradient: Float64Array): number => {
    for (const sum of sums) sum.fill(0);
    crossings.forEach(({ cell, logB, logS }, i) => {
      const z = x[0]! - x[1]! * (logL[cell]! - centre) - logB;
      const share = 1 / (1 + Math.exp(-z));
      const term = terms[i]!;
      term[0] = Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - logS;
      term[1] = share;
      term[2] = -share * (logL[cell]! - centre);
      const sum = sums[cell]!;
      for (let k = 0; k < 3; k++) sum[k]! += weight[i]! * term[k]!;
      sum[3] += weight[i]!;
    });
    gradient.fill(0);
    let value = 0;
    crossings.forEach(({ cell }, i) => {
      const [sum, term] = [sums[cell]!, terms[i]!];
      if (weight[i] === 0) return;
      const r = term[0] - sum[0] / sum[3];
      value += 0.5 * weight[i]! * r * r;
      gradient[0]! += weight[i]! * r * term[1];
      gradient[1]! += weight[i]! * r * term[2];
    });
    return value;
  };
  const isLevel = (_x: Float64Array, value: number, g: Float64Array): boolean =>
    Math.hypot(...g) <= CONVERGED * Math.max(Math.sqrt(value * total), 1e-9);
  const found = lbfgs(f, Float64Array.of(start[0]! - start[1]! * centre, start[1]!), { done: isLevel });
  const gradient = new Float64Array(2);
  const value = f(found.x, gradient);
  const x = Float64Array.of(found.x[0]! + found.x[1]! * centre, found.x[1]!);
  const joint: Joint = {
    x,
    B_star: Math.exp(x[0]!),
    alpha_B: 1 / x[1]!,
    rms: Math.sqrt((2 * value) / total),
    // The line search ends at rounding before a gradient this small where the fit is loose.
    converged: Math.hypot(...gradient) <= 1e4 * CONVERGED * Math.max(Math.sqrt(value * total), 1e-9),
  };
  return joint;
}

function judge(curves: readonly BatchCurve[], joint: Joint, logL: readonly number[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (!joint.converged) found.push(warn('not_converged', 'the joint fit of the hyperbolas did not converge'));
  const batches = curves.map(({ B }) => B);
  const [smallest, largest] = [Math.min(...batches), Math.max(...batches)];
  const critical = logL.map((l) => criticalBatch(joint, Math.exp(l)));
  const [low, high] = [Math.min(...critical), Math.max(...critical)];
  if (high > largest || low < smallest)
    found.push(
      warn(
        'batch_not_bracketed',
        `B_crit runs from ${count(low)} to ${count(high)} tokens, the batches from ` +
          `${count(smallest)} to ${count(largest)}: outside them one branch of the hyperbola is missing`,
        { low, high, smallest, largest },
      ),
    );
  return found;
}

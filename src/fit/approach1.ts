/** @file Approach 1: the envelope of training curves, and the exponents of N_opt and D_opt along it.
 * Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.1: at log-spaced compute, the curve of lowest loss. We
 * differ: a bin counts only where a smaller and a larger size were also trained at its compute, since at the edge
 * the winner is the ladder's and not the law's; and intervals resample whole sizes. The losses of a run on the way
 * down of a decaying rate lie above those of a run made for that horizon, which is what Kaplan's exponent rests on:
 * bins won by such points are counted and reported. `curvesOfPoints` joins the ends of runs into curves that have
 * none of them.
 */
import { formatFlops } from '../lib/format.ts';
import { type Diagnostic, tooLittle, warn } from './diagnostic.ts';
import { monotoneCubic } from './math/interpolate.ts';
import { fitPowerLaw } from './math/power-law.ts';
import { type FitPoint, sizeOf } from './point.ts';
import {
  type BootstrapOptions,
  type BootstrapReport,
  bootstrap,
  checkBootstrap,
  failedTooOften,
  type Interval,
} from './resample/bootstrap.ts';

/** The losses of one run on its way, or the ends of the runs of one size. */
export interface TrainingCurve {
  /** Parameters, by the counting the caller chose. */
  N: number;
  /** Training FLOPs a token, by the counting the caller chose: 6 N under C = 6 N D. */
  flops_per_token: number;
  /** Tokens seen and loss in nats a token. */
  points: readonly { D: number; L: number }[];
  /** Tokens at which the learning rate has decayed; null where every point is as good as the end of a run. */
  decays_at: number | null;
  /** Name for messages. */
  id?: string;
}

export interface EnvelopeOptions extends Omit<BootstrapOptions, 'cluster'> {
  /** Log-spaced bins of compute. Default 1,500, Hoffmann's. */
  num_bins?: number;
  /** `refuse` bins whose winner is the smallest or largest size there (default), or `keep` them. */
  interior?: 'refuse' | 'keep';
}

/** A stretch of the envelope that one curve holds. */
export interface EnvelopeStep {
  id: string;
  N: number;
  /** First and last bin. */
  C: [number, number];
  /** Loss at both. */
  L: [number, number];
  num_bins: number;
  /** Whether smaller and larger sizes were trained there; only such stretches enter the exponents by default. */
  interior: boolean;
  /** Bins won by a point whose learning rate had not decayed yet. */
  num_intermediate: number;
}

/** Approach 1 as plain data, fit for JSON. */
export interface EnvelopeFit {
  method: 'envelope';
  /** `N_opt = coefficients.N C^a`, `D_opt = coefficients.D C^b`. */
  exponents: { a: number; b: number };
  coefficients: { N: number; D: number };
  intervals: Record<string, Interval> | null;
  standard_errors: Record<string, number> | null;
  steps: EnvelopeStep[];
  /** Bins that enter the exponents, and bins left out because their winner is at the edge of the sizes. */
  num_bins: number;
  num_edge: number;
  num_curves: number;
  num_sizes: number;
  range: { N: [number, number]; C: [number, number] };
  diagnostics: Diagnostic[];
  bootstrap: BootstrapReport | null;
  draws?: Record<string, number[]>;
}

const NUM_BINS = 1500;
/** Share of the horizon from which on a rate counts as decayed, and of bins won before it that is worth a word. */
const DECAYED = 0.95;
const INTERMEDIATE = 0.1;
/** Winning sizes below which the exponent is that of a step or two, and decades of compute. */
const FEW_WINNERS = 5;
const FEW_CLUSTERS = 8;
/** Share of replicates without an exponent beyond which the intervals tell of the rest only. */
const FAILED = 0.02;

/** Curves through the ends of runs: one a size with two or more horizons, repeated horizons averaged. */
export function curvesOfPoints(points: readonly FitPoint[]): TrainingCurve[] {
  const usable = points.filter((p) => [p.N, p.D, p.C, p.L].every((x) => Number.isFinite(x) && x > 0));
  const sizes = sizeOf(usable.map((p) => p.N));
  return [...new Set(sizes)].flatMap((size) => {
    const own = usable.filter((_, i) => sizes[i] === size);
    const horizons = sizeOf(own.map((p) => p.D));
    const mean = (of: (p: FitPoint) => number, among: readonly FitPoint[]): number =>
      among.reduce((sum, p) => sum + of(p), 0) / among.length;
    const ends = [...new Set(horizons)].map((horizon) => {
      const same = own.filter((_, i) => horizons[i] === horizon);
      return { D: Math.exp(mean((p) => Math.log(p.D), same)), L: mean((p) => p.L, same) };
    });
    if (ends.length < 2) return [];
    const N = Math.exp(mean((p) => Math.log(p.N), own));
    const flops_per_token = Math.exp(mean((p) => Math.log(p.C / p.D), own));
    return [{ N, flops_per_token, points: ends, decays_at: null, id: `N ${formatFlops(N, 3)}` }];
  });
}

/** One bin of compute and what won it. */
interface Bin {
  C: number;
  curve: number;
  L: number;
  interior: boolean;
}

/** Takes the curve of lowest loss at each of `num_bins` log-spaced C and regresses ln N and ln D of the winners on
 * ln C. Losses between a curve's points are interpolated along ln D, never extrapolated.
 * @throws LabError('usage') for bad options; LabError('too_little_data') where fewer than two sizes win a bin.
 */
export function fitEnvelope(curves: readonly TrainingCurve[], options: EnvelopeOptions = {}): EnvelopeFit {
  const { num_bins = NUM_BINS, interior = 'refuse' } = options;
  checkBootstrap(options);
  const usable = curves.filter(
    ({ N, flops_per_token, points }) => N > 0 && flops_per_token > 0 && points.some(({ D, L }) => D > 0 && L > 0),
  );
  if (usable.length === 0) throw tooLittle('too_few_points', 'no training curve has a loss to read');
  const sizes = sizeOf(usable.map(({ N }) => N));
  const grid = lossesAt(usable, num_bins);
  const all = usable.map(() => true);
  const bins = envelope(grid, sizes, all);
  const used = bins.filter((bin) => interior === 'keep' || bin.interior);
  const line = frontier(used, usable);
  if (!line) {
    const winners = new Set(used.map(({ curve }) => sizes[curve])).size;
    throw tooLittle(
      'no_interior_minimum',
      `${winners} sizes win a bin of compute between smaller and larger ones; an exponent needs two: train more sizes, or longer`,
    );
  }
  const units = usable.map(({ N }) => ({ N, D: 1 }));
  const resampled = bootstrap(
    units,
    { ...options, cluster: 'sizes' },
    (multiplicity) => {
      const present = usable.map((_, i) => multiplicity[i]! > 0);
      const own = envelope(grid, sizes, present).filter((bin) => interior === 'keep' || bin.interior);
      const refit = frontier(own, usable);
      return refit && { a: refit.a, b: refit.b };
    },
    { min_sizes: 2 },
  );
  const steps = stepsOf(bins, usable);
  const fit: EnvelopeFit = {
    method: 'envelope',
    exponents: { a: line.a, b: line.b },
    coefficients: { N: line.N, D: line.D },
    intervals: resampled?.intervals ?? null,
    standard_errors: resampled?.standard_errors ?? null,
    steps,
    num_bins: used.length,
    num_edge: bins.length - used.length,
    num_curves: usable.length,
    num_sizes: new Set(sizes).size,
    range: {
      N: [Math.min(...usable.map(({ N }) => N)), Math.max(...usable.map(({ N }) => N))],
      C: [used[0]!.C, used.at(-1)!.C],
    },
    diagnostics: [],
    bootstrap: resampled?.report ?? null,
    ...(options.keep_draws && resampled ? { draws: resampled.draws } : {}),
  };
  fit.diagnostics = judge(fit, new Set(used.map(({ curve }) => sizes[curve])).size, interior);
  return fit;
}

/** The loss of every curve at every bin; null outside what it covers. */
function lossesAt(curves: readonly TrainingCurve[], num_bins: number): { C: number; losses: (number | null)[] }[] {
  const ladders = curves.map(({ points, flops_per_token }) => {
    const own = points.filter(({ D, L }) => D > 0 && L > 0 && Number.isFinite(L)).sort((p, q) => p.D - q.D);
    const distinct = own.filter(({ D }, i) => i === 0 || D > own[i - 1]!.D);
    const x = distinct.map(({ D }) => Math.log(D * flops_per_token));
    const at = monotoneCubic(
      x,
      distinct.map(({ L }) => L),
    );
    return { at, low: x[0]!, high: x.at(-1)! };
  });
  const low = Math.min(...ladders.map((l) => l.low));
  const high = Math.max(...ladders.map((l) => l.high));
  return Array.from({ length: num_bins }, (_, i) => {
    const x = low + ((high - low) * (i + 0.5)) / num_bins;
    return { C: Math.exp(x), losses: ladders.map(({ at }) => at(x)) };
  });
}

/** The winner of every bin among the curves that are present. */
function envelope(
  grid: readonly { C: number; losses: readonly (number | null)[] }[],
  sizes: readonly number[],
  present: readonly boolean[],
): Bin[] {
  return grid.flatMap(({ C, losses }) => {
    let curve = -1;
    let [smallest, largest] = [Infinity, -Infinity];
    losses.forEach((L, i) => {
      if (L === null || !present[i]) return;
      smallest = Math.min(smallest, sizes[i]!);
      largest = Math.max(largest, sizes[i]!);
      if (curve < 0 || L < losses[curve]!) curve = i;
    });
    if (curve < 0) return [];
    return [{ C, curve, L: losses[curve]!, interior: sizes[curve]! > smallest && sizes[curve]! < largest }];
  });
}

/** The two regressions over the winners; null where one size alone wins. */
function frontier(bins: readonly Bin[], curves: readonly TrainingCurve[]) {
  if (new Set(bins.map(({ curve }) => curves[curve]!.N)).size < 2) return null;
  const N = fitPowerLaw(bins.map(({ C, curve }) => ({ x: C, y: curves[curve]!.N })));
  const D = fitPowerLaw(bins.map(({ C, curve }) => ({ x: C, y: C / curves[curve]!.flops_per_token })));
  return { a: N.exponent, b: D.exponent, N: N.coefficient, D: D.coefficient };
}

function isIntermediate({ C, curve }: Bin, curves: readonly TrainingCurve[]): boolean {
  const { decays_at, flops_per_token } = curves[curve]!;
  return decays_at !== null && C / flops_per_token < DECAYED * decays_at;
}

/** Neighbouring bins that one curve wins, as one step. */
function stepsOf(bins: readonly Bin[], curves: readonly TrainingCurve[]): EnvelopeStep[] {
  const steps: EnvelopeStep[] = [];
  let last: Bin | undefined;
  for (const bin of bins) {
    const intermediate = isIntermediate(bin, curves) ? 1 : 0;
    const step = steps.at(-1);
    if (step && last?.curve === bin.curve && last.interior === bin.interior) {
      step.C[1] = bin.C;
      step.L[1] = bin.L;
      step.num_bins++;
      step.num_intermediate += intermediate;
    } else {
      const { N, id } = curves[bin.curve]!;
      steps.push({
        id: id ?? `curve ${bin.curve + 1}`,
        N,
        C: [bin.C, bin.C],
        L: [bin.L, bin.L],
        num_bins: 1,
        interior: bin.interior,
        num_intermediate: intermediate,
      });
    }
    last = bin;
  }
  return steps;
}

function judge(fit: EnvelopeFit, num_winners: number, interior: 'refuse' | 'keep'): Diagnostic[] {
  const found: Diagnostic[] = [];
  const used = fit.steps.filter((step) => interior === 'keep' || step.interior);
  const intermediate = used.reduce((sum, step) => sum + step.num_intermediate, 0) / fit.num_bins;
  if (intermediate > INTERMEDIATE)
    found.push(
      warn(
        'intermediate_points',
        `${Math.round(100 * intermediate)}% of the envelope are points of runs whose learning rate had not decayed yet: ` +
          'their losses are too high, and a is not that of finished runs; use the ends of runs, or a constant rate',
        { share: intermediate },
      ),
    );
  if (num_winners < FEW_WINNERS)
    found.push(
      warn('too_few_sizes', `${num_winners} sizes win a stretch of compute; ${FEW_WINNERS} or more are advised`, {
        num_winners,
        advised: FEW_WINNERS,
      }),
    );
  const decades = Math.log10(fit.range.C[1] / fit.range.C[0]);
  if (decades < 1)
    found.push(
      warn('range_too_small', `the envelope spans ${decades.toFixed(2)} decades of C; an exponent needs 1 or more`, {
        input: 'C',
        decades,
        advised: 1,
      }),
    );
  if (fit.bootstrap && fit.num_sizes < FEW_CLUSTERS)
    found.push(
      warn(
        'too_few_clusters',
        `the bootstrap resamples ${fit.num_sizes} sizes; below ${FEW_CLUSTERS} its intervals are too short`,
        { num_clusters: fit.num_sizes, advised: FEW_CLUSTERS },
      ),
    );
  if (fit.bootstrap && failedTooOften(fit.bootstrap, FAILED)) {
    const { failed, undetermined, replicates } = fit.bootstrap;
    found.push(
      warn(
        'replicate_failures',
        `${failed - undetermined} of ${replicates - undetermined} replicates kept fewer than two winning sizes`,
        { failed, undetermined, replicates },
      ),
    );
  }
  return found;
}

/** @file What a fitted law says: the loss of a run, and the best split of a budget between N and D.
 * The optimum minimises L(N, C/(k N)) over N, with k = C/(N D) of the fitted points (6 under C = 6 N D). It is found
 * numerically for every law alike: a scan of ln N, then golden section. Closed forms exist for some laws and are the
 * tests' business.
 */
import { LabError } from '../../lib/errors.ts';
import { formatFlops } from '../../lib/format.ts';
import type { LawFit } from '../approach3.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Law, RunInput } from '../laws/law.ts';
import type { Frontier, Preset } from '../laws/presets.ts';
import { lawByName } from '../laws/registry.ts';
import { type Interval, percentileInterval } from '../resample/bootstrap.ts';
import { reachOf } from './reach.ts';

/** The part of a fit that predictions need. */
export type FittedLaw = Pick<LawFit, 'law' | 'params'> &
  Partial<
    Pick<LawFit, 'flops_per_nd' | 'draws' | 'bootstrap'> &
      Pick<Preset, 'frontier'> & { range: Partial<LawFit['range']> }
  >;

/** The best split of a budget. */
export interface Optimum {
  C: number;
  N: number;
  D: number;
  L: number;
  /** Ends from the fit's bootstrap draws; null where it kept none. */
  intervals: { N: Interval; D: Interval; L: Interval } | null;
  /** Decades of C beyond the fitted points; 0 inside, null where the fit does not say. */
  decades_beyond: number | null;
  /** A warning where N, D or C lie far beyond the fitted points. */
  diagnostics: Diagnostic[];
}

/** What is known of a run: those of N, D, C, S, U and B that the law reads, or from which they follow. */
export type RunValues = Partial<Record<RunInput, number>>;

/** Loss in nats a token that the law predicts for a run.
 * Where absent, `C = k N D` (k = 6 where the fit does not say), `S = D/B`, and `U = D`: no token seen twice.
 * @throws LabError('usage') for values that are not positive, and where one that the law reads is absent.
 */
export function predictLoss(fit: FittedLaw, run: RunValues): number {
  for (const [name, value] of Object.entries(run))
    if (!(value > 0 && Number.isFinite(value)))
      throw new LabError('usage', `invalid ${name}: ${value} is not positive`);
  const law = lawByName(fit.law);
  return lossOf(law, fit)(run);
}

/** N, D and L of least loss among runs that cost C FLOPs, on the law's own frontier where it has one; `held` is what else the law reads of them: U or B.
 * @throws LabError('usage') for C that is not positive, or a law whose loss falls without end in N.
 */
export function optimum(fit: FittedLaw, C: number, held: Pick<RunValues, 'U' | 'B'> = {}): Optimum {
  if (!(C > 0 && Number.isFinite(C)))
    throw new LabError('usage', `invalid compute: ${C} is not a positive number of FLOPs`);
  const law = lawByName(fit.law);
  const k = fit.flops_per_nd?.mean ?? 6;
  const best = fit.frontier ? onFrontier(fit.frontier, C, k) : split(law, fit, C / k, held);
  const reach = fit.range && reachOf(fit.range, { C, N: best.N, D: best.D });
  return {
    C,
    ...best,
    intervals: fit.draws ? intervalsOf(law, fit, C / k, held) : null,
    decades_beyond: reach?.decades['C'] ?? null,
    diagnostics: reach?.diagnostics ?? [],
  };
}

/** The loss as a function of a run, for the constants of `fit`. */
export function lossOf(law: Law, { params, flops_per_nd }: FittedLaw): (run: RunValues) => number {
  const theta = law.fromParams(params, new Float64Array(law.inputs.length));
  const gradient = new Float64Array(theta.length);
  const u = new Float64Array(law.inputs.length);
  const columnOf = (
    input: RunInput,
    { N = Number.NaN, D = Number.NaN, C, S, U, B = Number.NaN }: RunValues,
  ): number => {
    const values = { N, D, C: C ?? (flops_per_nd?.mean ?? 6) * N * D, S: S ?? D / B, U: U ?? D, B };
    const value = values[input];
    if (Number.isNaN(value)) throw new LabError('usage', `${law.name} reads ${input} of a run, which is not given`);
    return value;
  };
  return (run) => {
    for (const [i, input] of law.inputs.entries()) u[i] = Math.log(columnOf(input, run));
    return Math.exp(law.logLoss(theta, u, gradient));
  };
}

/** What a published line of optima says. */
function onFrontier({ N: size, L: loss }: Frontier, C: number, k: number): { N: number; D: number; L: number } {
  const N = size.coefficient * C ** size.exponent;
  return { N, D: C / (k * N), L: (loss.scale / C) ** loss.slope };
}

/** Share of an interval that golden section keeps. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The best N and D with N D = product. */
function split(law: Law, fit: FittedLaw, product: number, held: RunValues): { N: number; D: number; L: number } {
  const loss = lossOf(law, fit);
  const total = Math.log(product);
  const height = (x: number): number => loss({ ...held, N: Math.exp(x), D: Math.exp(total - x) });
  const scan = Array.from({ length: 257 }, (_, i) => (total * i) / 256);
  const heights = scan.map(height);
  const lowest = heights.indexOf(Math.min(...heights));
  if (lowest <= 0 || lowest === scan.length - 1)
    throw new LabError(
      'usage',
      `the law ${law.name} with these constants has no best size at ${formatFlops(product, 3)} parameter-tokens`,
    );
  let low = scan[lowest - 1]!;
  let high = scan[lowest + 1]!;
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [height(left), height(right)];
  while (high - low > 1e-9 * total) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = height(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = height(right);
    }
  }
  const x = (low + high) / 2;
  return { N: Math.exp(x), D: Math.exp(total - x), L: height(x) };
}

function intervalsOf(law: Law, fit: FittedLaw, product: number, held: RunValues): Optimum['intervals'] {
  const optima: { N: number; D: number; L: number }[] = [];
  const { draws = {}, bootstrap } = fit;
  const count = Math.max(0, ...Object.values(draws).map((values) => values.length));
  for (let i = 0; i < count; i++) {
    // A held constant has no draws.
    const params = Object.fromEntries(law.params.map((name) => [name, draws[name]?.[i] ?? fit.params[name]!]));
    try {
      optima.push(split(law, { ...fit, params }, product, held));
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
    }
  }
  if (optima.length < 2) return null;
  const of = (column: 'N' | 'D' | 'L'): Interval =>
    percentileInterval(
      optima.map((o) => o[column]),
      bootstrap?.level ?? 0.9,
    );
  return { N: of('N'), D: of('D'), L: of('L') };
}

/** @file What a fitted law says: the loss of a run, and the best split of a budget between N and D.
 * The optimum minimises L(N, C/(k N)) over N, with k = C/(N D) of the fitted points (6 under C = 6 N D). It is found
 * numerically for every law alike: a scan of ln N, then golden section. Closed forms exist for some laws and are the
 * tests' business.
 */
import { LabError } from '../lib/errors.ts';
import type { LawFit } from './approach3.ts';
import { type Interval, percentileInterval } from './bootstrap.ts';
import type { Law, LawParams } from './laws/law.ts';
import { lawByName } from './laws/registry.ts';

/** The part of a fit that predictions need. */
export type FittedLaw = Pick<LawFit, 'law' | 'params'> &
  Partial<Pick<LawFit, 'flops_per_nd' | 'range' | 'draws' | 'bootstrap'>>;

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
}

/** Loss in nats a token that the law predicts for N parameters and D tokens.
 * @throws LabError('usage') for N or D that are not positive.
 */
export function predictLoss(fit: FittedLaw, { N, D }: { N: number; D: number }): number {
  for (const [name, value] of Object.entries({ N, D }))
    if (!(value > 0 && Number.isFinite(value)))
      throw new LabError('usage', `invalid ${name}: ${value} is not positive`);
  const law = lawByName(fit.law);
  return lossOf(law, fit.params)(Math.log(N), Math.log(D));
}

/** N, D and L of least loss among runs that cost C FLOPs.
 * @throws LabError('usage') for C that is not positive, or a law whose loss falls without end in N.
 */
export function optimum(fit: FittedLaw, C: number): Optimum {
  if (!(C > 0 && Number.isFinite(C)))
    throw new LabError('usage', `invalid compute: ${C} is not a positive number of FLOPs`);
  const law = lawByName(fit.law);
  const k = fit.flops_per_nd?.mean ?? 6;
  const best = split(law, fit.params, C / k);
  const range = fit.range?.C;
  return {
    C,
    ...best,
    intervals: fit.draws ? intervalsOf(law, fit.draws, C / k, fit.bootstrap?.level ?? 0.9) : null,
    decades_beyond: range ? Math.max(0, Math.log10(C / range[1]), Math.log10(range[0] / C)) : null,
  };
}

function lossOf(law: Law, params: LawParams): (logN: number, logD: number) => number {
  const theta = law.fromParams(params, new Float64Array(law.inputs.length));
  const gradient = new Float64Array(theta.length);
  return (logN, logD) => {
    const u = Float64Array.from(law.inputs, (input) => (input === 'N' ? logN : logD));
    return Math.exp(law.logLoss(theta, u, gradient));
  };
}

/** Share of an interval that golden section keeps. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The best N and D with N D = product. */
function split(law: Law, params: LawParams, product: number): { N: number; D: number; L: number } {
  const loss = lossOf(law, params);
  const total = Math.log(product);
  const height = (x: number): number => loss(x, total - x);
  const scan = Array.from({ length: 257 }, (_, i) => (total * i) / 256);
  const heights = scan.map(height);
  const lowest = heights.indexOf(Math.min(...heights));
  if (lowest <= 0 || lowest === scan.length - 1)
    throw new LabError(
      'usage',
      `the law ${law.name} with these constants has no best size at ${product.toExponential(2)} parameter-tokens`,
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

function intervalsOf(law: Law, draws: Record<string, number[]>, product: number, level: number): Optimum['intervals'] {
  const optima: { N: number; D: number; L: number }[] = [];
  const count = draws[law.params[0]!]?.length ?? 0;
  for (let i = 0; i < count; i++) {
    const params = Object.fromEntries(law.params.map((name) => [name, draws[name]![i]!]));
    try {
      optima.push(split(law, params, product));
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
    }
  }
  if (optima.length < 2) return null;
  const of = (column: 'N' | 'D' | 'L'): Interval =>
    percentileInterval(
      optima.map((o) => o[column]),
      level,
    );
  return { N: of('N'), D: of('D'), L: of('L') };
}

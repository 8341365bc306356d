/** @file The cheapest run that reaches a loss: in training alone, or over a lifetime of inference too.
 * `min k N D + (k/3) N D_inf` subject to `L(N, D) = L`, k = C/(N D) of the fitted points: 6 N D + 2 N D_inf under
 * C = 6 N D. Source: Sardana et al. 2024, arXiv 2401.00448, equation 2. We differ: any law whose loss falls with D,
 * D by bisection at each N, N by a scan and golden section in place of Newton's method on one law's closed form.
 */
import { LabError } from '../../lib/errors.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Law } from '../laws/law.ts';
import { lawByName } from '../laws/registry.ts';
import { type Interval, percentileInterval } from '../resample/bootstrap.ts';
import { type FittedLaw, lossOf, optimum, type RunValues } from './optimum.ts';
import { drawnFits } from './prediction.ts';
import { reachOf } from './reach.ts';

/** A size and its tokens, and what they cost. */
export interface CheapestRun {
  N: number;
  D: number;
  training_flops: number;
  inference_flops: number;
  lifetime_flops: number;
}

export interface LifetimeOptimum extends CheapestRun {
  /** The loss that is reached, nats a token. */
  L: number;
  inference_tokens: number;
  /** The run that reaches the loss with the least training, put to the same use. */
  least_training: CheapestRun;
  /** Share of that run's lifetime FLOPs that is saved. */
  saving: number;
  /** Ends from the fit's bootstrap draws; null where it kept none. Draws that never reach the loss are left out. */
  intervals: Record<'N' | 'D' | 'training_flops' | 'lifetime_flops', Interval> | null;
  decades_beyond: Record<string, number> | null;
  diagnostics: Diagnostic[];
}

/** Inference costs a third of training a token: forward only. */
const INFERENCE_SHARE = 1 / 3;
/** Logs of N searched, and of D at most: beyond any model. */
const LOG_N = [0, 80] as const;
const MAX_LOG_D = 120;
const SCAN = 96;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** N and D of least lifetime compute among runs that reach the loss `L` and then serve `inference_tokens` tokens.
 * With 0 tokens (default) this is the compute to reach a loss. `held` is what else the law reads: U or B.
 * @throws LabError('usage') where the law never reaches the loss, or for tokens below zero.
 */
export function lifetimeOptimum(
  fit: FittedLaw,
  { L, inference_tokens = 0, held = {} }: { L: number; inference_tokens?: number; held?: Pick<RunValues, 'U' | 'B'> },
): LifetimeOptimum {
  if (!(L > 0 && Number.isFinite(L)))
    throw new LabError('usage', `invalid loss: ${L} is not a positive number of nats`);
  if (!(inference_tokens >= 0 && Number.isFinite(inference_tokens)))
    throw new LabError('usage', `invalid inference tokens: ${inference_tokens} is not 0 or more`);
  const law = lawByName(fit.law);
  const k = fit.flops_per_nd?.mean ?? 6;
  const best =
    onFrontier(fit, { L, inference_tokens, k, held }) ?? cheapest(law, fit, { L, inference_tokens, k, held });
  if (!best) {
    const floor = fit.params['E'];
    const why = floor === undefined ? '' : `: its floor is E = ${floor.toPrecision(4)}`;
    throw new LabError('usage', `the law ${law.name} with these constants never reaches a loss of ${L}${why}`);
  }
  const trained = inference_tokens === 0 ? best : cheapest(law, fit, { L, inference_tokens: 0, k, held })!;
  const least_training = costOf(trained.N, trained.D, inference_tokens, k);
  const reach = fit.range
    ? reachOf(fit.range, { ...best, C: best.training_flops })
    : { decades: null, diagnostics: [] };
  return {
    L,
    inference_tokens,
    ...best,
    least_training,
    saving: 1 - best.lifetime_flops / least_training.lifetime_flops,
    intervals: intervalsOf(law, fit, { L, inference_tokens, k, held }),
    decades_beyond: reach.decades,
    diagnostics: reach.diagnostics,
  };
}

interface Goal {
  L: number;
  inference_tokens: number;
  /** Training FLOPs over N D. */
  k: number;
  /** What else the law reads of every run. */
  held: Pick<RunValues, 'U' | 'B'>;
}

/** The run on the law's own line of optima that meets the goal; null without such a line, and with inference to pay
 * for, since a line says nothing of other splits. */
function onFrontier(fit: FittedLaw, { L, inference_tokens, k }: Goal): CheapestRun | null {
  if (!fit.frontier || inference_tokens > 0) return null;
  const { scale, slope } = fit.frontier.L;
  const { N, D } = optimum(fit, scale * L ** (-1 / slope));
  return costOf(N, D, 0, k);
}

/** The cheapest run that meets the goal; null where none does. */
function cheapest(law: Law, fit: FittedLaw, goal: Goal): CheapestRun | null {
  const loss = lossOf(law, fit);
  const tokens = (logN: number): number | null => {
    const N = Math.exp(logN);
    const above = (logD: number): boolean => loss({ ...goal.held, N, D: Math.exp(logD) }) > goal.L;
    if (above(MAX_LOG_D)) return null;
    let [low, high] = [0, MAX_LOG_D];
    while (high - low > 1e-11 * MAX_LOG_D) {
      const middle = (low + high) / 2;
      if (above(middle)) low = middle;
      else high = middle;
    }
    return Math.exp(high);
  };
  const logCost = (logN: number): number => {
    const D = tokens(logN);
    return D === null ? Infinity : logN + Math.log(D + INFERENCE_SHARE * goal.inference_tokens);
  };
  const step = (LOG_N[1] - LOG_N[0]) / SCAN;
  const scan = Array.from({ length: SCAN + 1 }, (_, i) => LOG_N[0] + i * step);
  const heights = scan.map(logCost);
  const lowest = heights.indexOf(Math.min(...heights));
  if (!Number.isFinite(heights[lowest]!)) return null;
  let low = scan[Math.max(0, lowest - 1)]!;
  let high = scan[Math.min(SCAN, lowest + 1)]!;
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [logCost(left), logCost(right)];
  while (high - low > 1e-8) {
    // Below the smallest size that can reach the loss both costs are infinite: the way out is up.
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = logCost(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = logCost(right);
    }
  }
  const logN = Number.isFinite(logCost((low + high) / 2)) ? (low + high) / 2 : high;
  const D = tokens(logN);
  return D === null ? null : costOf(Math.exp(logN), D, goal.inference_tokens, goal.k);
}

function costOf(N: number, D: number, inference_tokens: number, k: number): CheapestRun {
  const training_flops = k * N * D;
  const inference_flops = INFERENCE_SHARE * k * N * inference_tokens;
  return { N, D, training_flops, inference_flops, lifetime_flops: training_flops + inference_flops };
}

function intervalsOf(law: Law, fit: FittedLaw, goal: Goal): LifetimeOptimum['intervals'] {
  const found = drawnFits(fit).flatMap((drawn) => cheapest(law, drawn, goal) ?? []);
  if (found.length < 2) return null;
  const of = (column: keyof CheapestRun): Interval =>
    percentileInterval(
      found.map((run) => run[column]),
      fit.bootstrap?.level ?? 0.9,
    );
  return {
    N: of('N'),
    D: of('D'),
    training_flops: of('training_flops'),
    lifetime_flops: of('lifetime_flops'),
  };
}

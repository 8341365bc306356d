/** @file The best peak learning rate of each cell whose runs tried several: what a rule for the rate is made from.
 * Records of a group -> cells that differ in rate and seeds only -> mean loss by rate, the vertex of the parabola in ln
 * rate through the lowest and its neighbours, and whether the lowest has a neighbour on either side. A best rate at the
 * end of those tried is a bound, not an optimum.
 */
import type { RunRecord } from '../log/record.ts';
import { byCell } from './cells.ts';

/** Mean loss at one rate. */
export interface RateLoss {
  rate: number;
  /** Nats a token, over finished runs; null where none finished. */
  L: number | null;
  num_runs: number;
  num_diverged: number;
}

export interface RateCell {
  d_model: number;
  /** Parameters, all counted. */
  N: number;
  /** Training tokens. */
  D: number;
  batch_tokens: number;
  /** By increasing rate. */
  rates: RateLoss[];
  /** The rate of least mean loss among those tried. */
  best_rate: number;
  /** Nats a token at `best_rate`. */
  best_loss: number;
  is_bracketed: boolean;
  /** Rate at the parabola's vertex; null unless bracketed. */
  optimum: number | null;
}

/** Rates from which a cell is judged. */
const MIN_RATES = 3;

/** The finished runs of each cell at the rate of its least mean loss. */
export function bestRates(records: readonly RunRecord[]): RunRecord[] {
  const finished = records.filter(({ status, val_loss }) => status === 'finished' && val_loss !== null);
  return byCell(finished, { without_rate: true }).flatMap((runs) => {
    const rates = [...new Set(runs.map(({ optimizer }) => optimizer.learning_rate))].map((rate) =>
      meanLoss(rate, runs),
    );
    const best = rates.reduce((a, b) => (b.L! < a.L! ? b : a));
    return runs.filter(({ optimizer }) => optimizer.learning_rate === best.rate);
  });
}

/** Every cell that tried at least three rates, by increasing size, tokens and batch. */
export function rateCells(records: readonly RunRecord[]): RateCell[] {
  const done = records.filter(({ status }) => status === 'finished' || status === 'diverged');
  return byCell(done, { without_rate: true })
    .map(cellOf)
    .filter((cell) => cell !== null)
    .sort((a, b) => a.N - b.N || a.D - b.D || a.batch_tokens - b.batch_tokens);
}

function cellOf(runs: readonly RunRecord[]): RateCell | null {
  const tried = [...new Set(runs.map(({ optimizer }) => optimizer.learning_rate))].sort((a, b) => a - b);
  if (tried.length < MIN_RATES) return null;
  const rates = tried.map((rate) => meanLoss(rate, runs));
  const finished = rates.filter((r): r is RateLoss & { L: number } => r.L !== null);
  if (finished.length === 0) return null;
  const best = finished.reduce((a, b) => (b.L < a.L ? b : a));
  const at = rates.indexOf(best);
  const [below, above] = [rates[at - 1], rates[at + 1]];
  const [first] = runs;
  return {
    d_model: first!.model.d_model,
    N: first!.num_params.total,
    D: first!.num_tokens,
    batch_tokens: first!.batch_size * first!.model.n_ctx,
    rates,
    best_rate: best.rate,
    best_loss: best.L,
    // A rate at which runs diverge bounds the best from above as well as a higher loss does.
    is_bracketed: below !== undefined && above !== undefined,
    optimum: below && above ? vertex(below, best, above) : null,
  };
}

function meanLoss(rate: number, runs: readonly RunRecord[]): RateLoss {
  const own = runs.filter(({ optimizer }) => optimizer.learning_rate === rate);
  const losses = own.flatMap(({ status, val_loss }) => (status === 'finished' && val_loss !== null ? [val_loss] : []));
  return {
    rate,
    L: losses.length > 0 ? losses.reduce((sum, L) => sum + L, 0) / losses.length : null,
    num_runs: losses.length,
    num_diverged: own.filter(({ status }) => status === 'diverged').length,
  };
}

/** Where the parabola in ln rate through three rates has its vertex; the middle rate where a neighbour has no loss. */
function vertex(below: RateLoss, best: RateLoss & { L: number }, above: RateLoss): number {
  if (below.L === null || above.L === null) return best.rate;
  const left = Math.log(below.rate / best.rate);
  const right = Math.log(above.rate / best.rate);
  const [rise, fall] = [(above.L - best.L) / right, (below.L - best.L) / left];
  const curvature = (rise - fall) / (right - left);
  // Equal losses at all three: nothing tells them apart.
  if (!(curvature > 0)) return best.rate;
  return best.rate * Math.exp(-(rise - curvature * right) / (2 * curvature));
}

/** @file Whether the learning rates that were tried bracket the best one, cell by cell.
 * A cell is one size, horizon and protocol at which two or more rates were tried; its seeds are averaged, and a rate at
 * which a run diverged counts as worse than any. The best rate at the end of those tried may be better still beyond it:
 * the cell's loss is too high, by more at some sizes than at others, and the exponents carry that. Where only one rate
 * was tried in every cell nothing can be said.
 */
import { groupBy } from '../../lib/group-by.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { normalQuantile } from '../math/normal.ts';
import type { RunFacts } from '../run-facts.ts';

/** Probability of a false alarm over all cells. */
const SIGNIFICANCE = 0.05;
/** Scatter of log loss where no rate was repeated. assumption: seed noise past a transition, .5 to 1% (1% taken). */
const ASSUMED_SD = 0.01;
/** Degrees of freedom of repeated rates from which on their own scatter is taken. */
const ENOUGH_REPEATS = 4;

/** A rate of one cell: its log losses, and whether a run diverged at it. */
interface Tried {
  rate: number;
  losses: number[];
  is_lost: boolean;
}

/** `lr_not_bracketed` with the cells whose lowest or highest rate beats every other by more than their noise, each by
 * itself or all together. A best rate at the end by less than that costs less than the noise, and is no finding. */
export function judgeRates(runs: readonly RunFacts[]): Diagnostic[] {
  const cells = cellsOf(runs);
  const noise = scatterOf(cells);
  const limit = normalQuantile(1 - SIGNIFICANCE / Math.max(1, 2 * cells.length));
  const open = (['lowest', 'highest'] as const).flatMap((end) => {
    const leads = cells.flatMap((cell) => ({ ...cell, ...leadOf(cell.tried, end) }));
    const known = leads.filter(({ lead }) => Number.isFinite(lead));
    const sum = known.reduce((total, { lead }) => total + lead, 0);
    const error = noise * Math.hypot(...known.map(({ unit }) => unit));
    const is_open_together = sum > normalQuantile(1 - SIGNIFICANCE / 2) * error;
    return leads.flatMap(({ N, D, rate, lead, unit }) =>
      lead > limit * noise * unit || (is_open_together && lead > 0) ? [{ N, D, rate, end }] : [],
    );
  });
  if (open.length === 0) return [];
  const [first] = open;
  const number = (x: number): string => x.toPrecision(2).replace(/e\+/, 'e');
  const ends = [...new Set(open.map(({ end }) => end))].join(' or ');
  return [
    warn(
      'lr_not_bracketed',
      `in ${open.length} of ${cells.length} cells with several learning rates the best is the ${ends} tried (at N = ` +
        `${number(first!.N)}, D = ${number(first!.D)} it is ${number(first!.rate)}): a rate beyond may be better, and these losses ` +
        'too high; try rates on that side',
      {
        N: open.map(({ N }) => N),
        D: open.map(({ D }) => D),
        learning_rate: open.map(({ rate }) => rate),
        end: open.map(({ end }) => end),
        num_cells: cells.length,
        sd: noise,
      },
    ),
  ];
}

function cellsOf(runs: readonly RunFacts[]): { N: number; D: number; tried: Tried[] }[] {
  const known = runs.filter(({ status }) => status === 'finished' || status === 'diverged');
  return [...groupBy(known, ({ cell }) => cell).values()].flatMap((own) => {
    const rates = [...new Set(own.map(({ learning_rate }) => learning_rate))].sort((x, y) => x - y);
    if (rates.length < 2) return [];
    const tried = rates.map((rate) => {
      const at = own.filter(({ learning_rate }) => learning_rate === rate);
      const losses = at.flatMap(({ status, L }) => (status === 'finished' && L !== null ? [Math.log(L)] : []));
      return { rate, losses, is_lost: losses.length < at.length };
    });
    return [{ N: own[0]!.N, D: own[0]!.D, tried }];
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Standard deviation of log loss among runs of one cell and rate. */
function scatterOf(cells: readonly { tried: readonly Tried[] }[]): number {
  let [squares, df] = [0, 0];
  for (const { losses } of cells.flatMap(({ tried }) => tried)) {
    squares += losses.reduce((sum, x) => sum + (x - mean(losses)) ** 2, 0);
    df += Math.max(0, losses.length - 1);
  }
  return df >= ENOUGH_REPEATS ? Math.sqrt(squares / df) : ASSUMED_SD;
}

/** By how much the rate at one end beats the best of the others in log loss, and the error of that for a scatter of one;
 * beside a rate that diverged there is nothing to beat, and an end that diverged is not open. */
function leadOf(tried: readonly Tried[], end: 'lowest' | 'highest'): { rate: number; lead: number; unit: number } {
  const at = end === 'lowest' ? 0 : tried.length - 1;
  const lossOf = ({ losses, is_lost }: Tried): number =>
    is_lost || losses.length === 0 ? Number.POSITIVE_INFINITY : mean(losses);
  const own = tried[at]!;
  if (!Number.isFinite(lossOf(own))) return { rate: own.rate, lead: Number.NEGATIVE_INFINITY, unit: 0 };
  const others = tried.filter((_, i) => i !== at);
  const next = others.reduce((low, other) => (lossOf(other) < lossOf(low) ? other : low));
  const is_alone = !Number.isFinite(lossOf(next));
  const unit = Math.sqrt(1 / own.losses.length + (is_alone ? 0 : 1 / next.losses.length));
  return { rate: own.rate, lead: is_alone ? Number.POSITIVE_INFINITY : lossOf(next) - lossOf(own), unit };
}

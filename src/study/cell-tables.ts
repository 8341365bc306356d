/** @file Spreads and best rates in print, a table each: what groups that repeat cells or vary the rate are for. */
import { alignRows } from '../lib/align.ts';
import { formatCount, formatFixed, formatNumber } from '../lib/format.ts';
import type { RateCell } from './rates.ts';
import type { Spread } from './spread.ts';

/** The spread of loss by cell; empty where no cell is repeated. */
export function spreadLines(spreads: readonly Spread[]): string[] {
  if (spreads.length === 0) return [];
  const rows = spreads.map(({ d_model, D, varied, variant, num_runs, mean, sd, interval: [low, high] }) => [
    String(d_model),
    formatCount(D),
    varied,
    String(num_runs),
    formatFixed(mean, 3),
    `${formatFixed(sd, 4)} [${formatFixed(low, 4)}, ${formatFixed(high, 4)}]`,
    `${formatFixed((100 * sd) / mean, 2)}%`,
    variant,
  ]);
  const head = ['d_model', 'D', 'seeds', 'runs', 'mean loss', 'sd, nats, 90%', 'of the loss', ''];
  return alignRows([head, ...rows]);
}

/** The best rate by cell; empty where no cell tried several. A mark says that the best lies at an end. */
export function rateLines(cells: readonly RateCell[]): string[] {
  if (cells.length === 0) return [];
  const rows = cells.map(({ d_model, D, batch_tokens, rates, best_rate, best_loss, optimum, is_bracketed }) => [
    String(d_model),
    formatCount(D),
    String(batch_tokens),
    `${formatNumber(rates[0]!.rate, 2)} to ${formatNumber(rates.at(-1)!.rate, 2)}`,
    is_bracketed ? formatNumber(best_rate, 2) : `${formatNumber(best_rate, 2)} !`,
    optimum === null ? '–' : formatNumber(optimum, 2),
    formatFixed(best_loss, 3),
  ]);
  const head = ['d_model', 'D', 'batch', 'rates tried', 'best tried', 'vertex', 'loss there'];
  const is_marked = cells.some((cell) => !cell.is_bracketed);
  return [...alignRows([head, ...rows]), ...(is_marked ? ['  ! at the end of the rates tried: not bracketed'] : [])];
}

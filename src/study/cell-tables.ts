/** @file Spreads, best rates and early fits as tables for the terminal and the page: what groups that repeat cells, vary
 * the rate or train one size to many horizons are for.
 */
import { formatCount, formatFixed, formatNumber, MISSING } from '../lib/format.ts';
import type { Table } from '../report/report.ts';
import type { GroupAnalysis } from './analyse.ts';
import type { WatchWindow } from './break-watch.ts';
import type { RateCell } from './rates.ts';
import type { Spread } from './spread.ts';

/** The tables of a group; none where no cell is repeated or tried several rates, nor one size trained to many horizons. */
export function cellTables({
  spreads,
  rate_cells,
  watch,
}: Pick<GroupAnalysis, 'spreads' | 'rate_cells' | 'watch'>): Table[] {
  return [
    ...(watch ? [watchTable(watch.windows)] : []),
    ...(rate_cells.length > 0 ? [rateTable(rate_cells)] : []),
    ...(spreads.length > 0 ? [spreadTable(spreads)] : []),
  ];
}

function spreadTable(spreads: readonly Spread[]): Table {
  const is_varied = spreads.some(({ variant }) => variant !== '');
  return {
    caption: 'Standard deviation of the loss between runs that differ in seeds only, with 90% intervals by chi-square',
    columns: [
      ...(['d_model', 'D'] as const).map((title) => ({ title, align: 'right' as const })),
      { title: 'seeds', align: 'left' },
      ...['runs', 'mean loss'].map((title) => ({ title, align: 'right' as const })),
      { title: 'sd, nats', align: 'left' },
      { title: 'of the loss', align: 'right' },
      ...(is_varied ? [{ title: 'with', align: 'left' as const }] : []),
    ],
    rows: spreads.map(({ d_model, D, varied, variant, num_runs, mean, sd, interval: [low, high] }) => ({
      cells: [
        String(d_model),
        formatCount(D),
        varied,
        String(num_runs),
        formatFixed(mean, 3),
        `${formatFixed(sd, 4)} [${formatFixed(low, 4)}, ${formatFixed(high, 4)}]`,
        `${formatFixed((100 * sd) / mean, 2)}%`,
        ...(is_varied ? [variant] : []),
      ],
    })),
  };
}

function watchTable(windows: readonly WatchWindow[]): Table {
  const percent = (x: number) => `${x > 0 ? '+' : ''}${formatFixed(100 * x, 1)}%`;
  const titles = ['fitted up to D', 'horizons', 'forecast of the largest is off by', 'seeds', 'alarms'];
  return {
    caption:
      'L(D) with a floor fitted to the first horizons: its forecast of the largest one, and the test for a break',
    columns: titles.map((title) => ({ title, align: 'right' as const })),
    rows: windows.map(({ D, num_horizons, seeds }) => {
      const errors = seeds.flatMap(({ error }) => error ?? []);
      const [low, high] = [Math.min(...errors), Math.max(...errors)];
      const num_alarms = seeds.filter(({ is_alarm }) => is_alarm).length;
      return {
        cells: [
          formatCount(D),
          String(num_horizons),
          errors.length === 0 ? MISSING : errors.length === 1 ? percent(low) : `${percent(low)} to ${percent(high)}`,
          String(seeds.length),
          String(num_alarms),
        ],
        isMarked: 2 * num_alarms > seeds.length,
      };
    }),
  };
}

function rateTable(cells: readonly RateCell[]): Table {
  const number = (x: number) => formatNumber(x, 2);
  const titles = ['d_model', 'D', 'batch', 'rates tried', 'best tried', 'vertex', 'loss there'];
  return {
    caption: 'Best learning rate of each cell (size, tokens, batch): of those tried, and at the parabola through three',
    columns: [
      ...titles.map((title) => ({ title, align: 'right' as const })),
      ...(cells.every((cell) => cell.is_bracketed) ? [] : [{ title: 'bracketed', align: 'left' as const }]),
    ],
    rows: cells.map(({ d_model, D, batch_tokens, rates, best_rate, best_loss, optimum, is_bracketed }, _, all) => ({
      cells: [
        String(d_model),
        formatCount(D),
        String(batch_tokens),
        `${number(rates[0]!.rate)} to ${number(rates.at(-1)!.rate)}`,
        number(best_rate),
        optimum === null ? MISSING : number(optimum),
        formatFixed(best_loss, 3),
        ...(all.every((cell) => cell.is_bracketed) ? [] : [is_bracketed ? 'yes' : 'no: the best is at the end']),
      ],
      isMarked: !is_bracketed,
    })),
  };
}

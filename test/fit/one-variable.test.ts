/** @file What laws in one variable are fitted to and how: the rows that speak of the variable alone, losses other than
 * squared error, raw loss, and what a curve says beyond its points.
 */
import { describe, expect, it } from 'vitest';
import {
  allRows,
  curveInterval,
  type FitPoint,
  fitCurve,
  predictCurve,
  reachOnCurve,
  rowsAlong,
} from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const law = (N: number, D: number): number => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;
const run = (N: number, D: number, more: Partial<FitPoint> = {}): FitPoint => ({
  N,
  D,
  C: 6 * N * D,
  L: law(N, D),
  ...more,
});
const grid = [1e4, 1e5, 1e6].flatMap((N) => [1e6, 1e7, 1e8].map((D) => run(N, D)));

describe('rowsAlong', () => {
  it('N: the most tokens of each size, all its seeds', () => {
    const seeds = [run(1e6, 1e8, { L: 1.6 }), run(1e6, 1e8, { L: 1.61 })];
    const rows = rowsAlong([...grid, ...seeds], 'N');
    expect(rows.map(({ x, point }) => [x, point.D])).toEqual([
      [1e4, 1e8],
      [1e5, 1e8],
      [1e6, 1e8],
      [1e6, 1e8],
      [1e6, 1e8],
    ]);
  });

  it('D: the least loss of each amount of unique data, over sizes and epochs', () => {
    expect(rowsAlong(grid, 'D').map(({ x, point }) => [x, point.N])).toEqual([
      [1e6, 1e6],
      [1e7, 1e6],
      [1e8, 1e6],
    ]);
    const repeated = [1, 2, 8].map((epochs, i) => run(1e5, 1e6 * epochs, { U: 1e6, L: [3, 2.8, 2.9][i]! }));
    const [best, ...others] = rowsAlong(repeated, 'D');
    expect(best).toMatchObject({ x: 1e6, point: { L: 2.8 } });
    expect(others).toEqual([]);
  });

  it('C: falls all the way, cells compared by their mean and not by a lucky seed', () => {
    const rows = rowsAlong(grid, 'C');
    const losses = rows.map(({ point }) => point.L);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
    const lucky = [run(1e4, 1e6, { L: 3 }), run(1e5, 1e6, { L: 2 }), run(1e5, 1e6, { L: 4.8 })];
    expect(rowsAlong(lucky, 'C').map(({ point }) => point.L)).toEqual([3]);
  });

  it('takes every row of a table without N or D, and none without the value', () => {
    const bare = [run(1e4, Number.NaN), run(1e4, Number.NaN), run(Number.NaN, 1e6)].map((p) => ({ ...p, L: 2 }));
    expect(rowsAlong(bare, 'N')).toHaveLength(2);
    expect(allRows(grid, 'S')).toEqual([]);
  });
});

describe('fitCurve', () => {
  const rng = rngStream(0, 'test');
  const isWrong = (i: number): boolean => i === 24 || i === 27;
  const points = Array.from({ length: 30 }, (_, i) => {
    const x = 1e3 * 1.4 ** i;
    // Two of the large runs went wrong.
    return { x, L: (1.2 + (1e4 / x) ** 0.4) * (1 + (isWrong(i) ? 0.4 : 0.002 * normal(rng))) };
  });

  it('resists outliers under huber and lad, and not under mse', () => {
    const alpha = (loss: 'huber' | 'lad' | 'mse') => fitCurve(points, { loss }).params['alpha']!;
    for (const loss of ['huber', 'lad'] as const) expect(Math.abs(alpha(loss) - 0.4)).toBeLessThan(0.01);
    expect(Math.abs(alpha('mse') - 0.4)).toBeGreaterThan(0.02);
    expect(fitCurve(points, { loss: 'huber' }).converged).toBe(true);
    expect(fitCurve(points, { loss: 'lad' }).loss.name).toBe('lad');
    expect(() => fitCurve(points, { delta: 0.1 })).toThrow('the loss mse has none');
  });

  it('on raw loss minimises nats', () => {
    const raw = fitCurve(points, { scale: 'raw' });
    const log = fitCurve(points);
    const nats = (fit: typeof raw) => points.reduce((sum, { x, L }) => sum + (predictCurve(fit, x) - L) ** 2 / 2, 0);
    expect(raw.objective).toBeCloseTo(nats(raw), 10);
    expect(nats(raw)).toBeLessThan(nats(log));
    expect(raw.rms).toBeGreaterThanOrEqual(log.rms);
  });

  it('says where it reaches a loss, and how sure it is there', () => {
    const clean = points.filter((_, i) => !isWrong(i));
    const fit = fitCurve(clean, { bootstrap: 40, keep_draws: true });
    const x = reachOnCurve(fit, 1.5)!;
    expect(predictCurve(fit, x)).toBeCloseTo(1.5, 9);
    expect(reachOnCurve(fit, 1.1)).toBeNull();
    const width = (at: number): number => {
      const [low, high] = curveInterval(fit, at)!;
      expect(low).toBeLessThan(predictCurve(fit, at) + 1e-9);
      return high - low;
    };
    expect(width(1e12)).toBeGreaterThan(width(1e5));
    expect(curveInterval({ ...fit, draws: {} }, 1e5)).toBeNull();
    expect(() => predictCurve(fit, -1)).toThrow('invalid x: -1');
    expect(() => reachOnCurve(fit, 0)).toThrow('invalid loss: 0');
  });
});

/** @file Hold-out and comparison: conditions that are read and not evaluated, errors, windows, ranks, criteria. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criteria } from '../../src/fit/compare.ts';
import { parseCondition } from '../../src/fit/condition.ts';
import { compareLaws, fitLaw, holdOut } from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, rectangle, trueLoss } from './known-law.ts';

describe('conditions', () => {
  it('compare columns with numbers, all of them to hold', () => {
    const run = { N: 1e6, D: 2e7, C: 1.2e14 };
    for (const [text, holds] of [
      ['C>1e12', true],
      ['C > 1.2E+14', false],
      ['C>=1.2e14', true],
      ['N<1e6', false],
      ['N<=1000000 & D>.5e7', true],
      ['N<=1e6,D<1e7', false],
    ] as const)
      expect(parseCondition(text)(run), text).toBe(holds);
  });

  it.each([
    ['', 'not a comparison'],
    ['C', 'not a comparison'],
    ['C>', 'not a comparison'],
    ['C>1e12 &', '"" is not a comparison'],
    ['1e12<C', 'not a comparison'],
    ['C==1', 'not a comparison'],
    ['C>process.exit()', 'not a comparison'],
    ['L<2', 'unknown column L'],
    ['C>1e12 | N>2', 'not a comparison'],
  ])('"%s" is refused', (text, message) => {
    expect(() => parseCondition(text)).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('read any number that JavaScript prints', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-30, max: 1e30, noNaN: true }), (x) => {
        expect(parseCondition(`N>=${x}`)({ N: x, D: 1, C: 1 })).toBe(true);
        expect(parseCondition(`N<${x}`)({ N: x, D: 1, C: 1 })).toBe(false);
      }),
    );
  });
});

describe('hold-out', () => {
  it('of a known law without noise has no error, whatever is held out', () => {
    for (const holdout of ['largest', 'expanding', 'C>2e20', 'N<3e8 & D>1e10']) {
      const report = holdOut(isoflopGrid(), { holdout });
      expect(report.rms, holdout).toBeLessThan(1e-8);
      expect(report.intervals).toBeNull();
    }
  });

  it('scores the runs it did not fit, and says how far they lie', () => {
    const points = noisy(isoflopGrid(), 2, 0.005);
    const report = holdOut(points, { holdout: 'C>3e20', bootstrap: 60 });
    const [window] = report.windows;
    const held = points.filter(({ C }) => C > 3e20);
    expect(window).toMatchObject({ num_held_out: held.length, num_fitted: points.length - held.length });
    expect(window!.runs.map(({ L }) => L)).toEqual(held.map(({ L }) => L));
    expect(report.rms).toBeGreaterThan(0.002);
    expect(report.rms).toBeLessThan(0.02);
    expect(report.intervals!.rms[0]).toBeLessThan(report.rms);
    expect(report.intervals!.rms[1]).toBeGreaterThan(report.rms);
    expect(window!.decades_beyond['C']).toBeCloseTo(Math.log10(10 ** 21.5 / 10 ** (19 + 2.5 / 2)), 1);
    const again = fitLaw(points.filter(({ C }) => C <= 3e20));
    expect(window!.fit.params).toEqual(again.params);
  });

  it('the interval of the mean error holds zero for the right law, and not for the wrong one', () => {
    const right = noisy(isoflopGrid(), 3, 0.003);
    const bent = isoflopGrid(7, 7, (N, D) => trueLoss(N, D) * (1 + 0.04 * Math.max(0, Math.log10((6 * N * D) / 3e20))));
    const options = { holdout: 'C>3e20', bootstrap: 60 };
    const [low, high] = holdOut(right, options).intervals!.mean;
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
    const wrong = holdOut(noisy(bent, 3, 0.003), options);
    // The law predicts too low a loss where it bends up.
    expect(wrong.intervals!.mean[1]).toBeLessThan(0);
    expect(wrong.windows[0]!.fitted_rms).toBeLessThan(0.005);
  });

  it('leaves out the largest size, or each next window by compute', () => {
    const points = noisy(isoflopGrid(), 4, 0.004);
    const N = Math.max(...points.map((p) => p.N));
    const largest = holdOut(points);
    expect(largest.windows[0]!.runs.every(({ values }) => values['N'] === N)).toBe(true);
    const windows = holdOut(points, { holdout: 'expanding', num_windows: 6, bootstrap: 10, cluster: 'runs' });
    expect(windows.windows.map(({ num_fitted }) => num_fitted)).toEqual([17, 25, 33, 41]);
    expect(windows.num_held_out).toBe(32);
    expect(windows.intervals!.rms[1]).toBeGreaterThan(windows.rms);
    for (const { runs, fit } of windows.windows)
      expect(Math.min(...runs.map(({ values }) => values['C']!))).toBeGreaterThanOrEqual(fit.range.C[1]);
  });

  it.each([
    ['C>1e30', 'usage', 'holds for none of the 49 runs'],
    ['C>1', 'usage', 'holds for all of the 49 runs'],
    ['C>1.1e19', 'too_little_data', 'too_few'],
  ] as const)('%s is refused', (holdout, exit, message) => {
    const points = holdout === 'C>1.1e19' ? isoflopGrid().slice(3, 12) : isoflopGrid();
    expect(() => holdOut(points, { holdout })).toThrow(
      expect.objectContaining({ exit, message: expect.stringContaining(message) }),
    );
  });
});

describe('comparison', () => {
  it('finds the form that the points were made with', () => {
    const [q, E] = [0.5, 1.5];
    const loss = (N: number, D: number) => E + ((300 / N ** 0.35) ** q + (900 / D ** 0.33) ** q) ** (1 / q);
    const points = noisy(rectangle(7, loss, 3), 1, 0.003);
    const laws = ['chinchilla', 'power_mean', 'kaplan'];
    const { laws: rows } = compareLaws(points, { laws, holdout: 'C>5e20', loss: 'mse' });
    expect(rows[0]!.law).toBe('power_mean');
    expect(rows[0]!.delta_aicc).toBe(0);
    expect(rows[0]!.akaike_weight).toBeGreaterThan(0.9);
    expect(rows[0]!.holdout!.rms).toBeLessThan(0.7 * rows[1]!.holdout!.rms);
    expect(rows.reduce((sum, row) => sum + row.akaike_weight!, 0)).toBeCloseTo(1, 10);
  });

  it('does not pay for constants that buy nothing', () => {
    const points = noisy(isoflopGrid(), 5, 0.004);
    const { laws } = compareLaws(points, { laws: ['chinchilla', 'power_mean'], loss: 'mse' });
    const row = (name: string) => laws.find(({ law }) => law === name)!;
    expect(row('power_mean').log_likelihood!).toBeGreaterThanOrEqual(row('chinchilla').log_likelihood! - 1e-9);
    expect(row('chinchilla').bic!).toBeLessThan(row('power_mean').bic!);
  });

  it('criteria are the textbook ones: normal errors, and Laplace in the limit of a small corner', () => {
    const normal = criteria({ objective: 0.5 * 0.08, loss: { name: 'mse', delta: null }, num_points: 20, num_free: 2 });
    expect(normal.log_likelihood).toBeCloseTo(-10 * (Math.log(2 * Math.PI * (0.08 / 20)) + 1), 8);
    expect(normal.aicc).toBeCloseTo(-2 * normal.log_likelihood + 6 + 24 / 16, 8);
    expect(normal.bic).toBeCloseTo(-2 * normal.log_likelihood + 3 * Math.log(20), 8);
    // Sum of |r| = 1.2 over 20 residuals: scale b = .06, log likelihood -n log(2 b) - n.
    const laplace = criteria({
      objective: 1e-7 * 1.2,
      loss: { name: 'lad', delta: 1e-7 },
      num_points: 20,
      num_free: 2,
    });
    expect(laplace.log_likelihood).toBeCloseTo(-20 * (Math.log(0.12) + 1), 3);
    const wide = criteria({ objective: 0.5 * 0.08, loss: { name: 'huber', delta: 10 }, num_points: 20, num_free: 2 });
    expect(wide.log_likelihood).toBeCloseTo(normal.log_likelihood, 8);
  });

  it('keeps a law that cannot be fitted, with the reason, and wants two', () => {
    const points = noisy(rectangle(3, trueLoss), 1, 0.003).slice(0, 6);
    expect(() => compareLaws(points, { laws: ['chinchilla', 'kaplan'] })).toThrow(
      expect.objectContaining({ exit: 'too_little_data' }),
    );
    expect(() => compareLaws(isoflopGrid(), { laws: ['kaplan', 'kaplan'] })).toThrow('is not two laws');
    expect(() => compareLaws(isoflopGrid(), { laws: ['kaplan', 'kaplann'] })).toThrow('unknown law: kaplann');
  });
});

/** @file Profile curves: intervals against a linear oracle and by coverage, open ends, exponents, a second optimum. */
import { describe, expect, it } from 'vitest';
import { fitLaw, profileParam } from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, rectangle, TRUE_A, type TRUTH, trueLoss } from './known-law.ts';
import { epochPoints, isAbsent } from './tables.ts';

describe('a profile', () => {
  const points = noisy(isoflopGrid(5, 6), 3, 0.005);
  const fit = fitLaw(points, { loss: 'mse' });

  it.each(['E', 'A', 'B', 'alpha', 'beta', 'a', 'b'])(
    'of %s has its least value at the fit and rises to both sides',
    (param) => {
      const profile = profileParam(points, { param, loss: 'mse', num_values: 11 });
      const value = { ...fit.params, ...fit.exponents }[param]!;
      expect(profile.value).toBeCloseTo(value, 6);
      expect(profile.objective).toBeCloseTo(fit.objective, 12);
      expect(profile.interval[0]).toBeLessThan(value);
      expect(profile.interval[1]!).toBeGreaterThan(value);
      const statistics = profile.curve.map((c) => c.statistic);
      const lowest = statistics.indexOf(Math.min(...statistics));
      for (let i = 1; i < statistics.length; i++)
        expect(Math.sign(statistics[i]! - statistics[i - 1]!)).toBe(i <= lowest ? -1 : 1);
      // Every constant but the one held is free, and that one is where it is held.
      for (const { value: held, objective, params } of profile.curve) {
        const own = { ...params, a: params['beta']! / (params['alpha']! + params['beta']!) };
        if (param !== 'b') expect(own[param as 'a']! / held).toBeCloseTo(1, 8);
        const squares = points.reduce((sum, { N, D, L }) => {
          const { E, A, B, alpha, beta } = params as typeof TRUTH;
          return sum + 0.5 * Math.log((E + A / N ** alpha + B / D ** beta) / L) ** 2;
        }, 0);
        expect(objective).toBeCloseTo(squares, 12);
      }
    },
  );

  it('with one held constant is the fit with that constant fixed', () => {
    const { curve } = profileParam(points, { param: 'alpha', loss: 'mse', num_values: 5 });
    for (const { value, objective } of curve)
      expect(fitLaw(points, { loss: 'mse', fix: { alpha: value } }).objective / objective).toBeCloseTo(1, 8);
  });

  it('is near the linear theory for squared error: the standard error times Student t', () => {
    const { interval, value, threshold } = profileParam(points, { param: 'alpha', loss: 'mse' });
    // t of 25 degrees of freedom at 95%, squared.
    expect(threshold).toBeCloseTo(1.7081 ** 2, 3);
    const at = (alpha: number) => fitLaw(points, { loss: 'mse', fix: { alpha } }).objective;
    const s2 = (2 * fit.objective) / 25;
    expect((2 * (at(interval[0]) - fit.objective)) / s2).toBeCloseTo(threshold, 2);
    expect((2 * (at(interval[1]!) - fit.objective)) / s2).toBeCloseTo(threshold, 2);
    expect(value).toBeCloseTo(fit.params['alpha']!, 7);
  });

  it.each(['mse', 'huber'] as const)('by %s holds the truth about nine times of ten', (loss) => {
    const seeds = Array.from({ length: 40 }, (_, i) => i);
    const held = seeds.filter((seed) => {
      const own = noisy(isoflopGrid(5, 6), seed, 0.005);
      const [low, high] = profileParam(own, { param: 'a', loss, num_values: 2, starts: 'screened' }).interval;
      return low < TRUE_A && TRUE_A < high!;
    });
    // Of 40 at 90%: 36, three standard deviations below is 30.
    expect(held.length).toBeGreaterThanOrEqual(31);
  });
});

describe('open profiles', () => {
  it('of E at zero: the floor is not identified', () => {
    const floorless = rectangle(5, (N, D) => 300 / N ** 0.25 + 500 / D ** 0.25);
    const profiles = [1, 2, 3, 4].map((seed) =>
      profileParam(noisy(floorless, seed, 0.01), { param: 'E', loss: 'mse' }),
    );
    for (const { open, interval, curve, diagnostics } of profiles) {
      expect(open).toEqual({ low: true, high: false });
      expect(interval[0]).toBe(0);
      expect(curve[0]!).toMatchObject({ value: 0, params: { E: 0 } });
      expect(diagnostics.map(({ name }) => name)).toContain('floor_unidentified');
    }
    // Two of the four are fitted at zero itself.
    expect(profiles.some(({ value }) => value === 0)).toBe(true);
    expect(profiles.some(({ value }) => value > 0)).toBe(true);
  });

  it('of an exponent whose term the points do not show', () => {
    const flat = noisy(
      rectangle(5, (N, D) => 1 + 50 * N ** -0.2 + 0.8 * D ** -0.2),
      2,
      0.01,
    );
    const { diagnostics, open } = profileParam(flat, { param: 'beta', loss: 'mse', num_values: 5 });
    expect(open.low || open.high).toBe(true);
    expect(diagnostics.map(({ name }) => name)).toContain('flat_direction');
  });
});

describe('refusals', () => {
  const points = rectangle(5, trueLoss);
  it.each([
    [{ param: 'gamma' }, 'has no gamma; choose one of E, A, B, alpha, beta, a, b'],
    [{ param: 'E', fix: { E: 1.6 } }, 'E is held at 1.6'],
  ])('%o', (options, message) => {
    expect(() => profileParam(points, options)).toThrow(
      expect.objectContaining({ exit: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('too few points', () => {
    expect(() => profileParam(points.slice(0, 5), { param: 'E' })).toThrow(
      expect.objectContaining({ exit: 'too_little_data' }),
    );
  });
});

describe.skipIf(isAbsent('chinchilla_epoch.csv'))('on chinchilla_epoch.csv (skipped where the table is absent)', () => {
  it('the intervals by likelihood lie within the printed ones by bootstrap, a little shorter', () => {
    const printed = { E: [1.769, 1.871], alpha: [0.317, 0.373], beta: [0.331, 0.415], a: [0.47, 0.55] };
    for (const [param, [low, high]] of Object.entries(printed) as [string, [number, number]][]) {
      const options = { param, drop_highest: 5, level: 0.95, num_values: 3 };
      const { interval, open } = profileParam(epochPoints(), options);
      expect(open).toEqual({ low: false, high: false });
      expect(interval[0], param).toBeGreaterThan(low - 0.005);
      expect(interval[1]!, param).toBeLessThan(high + 0.005);
      expect((interval[1]! - interval[0]) / (high - low), param).toBeGreaterThan(0.45);
    }
  });
});

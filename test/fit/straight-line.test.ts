/** @file Straight lines in logs: slope and bend of known curves, honest errors, and the rival with a floor. */
import { describe, expect, it } from 'vitest';
import { type CurvePoint, fitStraightLine } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const curve = (of: (x: number) => number, num = 9, factor = 1.6): CurvePoint[] =>
  Array.from({ length: num }, (_, i) => ({ x: 1e3 * factor ** i, L: of(1e3 * factor ** i) }));

describe('fitStraightLine', () => {
  it('gives the exponent of a power law, and no bend', () => {
    const fit = fitStraightLine(curve((x) => 3 * x ** -0.1));
    expect(fit.params.slope).toBeCloseTo(0.1, 10);
    expect(Math.abs(fit.params.bend)).toBeLessThan(1e-12);
    expect(fit.rms).toBeLessThan(1e-12);
    expect([fit.num_points, fit.num_distinct, fit.diagnostics]).toEqual([9, 9, []]);
  });

  it('gives the greatest distance between a parabola in logs and its nearest line', () => {
    const half = (8 * Math.log(1.6)) / 2;
    const bent = (c2: number) =>
      curve((x) => Math.exp(1 - 0.1 * Math.log(x) + c2 * Math.log(x / (1e3 * 1.6 ** 4)) ** 2));
    expect(fitStraightLine(bent(0.01)).params.bend).toBeCloseTo((0.01 * half ** 2) / 2, 10);
    expect(fitStraightLine(bent(-0.01)).params.bend).toBeCloseTo((-0.01 * half ** 2) / 2, 10);
  });

  it('averages the runs of one x in logs, whatever their order', () => {
    const noisy = curve((x) => 3 * x ** -0.1).flatMap(({ x, L }) => [
      { x, L: L * 1.1 },
      { x, L: L / 1.1 },
    ]);
    expect(fitStraightLine(noisy.reverse()).params.slope).toBeCloseTo(0.1, 10);
  });

  it('takes a floor off, which makes the reducible loss straight', () => {
    const points = curve((x) => 0.4 + 80 * x ** -0.6);
    expect(fitStraightLine(points).params.bend).toBeGreaterThan(0.05);
    expect(fitStraightLine(points, { floor: 0.4 }).params.bend).toBeCloseTo(0, 10);
    expect(fitStraightLine(points, { floor: 0.4 }).params.slope).toBeCloseTo(0.6, 10);
  });

  it('says that a law with a floor predicts better where there is one, and not where there is none', () => {
    const rng = rngStream(3, 'line');
    const noise = () => Math.exp(0.003 * normal(rng));
    const names = (points: CurvePoint[]) => fitStraightLine(points).diagnostics.map(({ name }) => name);
    expect(names(curve((x) => (0.4 + 80 * x ** -0.6) * noise()))).toEqual(['rival_better']);
    expect(names(curve((x) => 3 * x ** -0.1 * noise()))).toEqual([]);
  });

  it('has errors that hold the truth in nine cases of ten, with seven x as with ten', () => {
    const rng = rngStream(1, 'coverage');
    for (const num of [7, 10]) {
      const held = { slope: 0, bend: 0 };
      const num_draws = 150;
      for (let draw = 0; draw < num_draws; draw++) {
        const { params, standard_errors } = fitStraightLine(
          curve((x) => 3 * x ** -0.1 * Math.exp(0.01 * normal(rng)), num),
        );
        if (Math.abs(params.slope - 0.1) < 1.645 * standard_errors.slope) held.slope++;
        if (Math.abs(params.bend) < 1.645 * standard_errors.bend) held.bend++;
      }
      // Three binomial standard errors of .9.
      for (const count of Object.values(held)) expect(Math.abs(count / num_draws - 0.9)).toBeLessThan(0.074);
    }
  });

  it('refuses too few x, and a floor that some loss does not clear', () => {
    expect(() => fitStraightLine(curve((x) => 3 * x ** -0.1, 4))).toThrow('too_few_points: 4 distinct x');
    expect(() => fitStraightLine([])).toThrow('too_few_points: 0 distinct x');
    expect(() =>
      fitStraightLine(
        curve(() => 2),
        { floor: 2 },
      ),
    ).toThrow('invalid floor: 2 is not from 0 to below');
    expect(() =>
      fitStraightLine(
        curve(() => 2),
        { floor: -1 },
      ),
    ).toThrow('invalid floor: -1');
  });
});

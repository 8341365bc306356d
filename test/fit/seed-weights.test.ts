/** @file Huber's corner and weights from repeated runs, raw loss, and a law under several losses. */
import { describe, expect, it } from 'vitest';
import {
  type FitPoint,
  fitLaw,
  profileParam,
  scanLosses,
  type scoreLaw,
  seedNoise,
  weightedBySeeds,
} from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const SIZES = [1e4, 1e5, 1e6, 1e7];
const law = (N: number, D: number): number => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;

/** Runs with `repeats` seeds a cell; the smallest size is `ratio` times as noisy as the others. */
function runs({ sd = 0.01, ratio = 1, repeats = 4 } = {}): FitPoint[] {
  const rng = rngStream(0, 'test');
  return SIZES.flatMap((N) =>
    [1e6, 1e7, 1e8, 1e9].flatMap((D) =>
      Array.from({ length: repeats }, () => {
        const noise = sd * (N === 1e4 ? ratio : 1) * normal(rng);
        return { N, D, C: 6 * N * D, L: law(N, D) * Math.exp(noise) };
      }),
    ),
  );
}

describe('seedNoise', () => {
  it('is the spread within cells, and the corner 1.345 of it', () => {
    const { sd, freedom, delta } = seedNoise(runs({ repeats: 40 }));
    expect(freedom).toBe(16 * 39);
    // Four standard errors of a spread with so many degrees of freedom.
    expect(Math.abs(sd / 0.01 - 1)).toBeLessThan(4 / Math.sqrt(2 * freedom));
    expect(delta).toBeCloseTo(1.345 * sd, 12);
  });

  it('needs repeated runs that differ', () => {
    expect(() => seedNoise(runs({ repeats: 1 }))).toThrow('no two runs share N and D');
    expect(() => seedNoise(runs({ sd: 0 }))).toThrow('equal losses');
  });
});

describe('weightedBySeeds', () => {
  it('gives noisy sizes less, by inverse variance when there are many repeats, one on average', () => {
    const points = weightedBySeeds(runs({ ratio: 3, repeats: 40 }));
    const of = (N: number) => points.find((p) => p.N === N)!.weight!;
    expect(of(1e7) / of(1e4)).toBeGreaterThan(7);
    expect(of(1e7) / of(1e4)).toBeLessThan(10);
    expect(points.reduce((sum, p) => sum + p.weight!, 0) / points.length).toBeCloseTo(1, 12);
  });

  it('leans on the pooled variance where repeats are few, and keeps the weights there were', () => {
    const ratio = (repeats: number) => {
      const points = weightedBySeeds(runs({ ratio: 3, repeats }));
      return points.find((p) => p.N === 1e7)!.weight! / points.find((p) => p.N === 1e4)!.weight!;
    };
    expect(ratio(2)).toBeLessThan(ratio(40));
    expect(ratio(2)).toBeGreaterThan(1);
    const [first] = weightedBySeeds(runs().map((p) => ({ ...p, weight: 5 })));
    expect(first!.weight).toBeCloseTo(5 * weightedBySeeds(runs())[0]!.weight!, 12);
  });
});

describe('residuals of raw loss', () => {
  const points = runs({ repeats: 2, sd: 0.02 });
  const nats = (fit: Parameters<typeof scoreLaw>[1]['params']) =>
    points.reduce((sum, p) => {
      const { E, A, B, alpha, beta } = fit as Record<'E' | 'A' | 'B' | 'alpha' | 'beta', number>;
      return sum + (E + A / p.N ** alpha + B / p.D ** beta - p.L) ** 2 / 2;
    }, 0);

  it('are least in nats, and the law without noise is the same', () => {
    const raw = fitLaw(points, { loss: 'mse', scale: 'raw' });
    const log = fitLaw(points, { loss: 'mse' });
    expect(raw.converged).toBe(true);
    expect(raw.loss).toEqual({ name: 'mse', delta: null, scale: 'raw' });
    expect(raw.objective).toBeCloseTo(nats(raw.params), 9);
    expect(nats(raw.params)).toBeLessThan(nats(log.params));
    expect(raw.residuals.rms).toBeGreaterThan(log.residuals.rms);
    const exact = fitLaw(runs({ sd: 0, repeats: 1 }), { scale: 'raw' });
    expect(exact.params['alpha']).toBeCloseTo(0.4, 7);
    expect(exact.params['B']).toBeCloseTo(30, 3);
  });

  it('work for other laws, held constants and profiles', () => {
    const tied = fitLaw(points, { scale: 'raw', loss: 'huber', tie: [['alpha', 'beta']], fix: { E: 1.5 } });
    expect(tied.params['alpha']).toBe(tied.params['beta']);
    expect(fitLaw(points, { law: 'kaplan_nd', scale: 'raw' }).converged).toBe(true);
    const profile = profileParam(points, { param: 'alpha', loss: 'mse', scale: 'raw', num_values: 7 });
    expect(profile.objective).toBeCloseTo(fitLaw(points, { loss: 'mse', scale: 'raw' }).objective, 9);
  });
});

describe('scanLosses', () => {
  it('gives a row a loss, from absolute to squared error, each the fit of that loss', () => {
    const points = runs({ repeats: 1, sd: 0.02 });
    const rows = scanLosses(points, [0.1, 1e-3, 1e-3], { bootstrap: 50 });
    expect(rows.map(({ loss, delta }) => [loss, delta])).toEqual([
      ['lad', null],
      ['huber', 1e-3],
      ['huber', 0.1],
      ['mse', null],
    ]);
    expect(rows[1]!.params).toEqual(fitLaw(points, { delta: 1e-3 }).params);
    expect(rows[3]!.rms).toBeLessThanOrEqual(Math.min(...rows.map(({ rms }) => rms)) + 1e-12);
  });
});

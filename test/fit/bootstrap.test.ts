/** @file The bootstrap: what it resamples, that it repeats itself, what its intervals are. */
import { describe, expect, it } from 'vitest';
import { fitLaw } from '../../src/fit/fit.ts';
import { bootstrap, percentileInterval } from '../../src/fit/resample/bootstrap.ts';
import { isoflopGrid, noisy } from './known-law.ts';

/** Six runs: three sizes, the middle one with three runs of which two share D. */
const runs = [
  { N: 10, D: 100 },
  { N: 20, D: 100 },
  { N: 20, D: 200 },
  { N: 20, D: 200.01 },
  { N: 30, D: 100 },
  { N: 30, D: 100 },
];

/** The multiplicities of every replicate. */
function drawn(cluster: 'sizes' | 'runs' | 'seeds', seed = 1, replicates = 200): number[][] {
  const seen: number[][] = [];
  bootstrap(runs, { bootstrap: replicates, cluster, seed }, (m) => {
    seen.push([...m]);
    return { total: m.reduce((sum, x) => sum + x, 0) };
  });
  return seen;
}

describe('resampling', () => {
  it('by sizes draws whole sizes, as many as there are', () => {
    for (const m of drawn('sizes')) {
      expect([m[1], m[1]]).toEqual([m[2], m[3]]);
      expect(m[4]).toBe(m[5]);
      expect(m[0]! + m[1]! + m[4]!).toBe(3);
    }
  });

  it('by runs draws six runs, each about once in the mean', () => {
    const all = drawn('runs', 2, 2000);
    for (const m of all) expect(m.reduce((sum, x) => sum + x, 0)).toBe(6);
    for (let i = 0; i < 6; i++) expect(all.reduce((sum, m) => sum + m[i]!, 0) / 2000).toBeCloseTo(1, 0.9);
  });

  it('by seeds stays within cells of one N and D', () => {
    for (const m of drawn('seeds')) {
      expect([m[0], m[1]]).toEqual([1, 1]);
      expect([m[2]! + m[3]!, m[4]! + m[5]!]).toEqual([2, 2]);
    }
  });

  it('by seeds refuses runs without repeats', () => {
    expect(() => bootstrap(runs.slice(0, 3), { bootstrap: 1, cluster: 'seeds' }, () => null)).toThrow(
      expect.objectContaining({
        exit: 'too_little_data',
        message: expect.stringContaining('no two runs share N and D'),
      }),
    );
  });

  it('repeats itself by seed, and more replicates begin with the fewer', () => {
    expect(drawn('runs', 7)).toEqual(drawn('runs', 7));
    expect(drawn('runs', 7, 300).slice(0, 200)).toEqual(drawn('runs', 7));
    expect(drawn('runs', 7)).not.toEqual(drawn('runs', 8));
  });

  it('draws the same sizes when the same runs are counted otherwise and come in another order', () => {
    const draw = (points: { N: number; D: number }[]) => {
      const seen: string[] = [];
      bootstrap(points, { bootstrap: 50, cluster: 'sizes', seed: 3 }, (m) => {
        seen.push(
          [...points.keys()]
            .map((i) => `${points[i]!.D}x${m[i]}`)
            .sort()
            .join(),
        );
        return {};
      });
      return seen;
    };
    const runsByD = [3, 1, 4, 1.5].map((N) => ({ N, D: N * 7 }));
    const recounted = runsByD.map(({ N, D }) => ({ N: N ** 2 - 0.5, D })).reverse();
    expect(draw(recounted)).toEqual(draw(runsByD));
  });
});

describe('results', () => {
  it('counts failed replicates and leaves them out', () => {
    let call = 0;
    const refit = () => {
      call++;
      return call % 4 === 0 ? null : call % 4 === 1 ? { x: Number.NaN } : { x: call };
    };
    const result = bootstrap(runs, { bootstrap: 100, cluster: 'runs' }, refit, { min_sizes: 1 })!;
    expect(result.report).toEqual({
      replicates: 100,
      failed: 50,
      undetermined: 0,
      cluster: 'runs',
      num_clusters: 6,
      level: 0.9,
      interval: 'percentile',
      seed: 0,
    });
    expect(result.draws['x']).toHaveLength(50);
    // No resample has more sizes than there are.
    expect(bootstrap(runs, { bootstrap: 100 }, refit, { min_sizes: 99 })!.report.undetermined).toBe(50);
  });

  it('no replicates, no result', () => {
    expect(bootstrap(runs, {}, () => ({ x: 1 }))).toBeNull();
  });

  it('percentile intervals interpolate between order statistics', () => {
    expect(percentileInterval([5, 1, 4, 2, 3], 0.5)).toEqual([2, 4]);
    expect(percentileInterval([0, 10], 0.9)[0]).toBeCloseTo(0.5, 12);
    expect(percentileInterval([7], 0.9)).toEqual([7, 7]);
  });

  it('replicates of a fit are its own refits: the first one equals a fit of the resampled points', () => {
    const points = noisy(isoflopGrid(5, 6), 1, 0.01);
    const options = { bootstrap: 1, cluster: 'runs', seed: 9, keep_draws: true } as const;
    let weights: number[] = [];
    bootstrap(points, options, (m) => {
      weights = [...m];
      return {};
    });
    const fit = fitLaw(points, options);
    const again = fitLaw(points.map((p, i) => ({ ...p, weight: weights[i]! })));
    for (const [name, value] of Object.entries(again.params)) expect(fit.draws![name]![0]! / value).toBeCloseTo(1, 6);
  });
});

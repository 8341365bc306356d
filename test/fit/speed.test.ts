/** @file What must stay fast, by its results: all of Hoffmann's starts, bootstraps on several threads, many points.
 * Bounds on time are CPU time and far above what is measured: they catch a change of order, not of percents. The
 * worker threads are those of dist/, as everywhere in the tests.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FitOptions, fitLaw, type LawFit } from '../../src/fit/fit.ts';
import { lawByName } from '../../src/fit/laws/registry.ts';
import { robustLoss } from '../../src/fit/minimise/loss.ts';
import { minimise } from '../../src/fit/minimise/minimise.ts';
import { makeProblem } from '../../src/fit/minimise/problem.ts';
import { byLabel, extent, numDistinct, selectPoints, sizeOf } from '../../src/fit/point.ts';
import { lawRefit } from '../../src/fit/resample/refit.ts';
import { makeResamples } from '../../src/fit/resample/resamples.ts';
import { refitAll } from '../../src/fit/resample/shared-refits.ts';
import { isoflopGrid, noisy, rectangle, trueLoss } from './known-law.ts';
import { epochPoints, isAbsent } from './tables.ts';

const DIST = join(import.meta.dirname, '../../dist/fit/fit.js');

function timed<T>(of: () => T): { value: T; cpu_s: number } {
  const before = process.cpuUsage();
  const value = of();
  return { value, cpu_s: process.cpuUsage(before).user / 1e6 };
}

describe.skipIf(isAbsent('chinchilla_epoch.csv'))("all of Hoffmann's 4,500 starts", () => {
  it('on his 240 points: the optimum that 4,500 separate descents find', () => {
    const { value: fit, cpu_s } = timed(() => fitLaw(epochPoints(), { drop_highest: 5, starts: 'all' }));
    expect(fit.starts).toMatchObject({ grid: 4500, run: 4501, converged: 4501, distinct: 4 });
    // One by one 4,381 of them end there, and the next optimum is 9.85 times as high again.
    expect(fit.starts.reached_best).toBeGreaterThan(4200);
    expect(fit.starts.next_best).toBeCloseTo(9.8466, 3);
    expect(fit.objective / 0.0010182740178005989).toBeCloseTo(1, 12);
    expect(cpu_s).toBeLessThan(15);
  });

  it('with less than five million losses worked out: a thousand for each start', () => {
    const chinchilla = lawByName('chinchilla');
    const block = chinchilla.block!;
    let num_losses = 0;
    const losses: typeof block.losses = (theta, columns, from, to, values, jacobian) => {
      num_losses += to - from;
      block.losses(theta, columns, from, to, values, jacobian);
    };
    const { kept } = selectPoints(epochPoints(), { drop_highest: 5 });
    const problem = makeProblem({ ...chinchilla, block: { ...block, losses } }, kept);
    const { best } = minimise(problem, robustLoss('huber'), 'all');
    expect(best.objective / 0.0010182740178005989).toBeCloseTo(1, 12);
    expect(num_losses).toBeLessThan(5e6);
  });
});

describe('the threads of a bootstrap', () => {
  const points = noisy(isoflopGrid(), 3, 0.01);
  const options: FitOptions = { bootstrap: 60, cluster: 'runs', interval: 'bca', keep_draws: true };
  const one = fitLaw(points, { ...options, threads: 1 });

  it.each([2, 3, 5])('%i of them: the same draws and intervals to the last bit', (threads) => {
    expect(fitLaw(points, { ...options, threads })).toEqual(one);
  });

  it('for a constrained law with failed replicates too', () => {
    const few = noisy(rectangle(4, trueLoss), 1, 0.01);
    const own: FitOptions = { law: 'power_mean', tie: [['alpha', 'beta']], bootstrap: 40, keep_draws: true };
    const alone = fitLaw(few, { ...own, threads: 1 });
    expect(alone.bootstrap!.failed).toBeGreaterThan(0);
    expect(fitLaw(few, { ...own, threads: 3 })).toEqual(alone);
  });

  it('workers do take part: with a slow caller they finish what it has not', () => {
    const resampling = { replicates: 400, cluster: 'runs', seed: 0, with_left_out: false } as const;
    const spec = { points, options: {}, theta: thetaOf(one) };
    const resamples = makeResamples(points, resampling);
    const refit = lawRefit(spec);
    const expected = refitAll(resamples, refit);
    let calls = 0;
    const slow = (multiplicity: Float64Array) => {
      calls++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
      return refit(multiplicity);
    };
    expect(refitAll(resamples, slow, { spec, resampling, threads: 3 })).toEqual(expected);
    expect(calls).toBeLessThan(390);
  });

  it('where threads are forbidden the caller does it all', () => {
    const script = `
      import { fitLaw } from ${JSON.stringify(DIST)};
      console.log(JSON.stringify(fitLaw(${JSON.stringify(points)}, ${JSON.stringify({ ...options, threads: 3 })})));`;
    const flags = ['--experimental-permission', '--allow-fs-read=*', '--no-warnings', '--input-type=module'];
    const out = execFileSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(out)).toEqual(one);
  });

  it('are counted', () => {
    expect(() => fitLaw(points, { ...options, threads: 0 })).toThrow('invalid threads: 0');
  });
});

function thetaOf(fit: LawFit): Float64Array {
  const { E, A, B, alpha, beta } = fit.params as Record<string, number>;
  const mean = (of: (p: { N: number; D: number }) => number, all: readonly { N: number; D: number }[]): number =>
    all.reduce((sum, p) => sum + Math.log(of(p)), 0) / all.length;
  const all = noisy(isoflopGrid(), 3, 0.01);
  const [n, d] = [mean((p) => p.N, all), mean((p) => p.D, all)];
  return Float64Array.of(Math.log(E!), Math.log(A!) - alpha! * n, Math.log(B!) - beta! * d, alpha!, beta!);
}

describe('many points', () => {
  it('200,000 are fitted in time that grows with their number, and no call stack overflows', () => {
    const cost = [20_000, 200_000].map((count) => {
      const some = noisy(rectangle(Math.ceil(Math.sqrt(count)), trueLoss), 1, 0.01);
      const { value, cpu_s } = timed(() => fitLaw(some, { law: 'kaplan_n' }));
      expect(value.num_points).toBe(some.length);
      return cpu_s / some.length;
    });
    // Sorting makes it a little more than linear; a quadratic step would make it ten times as much.
    expect(cost[1]! / cost[0]!).toBeLessThan(3);
  });

  it('a chain of close values is many labels, none wider than the tolerance', () => {
    const chain = Array.from({ length: 1000 }, (_, i) => 1.0005 ** i);
    const labels = sizeOf(chain);
    expect(numDistinct(chain)).toBe(labels.at(-1)! + 1);
    for (const own of byLabel(chain, labels)) expect(own.at(-1)! / own[0]!).toBeLessThanOrEqual(1.001);
  });

  it('labels, ends and groups', () => {
    const values = [3, 1, 1.0005, 7, 3.001, 1.0009];
    expect(sizeOf(values)).toEqual([1, 0, 0, 2, 1, 0]);
    expect(numDistinct(values)).toBe(3);
    expect(extent(values)).toEqual([1, 7]);
    expect(byLabel(['a', 'b', 'c', 'd', 'e', 'f'], sizeOf(values))).toEqual([['b', 'c', 'f'], ['a', 'e'], ['d']]);
  });
});

/** @file Budgets found from the points: in one pass over the sorted compute, the same as by comparing all with all. */
import { expect, it } from 'vitest';
import { numDistinct } from '../../src/fit/point.ts';
import { groupByBudget } from '../../src/fit/valleys/valley.ts';
import { rngStream } from '../../src/lib/rng.ts';

/** The definition, word by word: quadratic. */
function slowly(points: readonly { N: number; C: number }[], tolerance: number): number[][] {
  const found: number[][] = [];
  for (let left = points.map((_, i) => i); ; ) {
    let densest: number[] = [];
    for (const i of left) {
      const members = left.filter((j) => Math.abs(points[j]!.C / points[i]!.C - 1) <= tolerance);
      if (members.length > densest.length) densest = members;
    }
    if (numDistinct(densest.map((i) => points[i]!.N)) < 3) break;
    found.push(densest);
    left = left.filter((i) => !densest.includes(i));
  }
  return found.filter((members) => members.length * 3 >= found[0]!.length);
}

it.each([0.05, 0.1, 0.5])('with a tolerance of %d', (tolerance) => {
  const rng = rngStream(0, `budgets/${tolerance}`);
  for (let round = 0; round < 60; round++) {
    const is_grid = round % 2 === 0;
    const points = Array.from({ length: 1 + Math.floor(100 * rng()) }, () => {
      const C = is_grid
        ? 1e10 * 2 ** Math.floor(6 * rng()) * (1 + 0.1 * Math.floor(3 * rng()))
        : 10 ** (10 + 2 * rng());
      return { N: 10 ** (3 + 2 * rng()), D: 1e6, C, L: 2 };
    });
    const members = groupByBudget(points, { tolerance }).map((group) => group.members);
    expect(new Set(members.map(String))).toEqual(new Set(slowly(points, tolerance).map(String)));
  }
});

it('of ten thousand points in a moment', () => {
  const rng = rngStream(0, 'many');
  const points = Array.from({ length: 10_000 }, () => ({
    N: 1e4 * (1 + rng()),
    D: 1e6,
    C: 10 ** (10 + 3 * rng()),
    L: 2,
  }));
  const before = process.cpuUsage();
  groupByBudget(points, {});
  // Comparing all with all takes minutes.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(5);
});

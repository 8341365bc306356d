/** @file Fits of many points from constants that are known nearly: as low as from the screened starts, also where the part
 * that is fitted follows another law; and those of few points are the screened ones.
 */
import { expect, it } from 'vitest';
import { fitLaw } from '../../src/fit/fit.ts';
import type { FitPoint } from '../../src/fit/point.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';

const random = rngStream(1, 'near');
/** Runs whose loss is raised below `D = 3e7` by `D^-kink`, 1% noise. */
const runs = (count: number, kink: number): FitPoint[] =>
  Array.from({ length: count }, () => {
    const [N, D] = [10 ** (5 + 3 * random()), 10 ** (6 + 3 * random())];
    const raised = Math.max(1, 3e7 / D) ** kink * Math.exp(0.01 * normal(random));
    return { N, D, C: 6 * N * D, L: (1.5 + 60 / N ** 0.4 + 300 / D ** 0.35) * raised };
  });

it.each(['chinchilla', 'power_mean'])('of %s end as low as the screened starts', (law) => {
  for (const kink of [0, 0.3]) {
    const all = runs(400, kink);
    const { params: near } = fitLaw(all, { law, diagnose: false });
    for (const least of [0, 3e7]) {
      const part = all.filter(({ D }) => D >= least);
      const screened = fitLaw(part, { law, diagnose: false });
      const found = fitLaw(part, { law, diagnose: false, starts: { near } });
      expect(found.starts.grid).toBe(0);
      expect(found.objective).toBeLessThanOrEqual(screened.objective * (1 + 1e-9));
    }
  }
});

it('of few points are the screened ones', () => {
  const points = runs(100, 0.1);
  const near = { E: 1.2, A: 10, B: 100, alpha: 0.2, beta: 0.3 };
  expect(fitLaw(points, { starts: { near } })).toEqual(fitLaw(points));
});

/** @file Known-law recovery: do 90% intervals hold the truth as often as they say?
 * A dozen draws by default, which can only show gross faults; `RECOVERY_DRAWS=200 npx vitest run
 * test/fit/recovery.test.ts` is the full check (some minutes), to the bounds of the literature's simulations.
 */
import { describe, expect, it } from 'vitest';
import { type FitOptions, fitIsoflop, fitLaw, type Interval } from '../../src/fit/fit.ts';
import { isoflopGrid, noisy, TRUE_A, TRUTH } from './known-law.ts';

const DRAWS = Number(process.env['RECOVERY_DRAWS'] ?? 12);
const IS_FULL = DRAWS >= 200;
const TIMEOUT_MS = 1000 * 60 * 30;

/** Share of draws in which each interval holds its truth. */
function coverage(fits: Record<string, Interval>[], truth: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(truth).map(([name, value]) => {
      const held = fits.filter((ends) => ends[name]![0] <= value && value <= ends[name]![1]);
      return [name, held.length / fits.length];
    }),
  );
}

/** By how many draws a share may miss its bounds: none in the full check, three standard errors in the short one. */
const slack = IS_FULL ? 0 : 3 * Math.sqrt((0.9 * 0.1) / DRAWS);

describe(`${DRAWS} draws of 49 points on seven budgets`, () => {
  type Case = [title: string, sd: number, size_sd: number, options: FitOptions, bounds: [number, number]];
  const cases: Case[] = [
    ['Huber, noise 1% and 1% a size, sizes', 0.01, 0.01, { cluster: 'sizes' }, [0.85, 0.98]],
    ['squared error, noise 1%, runs', 0.01, 0, { cluster: 'runs', loss: 'mse' }, [0.79, 0.95]],
    ['Huber, noise 1%, runs', 0.01, 0, { cluster: 'runs' }, [0.85, 0.98]],
    ['Huber, noise .2%, runs', 0.002, 0, { cluster: 'runs' }, [0.85, 0.98]],
  ];
  it.each(cases.slice(0, IS_FULL ? 4 : 2))(
    'Approach 3, %s',
    (title, sd, size_sd, options, [low, high]) => {
      const fits = Array.from({ length: DRAWS }, (_, seed) =>
        fitLaw(noisy(isoflopGrid(), seed, sd, size_sd), { ...options, bootstrap: IS_FULL ? 200 : 50, seed }),
      );
      expect(fits.every((fit) => fit.converged)).toBe(true);
      const found = coverage(
        fits.map((fit) => fit.intervals!),
        { ...TRUTH, a: TRUE_A },
      );
      if (IS_FULL) console.log(title, found);
      for (const [name, share] of Object.entries(found)) {
        expect(share, name).toBeGreaterThanOrEqual((name === 'a' ? low : 0.8) - slack);
        expect(share, name).toBeLessThanOrEqual((name === 'a' ? high : 0.98) + slack);
      }
      // The estimates scatter around the truth.
      const a = fits.map((fit) => fit.exponents!.a);
      const mean = a.reduce((sum, x) => sum + x, 0) / DRAWS;
      const spread = Math.sqrt(a.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (DRAWS - 1));
      expect(Math.abs(mean - TRUE_A)).toBeLessThan(0.005 + (4 * spread) / Math.sqrt(DRAWS));
    },
    TIMEOUT_MS,
  );

  it(
    'Approach 2, noise .5% and .5% a size, sizes',
    () => {
      const fits = Array.from({ length: DRAWS }, (_, seed) =>
        fitIsoflop(noisy(isoflopGrid(), seed, 0.005, 0.005), { bootstrap: IS_FULL ? 200 : 50, seed }),
      );
      const found = coverage(
        fits.map((fit) => fit.intervals!),
        { a: TRUE_A },
      );
      if (IS_FULL) console.log('Approach 2', found);
      expect(found['a']).toBeGreaterThanOrEqual(0.85 - slack);
    },
    TIMEOUT_MS,
  );
});

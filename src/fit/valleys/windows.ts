/** @file Whether a depends on how much of the valleys the parabolas go through.
 * Valleys of the usual laws are steeper on one side, so a parabola through more sizes has its bottom elsewhere, and
 * a slope of bottoms that shifts with the window is partly the window's. Narrow windows also have noisier bottoms: the
 * drift is held against that of parabolas with the runs' own scatter, which on sound noisy valleys explains it.
 */
import { normal, rngStream } from '../../lib/rng.ts';
import { spreadOfValleys } from '../checks/seed-noise.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import type { FitPoint } from '../point.ts';
import { frontier } from './frontier.ts';
import { heightAt } from './parabola.ts';
import { type BudgetFit, fitValley, type ValleyOptions } from './valley.ts';

/** a with parabolas through only so many sizes nearest to the minimum. */
export interface WindowFit {
  window: number;
  a: number;
}

/** Fewest sizes of a window that is tried, and how far a may move over the windows: the margin of the claims. */
const SMALLEST_WINDOW = 5;
const DRIFT = 0.05;
/** Draws of the scatter; the drift must exceed that of all: a false alarm in forty. */
const DRAWS = 39;

/** a for every window from `SMALLEST_WINDOW` sizes to all of the largest budget's; empty where a window is given. */
export function overWindows(
  points: readonly FitPoint[],
  budgets: readonly BudgetFit[],
  options: ValleyOptions,
): WindowFit[] {
  if (options.window !== undefined) return [];
  const widest = Math.max(...budgets.map((v) => v.num_sizes));
  const sizes = Array.from({ length: Math.max(0, widest - SMALLEST_WINDOW + 1) }, (_, i) => SMALLEST_WINDOW + i);
  return sizes.flatMap((window) => {
    const line = frontier(
      budgets.map((v) =>
        fitValley(
          v.C,
          v.points.map((i) => points[i]!),
          v.points,
          { ...options, window },
        ),
      ),
    );
    return line ? [{ window, a: line.a }] : [];
  });
}

/** `window_sensitive` where a moves over the windows by more than the margin, and by more than scatter makes it. */
export function judgeWindows(
  windows: readonly WindowFit[],
  points: readonly FitPoint[],
  budgets: readonly BudgetFit[],
  options: ValleyOptions,
): Diagnostic[] {
  const drift = driftOf(windows);
  if (!(drift > DRIFT)) return [];
  const by_scatter = largestByScatter(drift, points, budgets, options);
  if (drift <= by_scatter) return [];
  const over = windows.map(({ a }) => a);
  return [
    warn(
      'window_sensitive',
      `a moves by ${drift.toFixed(2)} (${Math.min(...over).toFixed(2)} to ${Math.max(...over).toFixed(2)}) with the ` +
        'sizes that the parabolas go through, more than the scatter of the runs explains: the valleys are no parabolas ' +
        'over this range; take the sizes nearest to the minima, or a law for the surface',
      { drift, by_scatter, limit: DRIFT, windows: windows.map(({ window }) => window), a: over },
    ),
  ];
}

function driftOf(windows: readonly WindowFit[]): number {
  const over = windows.map(({ a }) => a);
  return Math.max(...over) - Math.min(...over);
}

/** The largest drift among draws of the fitted parabolas with the runs' scatter; stops at one beyond `drift`. */
function largestByScatter(
  drift: number,
  points: readonly FitPoint[],
  budgets: readonly BudgetFit[],
  options: ValleyOptions,
): number {
  const noise = spreadOfValleys(budgets, points);
  if (!noise) return 0;
  const rng = rngStream(0, 'windows');
  const used = budgets.filter((v) => v.N_opt !== null);
  let most = 0;
  for (let draw = 0; draw < DRAWS && most < drift; draw++) {
    const drawn = [...points];
    for (const { parabola, points: own } of used)
      for (const i of own) {
        const height = heightAt(parabola!, Math.log(points[i]!.N));
        drawn[i] = { ...points[i]!, L: height * (1 + noise.sd * normal(rng)) };
      }
    most = Math.max(most, driftOf(overWindows(drawn, used, options)));
  }
  return most;
}

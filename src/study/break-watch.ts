/** @file What fits to the early part of a curve say of the rest: L(D) with a floor over a growing window of horizons.
 * Of each window two things: how far its forecast of the largest horizon is off, and whether the test for one break, at 5%,
 * fires. The first is what a reader of the early part would have believed, the second what could have warned him. Each
 * seed is a curve of its own, so that alarms on a language that does not bend can be counted.
 */
import { breakTest, type CurveFit, type CurvePoint, fitCurve, predictCurve } from '../fit/fit.ts';
import { attempt } from '../lib/attempt.ts';
import { groupBy } from '../lib/group-by.ts';
import type { RunRecord } from '../log/record.ts';

/** One seed at one window. */
interface Watched {
  seed: string;
  /** ln of the forecast loss of the largest horizon less that measured; null for the whole curve, or where refused. */
  error: number | null;
  /** Probability of such an F without a break; null where refused. */
  p: number | null;
  is_alarm: boolean;
}

/** One window: the horizons up to D. */
export interface WatchWindow {
  D: number;
  num_horizons: number;
  /** By seed. */
  seeds: Watched[];
}

/** A group watched. */
export interface Watch {
  /** The law L(D) of all seeds together, fitted to the smallest window and to every horizon; null where refused. */
  early: CurveFit | null;
  whole: CurveFit | null;
  windows: WatchWindow[];
}

/** Horizons of the smallest window, which the test needs, and of the curve at least. */
const FIRST = 8;
const LEAST = 10;
/** Draws of the noise under no break: p to .01 at .05. */
const DRAWS = 499;

/** The windows of a group of one size that was trained to ten or more horizons; null for any other. */
export function watchBreaks(records: readonly RunRecord[], seed: number): Watch | null {
  const finished = records.filter(({ status, val_loss }) => status === 'finished' && val_loss !== null);
  const one_size = new Set(finished.map(({ num_params }) => num_params.total)).size === 1;
  const is_fresh = finished.every(({ epochs }) => (epochs ?? 0) <= 1);
  const horizons = [...new Set(finished.map(({ num_tokens }) => num_tokens))].sort((x, y) => x - y);
  if (!one_size || !is_fresh || horizons.length < LEAST) return null;
  const curves = curvesBySeed(finished).filter(([, points]) => points.length === horizons.length);
  if (curves.length === 0) return null;
  const together = (upTo: number) => {
    const points = curves.flatMap(([, own]) => own.filter(({ x }) => x <= upTo));
    return attempt(() => fitCurve(points)).value;
  };
  return {
    early: together(horizons[FIRST - 1]!),
    whole: together(horizons.at(-1)!),
    windows: horizons.slice(FIRST - 1).map((D, i) => ({
      D,
      num_horizons: FIRST + i,
      seeds: curves.map(([name, points]) => watched(name, points, FIRST + i, seed)),
    })),
  };
}

/** The runs of each pair of seeds by increasing horizon. */
function curvesBySeed(records: readonly RunRecord[]): [string, CurvePoint[]][] {
  const curves = groupBy(records, ({ init_seed, data_seed }) =>
    init_seed === data_seed ? `${init_seed}` : `${init_seed}/${data_seed}`,
  );
  return [...curves].map(([name, runs]) => {
    const points = runs.map(({ num_tokens, val_loss }) => ({ x: num_tokens, L: val_loss! }));
    return [name, points.sort((p, q) => p.x - q.x)];
  });
}

function watched(name: string, points: readonly CurvePoint[], num_horizons: number, seed: number): Watched {
  const window = points.slice(0, num_horizons);
  const last = points.at(-1)!;
  const { value: fit } = attempt(() => fitCurve(window));
  const { value: test } = attempt(() => breakTest(window, { draws: DRAWS, seed }));
  return {
    seed: name,
    error: fit && num_horizons < points.length ? Math.log(predictCurve(fit, last.x) / last.L) : null,
    p: test?.p ?? null,
    is_alarm: test?.is_justified ?? false,
  };
}

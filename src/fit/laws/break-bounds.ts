/** @file Where a break may lie and how wide it may be, where nobody says: a broken power law has three constants that a few
 * points at either end would take for their own errors.
 */
import type { Constraints } from './law.ts';

/** Points on either side of a break, at least. */
export const BESIDE = 3;
/** Width of a break in ln x. */
export const BREAK_WIDTHS = [0.05, 2] as const;

/** The constraints with bounds on a break where the law has one and they say nothing of it: inside the points, and between
 * .05 and 2 in ln x. As they are for too few points, and for constants that are held. */
export function withBreakBounds<C extends Constraints & { law?: string }>(
  points: readonly { x: number }[],
  given: C,
): C {
  if (given.law !== 'broken_power_law') return given;
  const x = [...new Set(points.map((p) => p.x))].sort((a, b) => a - b);
  if (x.length < 2 * BESIDE + 1) return given;
  const usual = { d1: [x[BESIDE - 1]!, x[x.length - BESIDE]!], f1: BREAK_WIDTHS } as const;
  const free = Object.entries(usual).filter(([name]) => given.fix?.[name] === undefined);
  return { ...given, bounds: { ...Object.fromEntries(free), ...given.bounds } };
}

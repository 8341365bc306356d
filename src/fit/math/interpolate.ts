/** @file Monotone cubic interpolation (Fritsch & Carlson 1980, SIAM J. Numer. Anal. 17), never an extrapolation.
 * A straight line between two horizons overstates a convex loss curve by about its curvature times the squared
 * gap over eight; the cubic takes most of that away and never swings beyond its neighbours.
 */

/** The interpolant through ascending `x` as a function that gives null outside their range. */
export function monotoneCubic(x: readonly number[], y: readonly number[]): (at: number) => number | null {
  const n = x.length;
  const step = Array.from({ length: n - 1 }, (_, i) => x[i + 1]! - x[i]!);
  const chord = Array.from({ length: n - 1 }, (_, i) => (y[i + 1]! - y[i]!) / step[i]!);
  const slope = x.map((_, i) => {
    if (i === 0 || i === n - 1) return endSlope(i, n, step, chord);
    const [before, after] = [chord[i - 1]!, chord[i]!];
    if (before * after <= 0) return 0;
    const w1 = 2 * step[i]! + step[i - 1]!;
    const w2 = step[i]! + 2 * step[i - 1]!;
    return (w1 + w2) / (w1 / before + w2 / after);
  });
  return (at) => {
    if (n === 0 || !(at >= x[0]! && at <= x[n - 1]!)) return null;
    if (n === 1) return y[0]!;
    let i = 0;
    while (i < n - 2 && at > x[i + 1]!) i++;
    const h = step[i]!;
    const t = (at - x[i]!) / h;
    const rise = y[i]! * (1 + 2 * t) * (1 - t) ** 2 + y[i + 1]! * t * t * (3 - 2 * t);
    return rise + h * (slope[i]! * t * (1 - t) ** 2 + slope[i + 1]! * t * t * (t - 1));
  };
}

/** The one-sided three-point slope, limited so that the end interval stays monotone. */
function endSlope(i: number, n: number, step: readonly number[], chord: readonly number[]): number {
  if (n === 1) return 0;
  if (n === 2) return chord[0]!;
  const [near, next] = i === 0 ? [0, 1] : [n - 2, n - 3];
  const [h, k] = [step[near]!, step[next]!];
  const slope = ((2 * h + k) * chord[near]! - h * chord[next]!) / (h + k);
  if (slope * chord[near]! <= 0) return 0;
  if (chord[near]! * chord[next]! <= 0 && Math.abs(slope) > 3 * Math.abs(chord[near]!)) return 3 * chord[near]!;
  return slope;
}

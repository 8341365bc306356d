/** @file How far beyond the fitted runs an answer lies, in decades of N, D and C, or of the one variable of a curve.
 * Intervals hold the noise of the data and none of the error of the law's form, which grows with the distance; so every
 * answer carries its distance, and beyond a decade a warning.
 */
import { type Diagnostic, warn } from '../diagnostic.ts';

/** Decades beyond the data at which an answer is more the form's than the data's: Hoffmann's own was 1.65. */
const FAR_DECADES = 1;

/** How many decades each of `values` lies outside the fitted range, and a warning where one lies far.
 * A column without a value, or without a range, is left out. */
export function reachOf(
  range: Readonly<Record<string, readonly [number, number]>>,
  values: Readonly<Record<string, number | undefined>>,
): { decades: Record<string, number>; diagnostics: Diagnostic[] } {
  const decades: Record<string, number> = {};
  for (const [column, [low, high]] of Object.entries(range)) {
    const value = values[column];
    if (value === undefined) continue;
    decades[column] = Math.max(0, Math.log10(value / high), Math.log10(low / value));
  }
  const far = Object.entries(decades).filter(([, beyond]) => beyond > FAR_DECADES);
  if (far.length === 0) return { decades, diagnostics: [] };
  const listed = far.map(([column, beyond]) => `${beyond.toFixed(1)} decades in ${column}`).join(', ');
  const message = `beyond the fitted runs by ${listed}: no interval holds the error of the law's form there`;
  return { decades, diagnostics: [warn('extrapolation_far', message, { ...decades, limit: FAR_DECADES })] };
}

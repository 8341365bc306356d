/** @file Numbers as people read them, in terminals, tables and figures.
 * Counts get SI suffixes (12.3k), FLOPs the exponent form that papers print (1.2e11), measured values a fixed
 * number of significant digits, intervals their brackets, durations two units. Every function takes what is
 * missing (null, undefined, NaN) and gives a dash, so that no table ever shows "NaN". Nothing here is parsed back.
 */

/** What stands for a number that is not there. */
export const MISSING = '–';

const isMissing = (x: number | null | undefined): x is null | undefined =>
  x === null || x === undefined || Number.isNaN(x);

const infinite = (x: number): string => (x > 0 ? '∞' : '-∞');

const SUFFIXES = ['', 'k', 'M', 'B', 'T'];

/** A count with an SI-like suffix and `digits` significant digits: 950, 12.3k, 4.5M, 1.2B; beyond 999T as 1.2e15. */
export function formatCount(x: number | null | undefined, digits = 3): string {
  if (isMissing(x)) return MISSING;
  if (!Number.isFinite(x)) return infinite(x);
  const rounded = Number(x.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size < 1000) return String(Number.isInteger(x) && Math.abs(x) < 1000 ? x : rounded);
  const step = Math.floor(Math.log10(size) / 3 + 1e-12);
  const suffix = SUFFIXES[step];
  if (suffix === undefined) return formatFlops(x, digits);
  return String(Number((rounded / 1000 ** step).toPrecision(digits))) + suffix;
}

/** FLOPs in exponent form with `digits` significant digits, zeros after the point dropped: 1.2e11, 3e9, 0. */
export function formatFlops(x: number | null | undefined, digits = 2): string {
  if (isMissing(x)) return MISSING;
  if (!Number.isFinite(x)) return infinite(x);
  if (x === 0) return '0';
  const [mantissa = '', exponent = ''] = x.toExponential(Math.max(0, digits - 1)).split('e');
  return `${trimZeros(mantissa)}e${exponent.replace('+', '')}`;
}

/** `digits` significant digits, plain between 1e-4 and 1e6 and in exponent form outside: 0.4023, 1820, 3.2e-7. */
export function formatNumber(x: number | null | undefined, digits = 4): string {
  if (isMissing(x)) return MISSING;
  if (!Number.isFinite(x)) return infinite(x);
  const rounded = Number(x.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e6) return formatFlops(x, digits);
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return rounded.toFixed(Math.min(decimals, 12));
}

/** A fixed number of decimals: 0.41. Negative zero prints as zero. */
export function formatFixed(x: number | null | undefined, decimals = 2): string {
  if (isMissing(x)) return MISSING;
  if (!Number.isFinite(x)) return infinite(x);
  const text = x.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** A value with its interval, `decimals` decimals each: "0.41 [0.37, 0.46]"; without an interval "0.41". */
export function formatInterval(
  value: number | null | undefined,
  interval: readonly [number, number] | null | undefined,
  decimals = 2,
): string {
  const center = formatFixed(value, decimals);
  if (isMissing(value) || !interval || isMissing(interval[0]) || isMissing(interval[1])) return center;
  return `${center} [${formatFixed(interval[0], decimals)}, ${formatFixed(interval[1], decimals)}]`;
}

/** Seconds as a duration: 85 ms, 12.4 s, 3 min 20 s, 2 h 05 min, 3 d 4 h. */
export function formatDuration(seconds: number | null | undefined): string {
  if (isMissing(seconds)) return MISSING;
  if (!Number.isFinite(seconds)) return infinite(seconds);
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds < 0.9995) return seconds === 0 ? '0 s' : `${formatNumber(seconds * 1000, 2)} ms`;
  if (seconds < 59.95) return `${trimZeros(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Drops zeros after the decimal point, and the point with them: 1.50 -> 1.5, 2.0 -> 2. */
function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.0+$|(?<!0)0+$/, '') : text;
}

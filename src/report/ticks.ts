/** @file Where an axis has its ticks and what they say.
 * Log axes are labelled at powers of ten (10^4) where the range holds three or more, else also at 2 and 5 or at 3
 * times a power, else at evenly spaced round values; the densest labelling whose labels do not touch wins. Unlabelled
 * minor ticks show the multiples 2..9 in between. Plot's own log axes label in the SI form (10k) and crowd.
 */
import { formatFixed } from '../lib/format.ts';
import { join, powerOfTen, type RichText, textWidth } from './rich-text.ts';
import { FONT_SIZE } from './theme.ts';

interface Tick {
  value: number;
  label: RichText;
}

export interface Ticks {
  major: Tick[];
  /** Unlabelled. */
  minor: number[];
}

export interface TickOptions {
  scale: 'log' | 'linear';
  domain: readonly [number, number];
  /** Length of the axis in pixels. */
  length: number;
  /** Labels side by side (their width decides) or one above the other. */
  direction: 'x' | 'y';
  /** power: 10^4, 2×10^4. plain: 0.5. percent: the value times 100. */
  format: 'power' | 'plain' | 'percent';
  /** Only whole numbers, for counts. */
  isWhole?: boolean;
}

const INSIDE = 1e-9;

/** The ticks for an axis. The domain must be finite, increasing and, on a log axis, positive. */
export function axisTicks(options: TickOptions): Ticks {
  return options.scale === 'log' ? logTicks(options) : { major: linearTicks(options), minor: [] };
}

/** Multiples of powers of ten that may be labelled, densest first. */
const POWER_SETS = [
  [1, 2, 3, 4, 5, 6, 7, 8, 9],
  [1, 2, 5],
  [1, 3],
];
const PLAIN_SETS = [
  [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9],
  [1, 1.5, 2, 3, 4, 6, 8],
  ...POWER_SETS.slice(1),
];

function logTicks(options: TickOptions): Ticks {
  const { domain, format } = options;
  const [lo, hi] = [Math.log10(domain[0]) - INSIDE, Math.log10(domain[1]) + INSIDE];
  const powers = integers(lo, hi);
  const multiples = (mantissas: readonly number[]): number[] =>
    integers(Math.floor(lo), Math.ceil(hi))
      .flatMap((k) => mantissas.map((m) => m * 10 ** k))
      .filter((v) => Math.log10(v) >= lo && Math.log10(v) <= hi);
  const spaced = (every: number): number[] => powers.filter((k) => k % every === 0).map((k) => 10 ** k);
  const candidates = [
    ...(powers.length >= 3 ? [] : (format === 'power' ? POWER_SETS : PLAIN_SETS).map(multiples)),
    ...[1, 2, 3, 4, 6, 10, 20, 50, 100].map(spaced),
  ];
  const minor = multiples([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const label = (values: number[]): Tick[] =>
    format === 'power'
      ? values.map((value) => ({ value, label: powerLabel(value) }))
      : plainLabels(values, format, true);
  for (const values of candidates) {
    if (values.length < 2) continue;
    const major = label(values);
    if (!fits(major, options)) continue;
    // Over less than a factor of three round values of a linear axis may be more.
    const even = values.length === 2 && hi - lo < 0.5 && format !== 'power' ? linearTicks(options) : [];
    if (even.length > 2) return { major: even, minor: [] };
    const isDense = (options.length * Math.log10(10 / 9)) / (hi - lo) < 2.5;
    return { major, minor: isDense ? [] : minor.filter((v) => !values.includes(v)) };
  }
  return { major: linearTicks(options), minor: [] };
}

function powerLabel(value: number): RichText {
  if (value === 0) return '0';
  if (value < 0) return join('−', powerLabel(-value));
  const exponent = Math.floor(Math.log10(value) + INSIDE);
  return powerOfTen(exponent, String(Number((value / 10 ** exponent).toPrecision(10))));
}

/** Round values 1, 2 or 5 times a power of ten apart, as many as fit, at most 8. */
function linearTicks(options: TickOptions): Tick[] {
  const [lo, hi] = options.domain;
  const span = hi - lo;
  const smallest = Math.floor(Math.log10(span / 8));
  for (let k = smallest; k <= Math.max(smallest, 0) + 3; k++) {
    for (const m of [1, 2, 5]) {
      const step = m * 10 ** k;
      if (options.isWhole && step < 1) continue;
      const first = Math.ceil(lo / step - INSIDE);
      const last = Math.floor(hi / step + INSIDE);
      if (last - first > 7) continue;
      const values = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
        Number(((first + i) * step).toPrecision(12)),
      );
      const major =
        options.format === 'power'
          ? values.map((value) => ({ value, label: powerLabel(value) }))
          : plainLabels(values, options.format, options.scale === 'log');
      if (fits(major, options)) return major;
    }
  }
  return [];
}

/** Labels with as many decimals as the most demanding value needs, the same for all but on a log axis; very small and
 * very large values as powers. */
function plainLabels(values: number[], format: TickOptions['format'], isLog: boolean): Tick[] {
  const factor = format === 'percent' ? 100 : 1;
  const scaled = values.map((v) => v * factor);
  const largest = Math.max(...scaled.map(Math.abs));
  if (largest < 1e-3 || largest >= 1e6) return values.map((value, i) => ({ value, label: powerLabel(scaled[i]!) }));
  const decimals = Math.max(0, ...scaled.map(decimalsOf));
  return values.map((value, i) => {
    const text = formatFixed(scaled[i]!, isLog ? decimalsOf(scaled[i]!) : decimals).replace('-', '−');
    return { value, label: format === 'percent' && scaled[i]! > 0 ? `+${text}` : text };
  });
}

/** Decimals of a value rounded to ten digits. */
function decimalsOf(value: number): number {
  const digits = value === 0 ? 0 : Math.max(0, 9 - Math.floor(Math.log10(Math.abs(value))));
  return (
    value
      .toFixed(Math.min(digits, 20))
      .replace(/(?<!0)0+$/, '')
      .split('.')[1]?.length ?? 0
  );
}

/** Whether neighbouring labels keep a clear distance. */
function fits(ticks: readonly Tick[], options: TickOptions): boolean {
  const position = (v: number): number => {
    const f = options.scale === 'log' ? Math.log : (x: number) => x;
    return ((f(v) - f(options.domain[0])) / (f(options.domain[1]) - f(options.domain[0]))) * options.length;
  };
  return ticks.every((tick, i) => {
    const next = ticks[i + 1];
    if (next === undefined) return true;
    const room = position(next.value) - position(tick.value);
    const half = (t: Tick): number => textWidth(t.label, FONT_SIZE.tick) / 2;
    return options.direction === 'x' ? room >= half(tick) + half(next) + 7 : room >= FONT_SIZE.tick * 1.5;
  });
}

function integers(lo: number, hi: number): number[] {
  const out: number[] = [];
  for (let k = Math.ceil(lo); k <= Math.floor(hi); k++) out.push(k);
  return out;
}

/** Whether an axis can show the value: finite, and not so large that scales and labels lose their meaning. */
export const isPlottable = (v: number | null): v is number => v !== null && Math.abs(v) <= 1e30;

/** Whether a log axis can show the value. */
export const isPositive = (v: number | null): v is number => v !== null && v >= 1e-30 && v <= 1e30;

/** The range of the positive values widened by `share` of its logarithm on both sides; null where there is none. */
export function logDomain(values: Iterable<number>, share = 0.05, least = 1.5): [number, number] | null {
  const range = extent([...values].filter(isPositive));
  if (range === null) return null;
  const [lo, hi] = range.map(Math.log) as [number, number];
  const pad = Math.max(share * (hi - lo), (Math.log(least) - (hi - lo)) / 2);
  return [Math.exp(lo - pad), Math.exp(hi + pad)];
}

/** The range of the finite values widened by `share` of it on both sides, at least to `least`; null where there is none. */
export function linearDomain(values: Iterable<number>, share = 0.06, least = 0): [number, number] | null {
  const range = extent(values);
  if (range === null) return null;
  const [lo, hi] = range;
  const floor = least > 0 ? least : Math.max(Math.abs(lo), 1e-6) * (lo === hi ? 0.1 : 1e-3);
  const pad = Math.max(share * (hi - lo), (floor - (hi - lo)) / 2);
  return [lo - pad, hi + pad];
}

/** Smallest and largest value that can be shown; null where there is none. */
export function extent(values: Iterable<number>): [number, number] | null {
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    if (!isPlottable(v)) continue;
    lo = Math.min(lo, v);
    hi = Math.max(hi, v);
  }
  return lo <= hi ? [lo, hi] : null;
}

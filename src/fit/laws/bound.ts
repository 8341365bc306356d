/** @file A bounded constant as a coordinate without bounds, so that the minimisers know nothing of bounds.
 * Between two ends a sine, beyond one end a hyperbola (James & Roos 1975, MINUIT, Comput. Phys. Commun. 10): at an
 * end the derivative by the coordinate is zero and the curvature is that of a minimum exactly where the objective
 * falls towards the end, so an optimum on the end is found and proven by the same tests as any other.
 * A positive constant is bounded in its log, or as it is where its lower end is zero.
 */
import { LabError } from '../../lib/errors.ts';

/** Ends of a constant; infinite where open. */
export type Ends = readonly [low: number, high: number];

/** A starting point keeps this share of the range away from the ends, where the coordinate has no slope. */
const MARGIN = 0.02;
/** A constant bounded by zero is at least this share of its upper end while it is moved. */
const SMALLEST = 1e-12;
/** Below this share of its upper end it lies on zero. */
const NOTHING = 1e-9;

/** Value and slope of a constant at its unbounded coordinate, and back. */
export interface Bounded {
  at(phi: number): { value: number; slope: number };
  coordinate(value: number): number;
  /** The value for a reader: a lower end of zero is zero. */
  reported?(phi: number): number;
}

/** Checks the ends. @throws LabError('usage') naming the constant where they hold no value. */
export function checkEnds(name: string, ends: Ends, is_positive: boolean): Ends {
  const [low, high] = ends;
  const text = `${low} to ${high}`;
  if (ends.length !== 2 || Number.isNaN(low) || Number.isNaN(high) || !(low < high))
    throw new LabError('usage', `invalid bounds: ${name}: ${text} is not a lower and a higher end`);
  if (is_positive && !(high > 0))
    throw new LabError('usage', `invalid bounds: ${name}: ${text}, but ${name} is positive`);
  return is_positive ? [Math.max(low, 0), high] : ends;
}

/** The coordinate of a constant between `ends`. */
export function bounded([low, high]: Ends, is_positive: boolean): Bounded {
  if (!is_positive) return between(low, high);
  if (low === 0) {
    if (high === Infinity) return { at: (phi) => exponential(phi, 1), coordinate: Math.log };
    const inner = between(0, high);
    return {
      at(phi) {
        const { value, slope } = inner.at(phi);
        return { value: Math.max(value, SMALLEST * high), slope };
      },
      coordinate: inner.coordinate,
      reported: (phi) => (inner.at(phi).value < NOTHING * high ? 0 : inner.at(phi).value),
    };
  }
  const inner = between(Math.log(low), Math.log(high));
  return {
    at(phi) {
      const { value, slope } = inner.at(phi);
      return exponential(value, slope);
    },
    coordinate: (value) => inner.coordinate(Math.log(value)),
  };
}

function exponential(log: number, slope: number): { value: number; slope: number } {
  const value = Math.exp(log);
  return { value, slope: slope * value };
}

function between(low: number, high: number): Bounded {
  if (low === -Infinity && high === Infinity)
    return { at: (phi) => ({ value: phi, slope: 1 }), coordinate: (value) => value };
  if (high === Infinity || low === -Infinity) {
    const sign = high === Infinity ? 1 : -1;
    const end = high === Infinity ? low : high;
    return {
      at(phi) {
        const root = Math.hypot(phi, 1);
        return { value: end + sign * (root - 1), slope: (sign * phi) / root };
      },
      coordinate(value) {
        const off = Math.max(sign * (value - end), MARGIN);
        return Math.sqrt((off + 1) ** 2 - 1);
      },
    };
  }
  const half = (high - low) / 2;
  return {
    at: (phi) => ({ value: low + half * (1 + Math.sin(phi)), slope: half * Math.cos(phi) }),
    coordinate(value) {
      const share = Math.min(1 - MARGIN, Math.max(MARGIN, (value - low) / (high - low)));
      return Math.asin(2 * share - 1);
    },
  };
}

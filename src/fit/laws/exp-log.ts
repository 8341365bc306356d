/** @file The exponential and the logarithm that the sums of terms need, by table and polynomial.
 * A law spends its time in them. These take half as long as `Math.exp` and `Math.log`, since they serve only the numbers
 * that occur: shares of the largest term, and sums of a few of them. Tang 1989 and 1990, ACM Trans. Math. Softw. 15 and
 * 16: the error is below two units in the last place, the same on every machine.
 */

/** Steps of the tables: 1/64 of a factor of two, 1/64 of one. */
const STEPS = 64;
const LARGEST_SUM = 4;

/** Below this a share adds nothing to anything. */
const NO_SHARE = -700;

/** ln 2/64 in two parts, the first with zeros at its end, so that its multiples are exact. */
const STEP_HIGH = 0.6931471803691238 / STEPS;
const STEP_LOW = 1.9082149292705877e-10 / STEPS;
const STEPS_A_UNIT = STEPS / Math.LN2;
/** Adding it rounds to whole numbers. */
const ROUNDER = 2 ** 52 + 2 ** 51;

const FRACTIONS = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
/** 2^-k. */
const HALVINGS = Float64Array.from({ length: 1100 }, (_, k) => 2 ** -k);

/** Short reciprocals of 1, 1 + 1/64, 1 + 2/64 ... and minus their logs. */
const RECIPROCALS = Float64Array.from({ length: (LARGEST_SUM - 1) * STEPS + 1 }, (_, j) =>
  Math.fround(STEPS / (STEPS + j)),
);
const LOGS = RECIPROCALS.map((x) => -Math.log(x));

/** exp(x) for x <= 0; exactly 0 far below, NaN of NaN. */
export function expShare(x: number): number {
  if (x < NO_SHARE) return 0;
  const steps = x * STEPS_A_UNIT + ROUNDER - ROUNDER;
  const r = x - steps * STEP_HIGH - steps * STEP_LOW;
  const tail = r + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120))));
  const k = steps | 0;
  const fraction = FRACTIONS[k & (STEPS - 1)]!;
  return (fraction + fraction * tail) * HALVINGS[-(k >> 6)]!;
}

/** log(x) for a sum of shares: x from 1 to 4. */
export function logSum(x: number): number {
  const j = ((x - 1) * STEPS + 0.5) | 0;
  const r = x * RECIPROCALS[j]! - 1;
  return (
    LOGS[j]! + (r - r * r * (1 / 2 - r * (1 / 3 - r * (1 / 4 - r * (1 / 5 - r * (1 / 6 - r * (1 / 7 - r * (1 / 8))))))))
  );
}

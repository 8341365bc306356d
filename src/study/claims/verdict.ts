/** @file From an estimate and its interval to a verdict on a paper's claim, by rules that are fixed before the runs.
 * The rules are two one-sided tests against a margin (Schuirmann 1987): absence of a significant difference is never
 * agreement. Variants of the analysis that were listed beforehand (specifications) must agree; where they do not, or the
 * interval is too wide, the verdict is "inconclusive" with the reason. Constants of a corpus have none.
 */
import type { Interval } from '../../fit/fit.ts';

export type Outcome = 'reproduced' | 'not reproduced' | 'inconclusive' | 'not comparable' | 'exploratory';

/** `reason` is empty for the two decided outcomes. */
export interface Verdict {
  outcome: Outcome;
  reason: string;
  /** Of ours minus theirs; for a direction, of the difference itself. */
  interval: Interval | null;
}

/** What is judged. All numbers in the unit of the quantity. */
export interface Evidence {
  estimate: number;
  /** Standard error of the estimate, by bootstrap. */
  standard_error: number;
  /** The estimate under each variant of the analysis; null where the variant gives none. */
  specifications: readonly { name: string; estimate: number | null }[];
  /** Diagnostics that forbid a verdict, as sentences. */
  blocked_by: readonly string[];
}

/** Normal quantiles: 90% two-sided and 95% one-sided, and 99% two-sided. */
const Z90 = 1.6448536269514722;
const Z99 = 2.5758293035489004;

/** The 90% interval of an estimate with a normal error. */
export const interval90 = (value: number, standard_error: number): Interval => [
  value - Z90 * standard_error,
  value + Z90 * standard_error,
];

/** Variants that may fall outside the margin: one in this many. */
const EXCEPTIONS = 8;

/** A number of a paper's, within `margin` of `value`; `value_se` is the paper's own standard error, 0 where none is
 * printed. Contradicting a paper takes 99%. */
export function judgeNumber(
  evidence: Evidence,
  { value, value_se, margin }: { value: number; value_se: number; margin: number },
): Verdict {
  const off = evidence.estimate - value;
  const se = Math.hypot(evidence.standard_error, value_se);
  const interval = interval90(off, se);
  const blocked = blockedVerdict(evidence, interval);
  if (blocked) return blocked;
  const variants = offsets(evidence, value);
  const num_outside = variants.filter((v) => v === null || Math.abs(v) >= margin).length;
  if (-margin < interval[0] && interval[1] < margin) {
    if (num_outside <= Math.floor(variants.length / EXCEPTIONS)) return { outcome: 'reproduced', reason: '', interval };
    return inconclusive(
      `specification: ${num_outside} of ${variants.length} variants are outside the margin`,
      interval,
    );
  }
  const is_outside = off > 0 ? off - Z99 * se > margin : off + Z99 * se < -margin;
  if (is_outside) {
    const num_other = variants.filter((v) => v === null || Math.sign(v) !== Math.sign(off)).length;
    if (num_other === 0) return { outcome: 'not reproduced', reason: '', interval };
    return inconclusive(`specification: ${num_other} of ${variants.length} variants are on the other side`, interval);
  }
  const half_width = Z90 * se;
  return half_width > margin
    ? inconclusive(`underpowered: the interval's half-width ${show(half_width)} exceeds the margin ${margin}`, interval)
    : inconclusive('borderline: the interval crosses the margin', interval);
}

/** A difference that a paper says is positive, of at least `minimal_effect`. */
export function judgeDirection(evidence: Evidence, { minimal_effect }: { minimal_effect: number }): Verdict {
  const { estimate, standard_error: se } = evidence;
  const interval = interval90(estimate, se);
  const blocked = blockedVerdict(evidence, interval);
  if (blocked) return blocked;
  const variants = offsets(evidence, 0);
  if (interval[0] > 0 && estimate > minimal_effect) {
    const num_against = variants.filter((v) => v === null || v <= 0).length;
    if (num_against <= Math.floor(variants.length / EXCEPTIONS)) return { outcome: 'reproduced', reason: '', interval };
    return inconclusive(`specification: ${num_against} of ${variants.length} variants do not show it`, interval);
  }
  if (interval[1] < minimal_effect) {
    const num_for = variants.filter((v) => v === null || v >= minimal_effect).length;
    if (num_for === 0) return { outcome: 'not reproduced', reason: '', interval };
    return inconclusive(`specification: ${num_for} of ${variants.length} variants show it`, interval);
  }
  return Z90 * se > minimal_effect
    ? inconclusive(
        `underpowered: the interval's half-width ${show(Z90 * se)} exceeds the effect ${minimal_effect}`,
        interval,
      )
    : inconclusive('borderline: the interval holds 0 or the minimal effect', interval);
}

/** A straight line: the bend within `margin` of none, and no rival (a sentence each) that is better on runs left out. */
export function judgeForm(
  evidence: Evidence,
  { margin, rivals }: { margin: number; rivals: readonly string[] },
): Verdict {
  const verdict = judgeNumber(evidence, { value: 0, value_se: 0, margin });
  if (verdict.outcome !== 'reproduced' || rivals.length === 0) return verdict;
  return { ...verdict, outcome: 'inconclusive', reason: `rival: ${rivals.join('; ')}` };
}

/** A claim that simulation found undecidable here before the runs: `off` is ours minus theirs. */
export function judgeExploratory(off: number, standard_error: number): Verdict {
  return { outcome: 'exploratory', reason: '', interval: interval90(off, standard_error) };
}

/** A quantity of one corpus and tokenizer: shown beside the paper's, never judged. */
export function judgeConstant(): Verdict {
  return { outcome: 'not comparable', reason: 'a constant of its corpus and tokenizer', interval: null };
}

function blockedVerdict({ blocked_by }: Evidence, interval: Interval): Verdict | null {
  return blocked_by.length === 0 ? null : { outcome: 'not comparable', reason: blocked_by.join('; '), interval };
}

const inconclusive = (reason: string, interval: Interval): Verdict => ({ outcome: 'inconclusive', reason, interval });

const offsets = ({ specifications }: Evidence, value: number): (number | null)[] =>
  specifications.map(({ estimate }) => (estimate === null ? null : estimate - value));

const show = (x: number): string => String(Number(x.toPrecision(2)));

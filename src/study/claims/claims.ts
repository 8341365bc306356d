/** @file Claims of a study -> estimates with standard errors, variants, and verdicts; and their freezing before the runs.
 * The estimate is a sum of terms. Where all terms resampled the same ladder their replicates are paired and the
 * error of the sum is that of the paired sums; else errors are added in squares, which overstates that of a difference.
 */
import type { Claim, Specification } from '../../config/config.ts';
import type { Diagnostic, DiagnosticName } from '../../fit/fit.ts';
import { errorOf, sumOf } from './sum.ts';
import type { TermFit, TermFitter } from './term.ts';
import { judgeConstant, judgeDirection, judgeExploratory, judgeForm, judgeNumber, type Verdict } from './verdict.ts';

/** A claim, judged. */
export interface ClaimResult {
  name: string;
  statement: string;
  source: string;
  kind: Claim['kind'];
  /** The paper's number; null for a direction. */
  value: number | null;
  estimate: number | null;
  standard_error: number | null;
  /** Whether replicates of the terms were paired; null for a single term. */
  is_paired: boolean | null;
  specifications: { name: Specification; estimate: number | null }[];
  verdict: Verdict;
}

/** What forbids a verdict, with the number of times it may occur in one fit. */
const BLOCKING: Partial<Record<DiagnosticName, number>> = {
  no_interior_minimum: 1,
  lr_not_bracketed: 0,
  repeated_tokens: 0,
  lack_of_fit: 0,
};

/** Judges every claim by the study's fitter of terms. */
export const judgeClaims = (claims: readonly Claim[], fitOf: TermFitter): ClaimResult[] =>
  claims.map((claim) => judgeClaim(claim, fitOf));

function judgeClaim(claim: Claim, fitOf: TermFitter): ClaimResult {
  const is_shown_only = claim.exploratory === true || claim.kind === 'constant';
  const terms = claim.ours.map((term) => fitOf(term, { is_shown_only })!);
  const specifications = claim.specifications.flatMap((name) => {
    const variants = claim.ours.map((term) => fitOf(term, { specification: name }));
    if (variants.every((variant) => variant === undefined)) return [];
    // A variant that means nothing for one term leaves that term as it is.
    const values = variants.map((variant, i) => (variant ?? terms[i]!).value);
    return [{ name, estimate: sumOf(claim.ours, values) }];
  });
  const estimate = sumOf(
    claim.ours,
    terms.map(({ value }) => value),
  );
  const { standard_error, is_paired } = errorOf(claim.ours, terms);
  const { name, statement, source, kind, value = null } = claim;
  const verdict = verdictOf(claim, { terms, estimate, standard_error, specifications });
  return { name, statement, source, kind, value, estimate, standard_error, is_paired, specifications, verdict };
}

interface Found {
  terms: readonly TermFit[];
  estimate: number | null;
  standard_error: number | null;
  specifications: ClaimResult['specifications'];
}

function verdictOf(claim: Claim, { terms, estimate, standard_error, specifications }: Found): Verdict {
  if (claim.kind === 'constant') return judgeConstant();
  const refused = terms.flatMap(({ refused }) => refused ?? []);
  if (estimate === null || standard_error === null) {
    const why = refused.length > 0 ? [...new Set(refused)].join('; ') : 'no standard error';
    return { outcome: 'not comparable', reason: why, interval: null };
  }
  const blocked_by = [...new Set(terms.flatMap(({ diagnostics }) => blocking(diagnostics)))];
  if (claim.exploratory) return judgeExploratory(estimate - (claim.value ?? 0), standard_error);
  const evidence = { estimate, standard_error, specifications, blocked_by };
  if (claim.kind === 'direction') return judgeDirection(evidence, claim);
  if (claim.kind === 'form') {
    const rivals = terms.flatMap(({ diagnostics }) => diagnostics.filter(({ name }) => name === 'rival_better'));
    return judgeForm(evidence, { margin: claim.margin!, rivals: rivals.map(({ message }) => message) });
  }
  return judgeNumber(evidence, { value: claim.value!, value_se: claim.value_se, margin: claim.margin! });
}

/** Sentences of the diagnostics that forbid a verdict. */
function blocking(diagnostics: readonly Diagnostic[]): string[] {
  return Object.entries(BLOCKING).flatMap(([name, allowed]) => {
    const found = diagnostics.filter((diagnostic) => diagnostic.name === name);
    return found.length > allowed ? [`${name}: ${found[0]!.message}`] : [];
  });
}

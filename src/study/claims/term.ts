/** @file One term of a claim: a fit of one group under one counting by one approach, and the one number taken from it.
 * The bootstrap resamples whole sizes with the same seed for every term, so that the replicates of two countings of the
 * same sizes belong together and a difference can be taken replicate by replicate.
 */
import { type ClaimTerm, canonicalJson, type Specification } from '../../config/config.ts';
import type { Diagnostic } from '../../fit/fit.ts';
import { type Attempt, attempt } from '../../lib/attempt.ts';
import type { RunRecord } from '../../log/record.ts';
import { DELTA, FIT, type Fitted, type Resampling, type Variant } from './term-fits.ts';

export type { Resampling } from './term-fits.ts';

/** The records of this study (undefined), or of the named one beside it; null where there is none. */
export type RecordsOf = (study: string | undefined) => readonly RunRecord[] | null;

/** A term's number; `value` is null where the fit is refused, with the reason in `refused`. */
export interface TermFit {
  value: number | null;
  refused: string | null;
  /** One entry a replicate, NaN where it failed; empty without a bootstrap. */
  draws: number[];
  standard_error: number | null;
  /** Sizes that the bootstrap resampled. */
  num_sizes: number;
  /** Widths of the group's runs: replicates of equal ladders belong together. */
  ladder: string;
  diagnostics: Diagnostic[];
}

/** What a term's number is for. */
export interface Purpose {
  /** Fit it under this specification, for its number alone. */
  specification?: Specification;
  /** No verdict rests on it: fewer replicates tell its interval well enough. */
  is_shown_only?: boolean;
}

/** Replicates at most behind an interval that is only shown: its ends to 4%. */
const SHOWN_REPLICATES = 500;

/** Fits a term; undefined for a specification that means nothing for its approach. */
export type TermFitter = (term: ClaimTerm, purpose?: Purpose) => TermFit | undefined;

/** A fitter of terms on the records of a study. Terms that differ in their quantity or factor alone share one fit. */
export function termFitter(recordsOf: RecordsOf, resampling: Resampling): TermFitter {
  const fits = new Map<string, Attempt<Fitted>>();
  return (term, { specification, is_shown_only = false } = {}) => {
    const records = recordsOf(term.study);
    if (records === null) return refusedFit(`there is no study ${term.study} beside this one; train it first`, '');
    const own = records.filter(({ group }) => group === term.group);
    const variant = specification === undefined ? PRIMARY : variantOf(own, term, specification);
    if (!variant) return undefined;
    const ladder = [...new Set(own.map(({ model }) => model.d_model))].sort((x, y) => x - y).join();
    const { quantity, times: _, ...recipe } = { ...term, ...variant.term };
    const most = specification !== undefined ? 0 : is_shown_only ? SHOWN_REPLICATES : Number.POSITIVE_INFINITY;
    const how = { ...variant, ...resampling, bootstrap: Math.min(resampling.bootstrap, most) };
    const key = canonicalJson({ recipe, how });
    if (!fits.has(key)) {
      const varied = { ...term, ...variant.term };
      fits.set(
        key,
        attempt(() => FIT[term.approach](own, varied, { ...how, others: batchRuns(records, term) })),
      );
    }
    const { value: fit, refused } = fits.get(key)!;
    if (!fit) return refusedFit(refused, ladder);
    const { values, draws, standard_errors, num_sizes, diagnostics } = fit;
    const value = values[quantity] ?? null;
    return {
      value,
      refused: value === null ? `approach ${term.approach} gives no ${quantity}` : null,
      draws: draws?.[quantity] ?? [],
      standard_error: standard_errors?.[quantity] ?? null,
      ...{ ladder, num_sizes, diagnostics },
    };
  };
}

/** The runs that give a term its critical batch. */
export const batchRuns = (records: readonly RunRecord[], { critical_batch }: ClaimTerm): RunRecord[] =>
  critical_batch === undefined ? [] : records.filter(({ group }) => group === critical_batch);

function refusedFit(refused: string, ladder: string): TermFit {
  return { value: null, refused, ladder, draws: [], standard_error: null, num_sizes: 0, diagnostics: [] };
}

const PRIMARY: Variant = { term: {}, num_left_out: { smallest: 0, largest: 0 }, window: undefined, delta: DELTA };

function variantOf(records: readonly RunRecord[], term: ClaimTerm, specification: Specification): Variant | null {
  const { approach, law, loss } = term;
  const is_law = approach === 2 || approach === 3;
  const has_budgets = is_law && records.some(({ budget_flops }) => budget_flops !== null);
  switch (specification) {
    case 'window_5':
      return approach === 2 ? { ...PRIMARY, window: 5 } : null;
    case 'without_smallest_budget':
      return has_budgets || approach === 'line' ? { ...PRIMARY, num_left_out: { smallest: 1, largest: 0 } } : null;
    case 'without_largest_budget':
      return has_budgets || approach === 'line' ? { ...PRIMARY, num_left_out: { smallest: 0, largest: 1 } } : null;
    case 'min_tokens_x2': {
      // Every run's curve begins before any bound; a group without runs has no shortest.
      const shortest = term.rows === 'curves' ? Number.NaN : Math.min(...records.map(({ num_tokens }) => num_tokens));
      const least = term.min_tokens ?? shortest;
      return is_law && Number.isFinite(least) ? { ...PRIMARY, term: { min_tokens: 2 * least } } : null;
    }
    case 'delta_x10':
      return approach === 3 && loss === 'huber' ? { ...PRIMARY, delta: 10 * DELTA } : null;
    case 'other_law':
      return approach === 3 && !law.startsWith('kaplan')
        ? { ...PRIMARY, term: { law: law === 'chinchilla' ? 'power_mean' : 'chinchilla' } }
        : null;
  }
}

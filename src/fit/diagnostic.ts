/** @file A diagnostic: something about the data or the optimum that limits what may be claimed.
 * Data, not text to parse: a name, how grave it is, a sentence for people, the numbers behind it. `refuse` marks
 * what was left out or cannot be claimed at all; where nothing is left the fit throws `too_little_data` instead.
 * The threshold of each stands, with its reason, where it is judged: points (`point-checks`), an optimum (`judge`,
 * `flat`, `outliers`, `profile`), noise (`seed-noise`, `lack-of-fit`), valleys (`isoflop`, `recut`), second fits
 * (`cross-check`, `phase-change`, `straight-line`), run records (`judge-runs`, `rates`), distance (`reach`).
 */
import { LabError } from '../lib/errors.ts';

/** What can be found. */
export type DiagnosticName =
  /** Design: how many points, sizes, horizons, budgets and clusters, over how wide a range. */
  | 'too_few_points'
  | 'too_few_sizes'
  | 'too_few_horizons'
  | 'too_few_budgets'
  | 'too_few_clusters'
  | 'range_too_small'
  | 'collinear_design'
  /** Runs: what they were, and what is missing among them. */
  | 'mixed_groups'
  | 'mixed_countings'
  | 'uneven_flops'
  | 'repeated_tokens'
  | 'diverged_cells'
  | 'lr_not_bracketed'
  | 'batch_not_bracketed'
  | 'dead_parameters'
  | 'val_shift'
  | 'intermediate_points'
  /** Optimum: whether there is one, and whether the points hold it in place. */
  | 'bound_hit'
  | 'floor_unidentified'
  | 'term_at_zero'
  | 'local_optimum'
  | 'not_converged'
  | 'flat_direction'
  | 'replicate_failures'
  /** Form: whether the law, or the parabola, is the right one. */
  | 'seed_noise_dominates'
  | 'lack_of_fit'
  | 'outliers'
  | 'phase_change'
  | 'shape_offset'
  | 'approaches_disagree'
  | 'break_suspected'
  | 'no_interior_minimum'
  | 'recut_not_interior'
  | 'minimum_near_edge'
  | 'parabola_bias'
  | 'window_sensitive'
  | 'rival_better'
  | 'extrapolation_far';

export interface Diagnostic {
  name: DiagnosticName;
  severity: 'warn' | 'refuse';
  message: string;
  values: Record<string, number | string | null | (number | string | null)[]>;
}

/** A diagnostic that limits a claim. */
export function warn(name: DiagnosticName, message: string, values: Diagnostic['values'] = {}): Diagnostic {
  return { name, severity: 'warn', message, values };
}

/** A diagnostic that takes something out of the result. */
export function refuse(name: DiagnosticName, message: string, values: Diagnostic['values'] = {}): Diagnostic {
  return { name, severity: 'refuse', message, values };
}

/** The error that a refusal becomes where no result is left. */
export function tooLittle(name: DiagnosticName, message: string): LabError {
  return new LabError('too_little_data', `${name}: ${message}`);
}

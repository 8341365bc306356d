/** @file A diagnostic: something about the data or the optimum that limits what may be claimed.
 * Data, not text to parse: a name, how grave it is, a sentence for people, the numbers behind it. `refuse` marks
 * what was left out or cannot be claimed at all; where nothing is left the fit throws `too_little_data` instead.
 */
import { LabError } from '../lib/errors.ts';

export type DiagnosticName =
  | 'too_few_points'
  | 'too_few_sizes'
  | 'too_few_horizons'
  | 'too_few_budgets'
  | 'too_few_clusters'
  | 'range_too_small'
  | 'collinear_design'
  | 'mixed_groups'
  | 'optimum_on_bound'
  | 'bound_hit'
  | 'batch_not_bracketed'
  | 'E_at_zero'
  | 'term_at_zero'
  | 'start_disagreement'
  | 'not_converged'
  | 'lack_of_fit'
  | 'outliers'
  | 'replicate_failures'
  | 'no_interior_minimum'
  | 'minimum_near_edge'
  | 'parabola_bias'
  | 'uneven_flops'
  | 'intermediate_points'
  | 'floor_unidentified'
  | 'flat_direction'
  | 'local_optimum'
  | 'shape_offset'
  | 'approaches_disagree'
  | 'window_sensitive'
  | 'extrapolation_far'
  | 'break_suspected';

export interface Diagnostic {
  name: DiagnosticName;
  severity: 'warn' | 'refuse';
  message: string;
  values: Record<string, number | string | null | (number | string)[]>;
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

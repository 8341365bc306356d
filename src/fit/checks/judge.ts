/** @file What a parametric fit may not claim: its diagnostics.
 * Thresholds are the lab's own, each with its reason; the bootstrap sees none of these faults.
 */

import { formatFlops } from '../../lib/format.ts';
import { lossOf } from '../answers/optimum.ts';
import type { LawFit } from '../approach3.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import type { Law, LawParams } from '../laws/law.ts';
import { lawByName } from '../laws/registry.ts';
import type { FitPoint } from '../point.ts';
import { failedTooOften } from '../resample/bootstrap.ts';
import { MAD_TO_SD } from './lack-of-fit.ts';
import { judgeDesign, judgeEvenness, judgeInput, judgeTogether } from './point-checks.ts';
import { judgeEffects } from './seed-noise.ts';
import { judgeSlopes } from './slopes.ts';

/** Clusters below which an interval rests on a handful of numbers. */
const FEW_CLUSTERS = 8;
/** Share of replicates without a refit beyond which the intervals tell of the rest only: one tail of a 90% interval.
 * Resamples with fewer than three distinct sizes are not counted: of six sizes they are 2%, of five 9%, by themselves. */
const FAILED = 0.05;
/** A bounded constant this near to an end (relative) lies on it. */
const AT_END = 1e-6;
/** A floor below this share of the lowest loss is zero for all purposes. */
const ZERO_SHARE = 1e-3;

/** The diagnostics of a fit, gravest questions of the data first. */
export function judge(fit: LawFit, law: Law, theta: Float64Array, points: readonly FitPoint[]): Diagnostic[] {
  return [
    ...ofData(fit, law, points),
    ...judgeOptimum(law, theta, { ...fit, lowest_loss: fit.range.L[0] }),
    ...ofStarts(fit),
    ...ofResiduals(fit),
    ...(law.inputs.includes('N') && law.inputs.includes('D')
      ? judgeSlopes(points, MAD_TO_SD * fit.residuals.median_abs)
      : []),
    ...ofBootstrap(fit),
  ];
}

function ofData(fit: LawFit, law: Law, points: readonly FitPoint[]): Diagnostic[] {
  const num_free = law.coordinates.length;
  const wanted = 2 * num_free;
  const few = `${points.length} points for ${num_free} constants; ${wanted} or more are advised`;
  const together = judgeTogether(points, law.inputs);
  const is_mixed = together.some(({ name }) => name === 'mixed_countings');
  return [
    ...(points.length < wanted ? [warn('too_few_points', few, { num_points: points.length, advised: wanted })] : []),
    ...law.inputs.flatMap((input) =>
      judgeInput(
        input,
        points.map((p) => p[input]!),
      ),
    ),
    ...together,
    ...(is_mixed ? [] : judgeEvenness(fit.flops_per_nd)),
    ...judgeDesign(points, law.inputs),
    ...judgeEffects(points, law.inputs, lossOf(lawByName(fit.law), fit)),
  ];
}

function ofStarts(fit: LawFit): Diagnostic[] {
  const { run, reached_best, next_best } = fit.starts;
  if (reached_best >= 2 && reached_best >= run / 4) return [];
  const message = `${reached_best} of ${run} starts reached the best optimum`;
  return [warn('local_optimum', message, { run, reached_best, next_best })];
}

/** What an optimum itself says: not converged, a term at zero, a constant beyond its plausible range. */
export function judgeOptimum(
  law: Law<string>,
  theta: Float64Array,
  fit: { params: LawParams; converged: boolean; relative_gradient: number; lowest_loss: number },
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const { relative_gradient, lowest_loss } = fit;
  if (!fit.converged)
    found.push(
      warn('not_converged', `the best descent stopped at a relative gradient of ${formatFlops(relative_gradient)}`, {
        relative_gradient,
      }),
    );
  const { E } = fit.params;
  const is_held = law.constraints?.fix?.['E'] !== undefined;
  if (E !== undefined && !is_held && E < ZERO_SHARE * lowest_loss)
    found.push(
      warn('floor_unidentified', 'the irreducible loss is fitted at zero: the data do not show a floor', {
        E,
        lowest_loss,
      }),
    );
  for (const k of law.optional_terms) {
    const coordinate = law.coordinates[k]!;
    if (theta[k] === Number.NEGATIVE_INFINITY && coordinate !== 'log_E')
      found.push(
        warn('term_at_zero', `the term of ${coordinate} is fitted at zero: its exponent means nothing`, { coordinate }),
      );
  }
  for (const [param, ends] of Object.entries(law.constraints?.bounds ?? {})) {
    const value = fit.params[param]!;
    const end = ends.find((e) => Math.abs(value - e) <= AT_END * Math.max(Math.abs(e), Math.abs(value), 1e-300));
    if (end !== undefined)
      found.push(
        warn('bound_hit', `${param} lies on its bound ${end}: the points ask for a value beyond it`, {
          param,
          value,
          bound: end,
        }),
      );
  }
  for (const { param, low, high } of law.plausible) {
    const value = fit.params[param]!;
    if (value <= low || value >= high)
      found.push(
        warn('bound_hit', `${param} = ${value.toPrecision(3)} lies outside its plausible range ${low} to ${high}`, {
          param,
          value,
          low,
          high,
        }),
      );
  }
  return found;
}

function ofResiduals(fit: LawFit): Diagnostic[] {
  const found: Diagnostic[] = [];
  const test = fit.lack_of_fit;
  if (test && test.p < 0.01)
    found.push(
      warn('lack_of_fit', `the residuals hold structure that ${fit.law} misses (p = ${formatFlops(test.p)})`, {
        test: test.test,
        F: test.F,
        p: test.p,
      }),
    );
  return found;
}

function ofBootstrap(fit: LawFit): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (!fit.bootstrap) return found;
  const { replicates, failed, undetermined, num_clusters, cluster } = fit.bootstrap;
  if (num_clusters < FEW_CLUSTERS)
    found.push(
      warn(
        'too_few_clusters',
        `the bootstrap resamples ${num_clusters} ${cluster}; below ${FEW_CLUSTERS} its intervals are too short`,
        {
          num_clusters,
          advised: FEW_CLUSTERS,
        },
      ),
    );
  if (failedTooOften(fit.bootstrap, FAILED))
    found.push(
      warn(
        'replicate_failures',
        `${failed - undetermined} of ${replicates - undetermined} bootstrap replicates have no converged refit`,
        { failed, undetermined, replicates },
      ),
    );
  return found;
}

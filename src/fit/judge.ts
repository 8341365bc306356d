/** @file What a parametric fit may not claim: its diagnostics.
 * Thresholds are the lab's own, each with its reason; the bootstrap sees none of these faults.
 */

import type { LawFit } from './approach3.ts';
import { type Diagnostic, warn } from './diagnostic.ts';
import type { Law, LawParams } from './laws/law.ts';
import { type FitPoint, numDistinct } from './point.ts';

/** Decades of an input below which its exponent and the floor trade against each other. */
const MIN_DECADES = 1;
/** Below this many sizes, horizons or clusters an interval rests on a handful of numbers. */
const FEW = 5;
const FEW_CLUSTERS = 8;
/** Relative departure of C/(N D) from its mean beyond which one factor k in C = k N D is too coarse for optima. */
const UNEVEN = 0.1;
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
    ...ofBootstrap(fit),
  ];
}

function ofData(fit: LawFit, law: Law, points: readonly FitPoint[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const num_free = law.coordinates.length;
  const wanted = 2 * num_free;
  if (points.length < wanted)
    found.push(
      warn('too_few_points', `${points.length} points for ${num_free} constants; ${wanted} or more are advised`, {
        num_points: points.length,
        advised: wanted,
      }),
    );
  for (const input of law.inputs)
    found.push(
      ...judgeInput(
        input,
        points.map((p) => p[input]!),
      ),
    );
  const groups = [...new Set(points.map((p) => p.group ?? ''))];
  if (groups.length > 1)
    found.push(warn('mixed_groups', `points of ${groups.length} groups are fitted as one law`, { groups }));
  const { mean, spread } = fit.flops_per_nd;
  if (spread > UNEVEN)
    found.push(
      warn(
        'uneven_flops',
        `C/(N D) differs by up to ${(100 * spread).toFixed(0)}% among the points: optima take its mean`,
        {
          mean,
          spread,
        },
      ),
    );
  const [x, y] = law.inputs;
  if (x && y) {
    const r = correlation(
      points.map((p) => Math.log(p[x]!)),
      points.map((p) => Math.log(p[y]!)),
    );
    if (Math.abs(r) > 0.97)
      found.push(
        warn(
          'collinear_design',
          `log ${x} and log ${y} correlate at ${r.toFixed(3)}: their two terms cannot be told apart`,
          {
            correlation: r,
          },
        ),
      );
  }
  return found;
}

/** Whether an input takes enough values over a wide enough range for its exponent. */
export function judgeInput(input: string, values: readonly number[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const distinct = numDistinct(values);
  if (distinct < FEW)
    found.push(
      warn(
        input === 'D' || input === 'S' || input === 'U'
          ? 'too_few_horizons'
          : input === 'C'
            ? 'too_few_budgets'
            : 'too_few_sizes',
        `only ${distinct} distinct ${input}; ${FEW} or more are advised for an exponent`,
        { input, distinct, advised: FEW },
      ),
    );
  const decades = Math.log10(Math.max(...values) / Math.min(...values));
  if (decades < MIN_DECADES)
    found.push(
      warn(
        'range_too_small',
        `${input} spans ${decades.toFixed(2)} decades; its exponent needs ${MIN_DECADES} or more`,
        {
          input,
          decades,
          advised: MIN_DECADES,
        },
      ),
    );
  return found;
}

function ofStarts(fit: LawFit): Diagnostic[] {
  const { run, reached_best, next_best } = fit.starts;
  if (reached_best >= 2 && reached_best >= run / 4) return [];
  const message = `${reached_best} of ${run} starts reached the best optimum`;
  return [warn('start_disagreement', message, { run, reached_best, next_best })];
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
      warn(
        'not_converged',
        `the best descent stopped at a relative gradient of ${relative_gradient.toExponential(1)}`,
        {
          relative_gradient,
        },
      ),
    );
  const { E } = fit.params;
  const is_held = law.constraints?.fix?.['E'] !== undefined;
  if (E !== undefined && !is_held && E < ZERO_SHARE * lowest_loss)
    found.push(
      warn('E_at_zero', 'the irreducible loss is fitted at zero: the data do not show a floor', { E, lowest_loss }),
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
        warn(
          'optimum_on_bound',
          `${param} = ${value.toPrecision(3)} lies outside its plausible range ${low} to ${high}`,
          {
            param,
            value,
            low,
            high,
          },
        ),
      );
  }
  return found;
}

function ofResiduals(fit: LawFit): Diagnostic[] {
  const found: Diagnostic[] = [];
  const test = fit.lack_of_fit;
  if (test && test.p < 0.01)
    found.push(
      warn('lack_of_fit', `the residuals hold structure that ${fit.law} misses (p = ${test.p.toExponential(1)})`, {
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
  const { replicates, failed, num_clusters, cluster } = fit.bootstrap;
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
  if (failed > 0.02 * replicates)
    found.push(
      warn('replicate_failures', `${failed} of ${replicates} bootstrap replicates have no converged refit`, {
        failed,
        replicates,
      }),
    );
  return found;
}

function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]): number => v.reduce((sum, a) => sum + a, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xx, yy, xy] = [0, 0, 0];
  x.forEach((a, i) => {
    xx += (a - mx) ** 2;
    yy += (y[i]! - my) ** 2;
    xy += (a - mx) * (y[i]! - my);
  });
  return xy / Math.sqrt(xx * yy);
}

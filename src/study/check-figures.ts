/** @file Wires a group's checks to the figures of `report/`, each with a caption that says how to read it.
 * A check that was not done has no figure.
 */
import {
  type CurveFit,
  curveInterval,
  type EnvelopeFit,
  predictCurve,
  predictLoss,
  type TrainingCurve,
} from '../fit/fit.ts';
import { formatNumber } from '../lib/format.ts';
import {
  type CurveColumn,
  criticalBatchFigure,
  curveFits,
  type EnvelopeInput,
  envelope,
  errorByDistance,
  halfFit,
  holdOutErrors,
  lossFrontier,
  profiles,
  type ReportFigure,
  type SensitivityPanel,
  sensitivity,
} from '../report/report.ts';
import type { GroupAnalysis } from './analyse.ts';
import type { GroupChecks } from './checks.ts';
import { theoryExponents } from './exponent-rows.ts';
import type { OneVariable } from './one-variable.ts';

/** The figures of a group's checks: frontier, envelope, laws in one variable, profiles, choices, and runs held out. */
export function checkFigures(group: GroupAnalysis, checks: GroupChecks): ReportFigure[] {
  return [
    frontierOf(group, checks),
    envelopeOf(checks),
    curvesOf(checks),
    profilesOf(checks),
    sensitivityOf(group, checks),
    holdOutOf(checks),
    distanceOf(checks),
    halfOf(group, checks),
    criticalBatchOf(checks),
  ].filter((figure) => figure !== null);
}

function frontierOf({ fits, records }: GroupAnalysis, { optima }: GroupChecks): ReportFigure | null {
  const [total] = fits;
  if (!total?.surface.fit || optima.length === 0) return null;
  const entropy = records[0]?.entropy_nats ?? null;
  const E = total.surface.fit.params['E'];
  const floor =
    entropy !== null ? { value: entropy, label: 'exact entropy' } : E ? { value: E, label: 'fitted floor' } : null;
  return {
    id: 'frontier',
    title: 'Loss on the efficient frontier',
    caption:
      'Final loss against training compute (C = 6 N D, all parameters), a dot a run; circles: no run of less compute is ' +
      'better. The line is the loss of the best split of each budget by the fitted law, its band the 90% bootstrap ' +
      'interval; dashed, up to ten times the largest run, it is extrapolation, whose error of form no interval holds.',
    svg: lossFrontier({
      runs: total.points,
      frontier: optima.map(({ C, L, intervals }) => ({ C, L, interval: intervals?.L ?? null })),
      floor,
    }),
  };
}

function envelopeOf({ envelope: found }: GroupChecks): ReportFigure | null {
  if (!found) return null;
  return {
    id: 'envelope',
    title: 'Approach 1, the envelope of the learning curves',
    caption:
      'Above: loss along training against compute so far; where a run is the best of all, its line is thick. Below: the ' +
      'size that is best, and the power law through it. Grey stretches are won by the smallest or largest size there and ' +
      'are left out. Where the learning rate still decays, runs on their way are worse than finished ones, which biases a.',
    svg: envelope(envelopeShapes(found.curves, found.fit)),
  };
}

/** Learning curves over compute with their envelope, as the figure takes them. */
export function envelopeShapes(
  curves: readonly TrainingCurve[],
  { steps, coefficients, exponents, intervals }: EnvelopeFit,
): EnvelopeInput {
  const pointsOf = ({ points, flops_per_token }: TrainingCurve) =>
    points.map(({ D, L }) => ({ C: flops_per_token * D, L }));
  return {
    curves: curves.map((curve) => ({ id: curve.id ?? '', N: curve.N, points: pointsOf(curve) })),
    steps,
    fit: { coefficient: coefficients.N, exponent: exponents.a, interval: intervals?.['a'] ?? null },
  };
}

function curvesOf({ curves }: GroupChecks): ReportFigure | null {
  if (curves.length === 0) return null;
  return {
    id: 'curves',
    title: 'Laws in one variable',
    caption:
      'Loss against one variable alone with L = E + (x_c/x)^alpha, on log axes, where a pure power law is straight and a ' +
      'floor bends it. Bands: 90% bootstrap intervals; dashed: beyond the runs. Below, what each law leaves over: a curve ' +
      'in the residuals speaks against the form.',
    svg: curveFits({ columns: curves.map(curveColumn) }),
  };
}

const AXES: Record<OneVariable['symbol'], string> = {
  N: 'parameters',
  D: 'training tokens',
  C: 'training FLOPs',
};

/** Places along the axis at which a band is computed. */
const BAND_PLACES = 13;

function curveColumn({ symbol, held, points, fit }: OneVariable): CurveColumn {
  const { E = 0, alpha = Number.NaN } = fit.params;
  return {
    symbol,
    title: AXES[symbol],
    heading: held,
    constants: [
      { name: 'alpha', value: alpha, interval: fit.intervals?.['alpha'] ?? null },
      { name: 'E', value: E, interval: fit.intervals?.['E'] ?? null },
    ],
    points,
    lines: [{ at: (x) => predictCurve(fit, x), band: bandOf(fit) }],
  };
}

/** The bootstrap band of a curve along its points; empty without draws. */
export function bandOf(fit: CurveFit): { x: number; low: number; high: number }[] {
  const [low, high] = fit.range.x;
  const places = Array.from({ length: BAND_PLACES }, (_, i) => low * (high / low) ** (i / (BAND_PLACES - 1)));
  return places.flatMap((x) => {
    const interval = curveInterval(fit, x);
    return interval ? [{ x, low: interval[0], high: interval[1] }] : [];
  });
}

function profilesOf({ profiles: found }: GroupChecks): ReportFigure | null {
  if (found.length === 0) return null;
  return {
    id: 'profiles',
    title: 'Profiles of the floor and of the exponent',
    caption:
      'How much the objective rises when one constant is held away from its best value and all others are fitted again, ' +
      'in units of the threshold of the 90% likelihood-ratio interval: the interval is where the curve is below 1. A side ' +
      'on which it stays below 1 is open. It takes runs as independent; the bootstrap over sizes does not.',
    svg: profiles({ profiles: found }),
  };
}

/** Standard errors on either side of a 90% interval. */
const STANDARD_ERRORS = 1.645;

function sensitivityOf(group: GroupAnalysis, { token_scan }: GroupChecks): ReportFigure | null {
  const windows = group.fits[0]?.isoflop.fit?.windows ?? [];
  const panels: SensitivityPanel[] = [];
  if (windows.length >= 2)
    panels.push({
      title: 'sizes in a parabola (Approach 2)',
      scale: 'linear',
      points: windows.map(({ window, a }) => ({ x: window, a, interval: null })),
      chosen: Math.max(...windows.map(({ window }) => window)),
    });
  if (token_scan.length >= 2)
    panels.push({
      title: 'fewest tokens kept (Approach 3)',
      scale: 'log',
      points: token_scan.map(({ min_tokens, exponent: a, standard_error }) => ({
        x: min_tokens,
        a,
        interval: [a - STANDARD_ERRORS * standard_error, a + STANDARD_ERRORS * standard_error],
      })),
      chosen: token_scan[0]!.min_tokens,
    });
  if (panels.length === 0) return null;
  const theory = theoryExponents(group);
  return {
    id: 'sensitivity',
    title: 'The exponent against choices of the analysis',
    caption:
      'a when the parabolas go through only so many sizes nearest to their minimum, and when runs with fewer tokens are ' +
      'left out, with 90% intervals; filled: the choice of this report. Lines: the published values. A drift as large as what is asked about ' +
      'makes a the choice’s, not the data’s.',
    svg: sensitivity({ panels, ...(theory ? { theory } : {}) }),
  };
}

function holdOutOf({ halves }: GroupChecks): ReportFigure | null {
  if (halves.length === 0) return null;
  return {
    id: 'hold-out',
    title: 'Laws on runs held out',
    caption:
      'Each law was fitted to the smaller half of the runs by compute and predicts the larger half: above, predicted ' +
      'against measured loss with the line of equality; below, the error, with the scatter of the fitted runs in grey. ' +
      'Bars: 90% intervals of the prediction. Best law first.',
    svg: holdOutErrors({ laws: halves }),
  };
}

function distanceOf({ halves, fitted_to }: GroupChecks): ReportFigure | null {
  if (halves.length === 0 || fitted_to === null) return null;
  const laws = halves.map(({ law, runs }) => ({
    law,
    runs: runs.map(({ values, error }) => ({ decades: Math.log10(values['C']! / fitted_to), error })),
  }));
  return {
    id: 'distance',
    title: 'Hold-out error by distance',
    caption:
      'The same errors against how far beyond the largest fitted run the held-out runs lie. Lines: root mean square over ' +
      'about equally many runs. A climb says how soon a form fails.',
    svg: errorByDistance({ laws }),
  };
}

function halfOf({ fits }: GroupAnalysis, { halves, fitted_to }: GroupChecks): ReportFigure | null {
  const checked = halves.find(({ law }) => law === 'chinchilla');
  if (!checked || fitted_to === null) return null;
  const { fit, mean, intervals } = checked;
  const runs = fits[0]!.points.map(({ N, D, C, L }) => ({ C, residual: Math.log(L / predictLoss(fit, { N, D })) }));
  return {
    id: 'half-fit',
    title: 'The smaller half, scored on the larger',
    caption:
      'ln(L / fit) of the law fitted to the runs left of the dashed line. Right of it nothing was fitted: a mean off zero ' +
      'there is a bend that the smaller runs do not announce. Grey: scatter of the fitted runs.',
    // Residuals here are measured less predicted, a hold-out's errors the other way round.
    svg: halfFit({
      runs,
      fitted_to,
      mean: -mean,
      interval: intervals && [-intervals.mean[1], -intervals.mean[0]],
      level: 0.9,
    }),
  };
}

function criticalBatchOf({ critical_batch }: GroupChecks): ReportFigure | null {
  if (!critical_batch) return null;
  const { hyperbolas, B_star, alpha_B, intervals } = critical_batch;
  return {
    id: 'critical-batch',
    title: 'Critical batch size',
    caption:
      `Left: steps and tokens to fixed losses at several batch sizes, with hyperbolas of one law for all losses; where ` +
      `they meet the dashed line the batch is the critical one. Right: B_crit = B* / L^(1/alpha_B), B* = ` +
      `${formatNumber(B_star, 3)} tokens, beside each loss by itself; outside the shaded batches it is extrapolated.`,
    svg: criticalBatchFigure({ hyperbolas, B_star, alpha_B, interval: intervals?.alpha_B ?? null }),
  };
}

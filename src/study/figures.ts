/** @file Wires a group's records and fits to the figures of `report/`. Each figure says in its caption what to see and
 * how it was computed; one that has nothing to show is left out.
 */
import { type FitPoint, type IsoflopFit, predictCurve, predictLoss } from '../fit/fit.ts';
import { formatCount } from '../lib/format.ts';
import type { RunRecord } from '../log/record.ts';
import {
  curveFits,
  exponentsFigure,
  isoflopValleys,
  learningCurves,
  lossContours,
  optimalScaling,
  type ReportFigure,
  residualsFigure,
  type ScalingPanel,
  type Valley,
} from '../report/report.ts';
import type { CountingFits, GroupAnalysis } from './analyse.ts';
import { checkFigures } from './check-figures.ts';
import type { GroupChecks } from './checks.ts';
import { exponentRows, theoryExponents } from './exponent-rows.ts';

/** The figures of a group: learning curves, exponents, then for each counting valleys and scaling, then the surface and
 * its checks. */
export function groupFigures(group: GroupAnalysis, checks: GroupChecks): ReportFigure[] {
  const surface = group.fits[0];
  return [
    learningCurvesOf(group),
    watchOf(group),
    exponentsOf(group),
    ...group.fits.flatMap((fits) => [valleysOf(fits), scalingOf(fits)]),
    ...(surface ? [contoursOf(surface), residualsOf(surface, group.records)] : []),
    ...checkFigures(group, checks),
  ].filter((figure) => figure !== null);
}

/** The axis title of N: the figure's own for all parameters. */
const sizeTitle = ({ name }: CountingFits) => (name === 'total' ? {} : { sizeTitle: `${name} parameters` });

function learningCurvesOf({ records }: GroupAnalysis): ReportFigure | null {
  const curves = records
    .filter(({ eval_curve }) => eval_curve.length > 0)
    .map(({ num_params, eval_curve }) => ({
      N: num_params.total,
      points: eval_curve.map(({ tokens, val_loss }) => ({ tokens, loss: val_loss })),
    }));
  if (curves.length === 0) return null;
  const entropy = records[0]!.entropy_nats;
  const floor = entropy === null ? {} : { floor: { value: entropy, label: 'entropy' } };
  return {
    id: 'learning-curves',
    title: 'Learning curves',
    caption:
      'Validation loss against training tokens, a line a run, coloured by its number of parameters (all of them). ' +
      (entropy === null ? '' : 'The horizontal line is the exact entropy of the language: no model can go below it. ') +
      'Only the last point of a line, where its learning rate has decayed, enters the fits.',
    svg: learningCurves({ curves, ...floor }),
  };
}

function watchOf({ watch, records }: GroupAnalysis): ReportFigure | null {
  if (!watch?.early || !watch.whole) return null;
  const { early, whole, windows } = watch;
  const last = formatCount(early.range.x[1]);
  const warned = windows.find(({ seeds }) => 2 * seeds.filter(({ is_alarm }) => is_alarm).length > seeds.length);
  const points = records.flatMap(({ status, num_tokens: x, val_loss: L }) =>
    status === 'finished' && L !== null ? [{ x, L }] : [],
  );
  const lines = [
    { label: `fit up to ${last}`, at: (x: number) => predictCurve(early, x) },
    { label: 'fit to all', at: (x: number) => predictCurve(whole, x) },
  ];
  const { E = 0, alpha = Number.NaN } = early.params;
  const constants = [
    { name: 'alpha', value: alpha, interval: null },
    { name: 'E', value: E, interval: null },
  ];
  const heading = `one size, ${windows[0]!.seeds.length} seeds; constants of the fit up to ${last}`;
  const mark = warned && { x: warned.D, interval: null, label: `alarm from ${formatCount(warned.D)}` };
  const column = { symbol: 'D', title: 'training tokens', heading, constants, points, lines };
  return {
    id: 'early-fit',
    title: 'What the early part of the curve said',
    caption:
      `Loss against training tokens, a dot a run, with L = E + (x_c/x)^alpha fitted to the horizons up to ${last} and to ` +
      'all of them. Below, what the first of the two leaves over: beyond its horizons these are the errors of a forecast.' +
      (warned ? ' The upright marks the first window in which the test for a break fires in most seeds.' : ''),
    svg: curveFits({ columns: [mark ? { ...column, mark } : column] }),
  };
}

function exponentsOf(group: GroupAnalysis): ReportFigure | null {
  const rows = exponentRows(group);
  if (rows.every(({ value }) => value === null)) return null;
  const theory = theoryExponents(group);
  return {
    id: 'exponents',
    title: 'Exponents by approach and counting',
    caption:
      'a and b of N_opt ~ C^a and D_opt ~ C^b from the same runs, by isoFLOP parabolas (Approach 2) and by the fitted ' +
      'surface (Approach 3), counting all parameters or only those outside the embeddings and the head. ' +
      'Bars: 90% bootstrap intervals. Vertical lines: the published values.',
    svg: exponentsFigure({ rows, ...(theory ? { theory } : {}) }),
  };
}

function valleysOf(fits: CountingFits): ReportFigure | null {
  const { fit } = fits.isoflop;
  if (!fit || fit.budgets.length === 0) return null;
  const cut = fits.is_recut
    ? 'The runs were planned under another counting: each size’s loss is interpolated along its tokens at these budgets.'
    : 'Each point is a trained run.';
  return {
    id: `valleys-${fits.name.replaceAll(/[^a-z0-9]+/g, '-')}`,
    title: `IsoFLOP valleys, ${fits.name} parameters`,
    caption:
      `Final loss against size at fixed training compute (C = 6 N D), a parabola in log N for each budget and its lowest ` +
      `point. ${cut} A budget whose minimum is not between its sizes is refused.`,
    svg: isoflopValleys({ valleys: valleyShapes(fit, fits.isoflop_points), ...sizeTitle(fits) }),
  };
}

/** The valleys of a fit as the figure takes them; `points` are those that were fitted. */
export function valleyShapes({ budgets }: IsoflopFit, points: readonly FitPoint[]): Valley[] {
  return budgets.map(({ C, points: members, parabola, N_opt, L_opt, interior }) => ({
    C,
    points: members.map((i) => points[i]!),
    parabola: parabola ? expanded(parabola) : null,
    minimum: N_opt === null || L_opt === null ? null : { N: N_opt, L: L_opt, isInterior: interior },
  }));
}

/** c0 + c1 (x - centre) + c2 (x - centre)^2 multiplied out, x = ln N. */
function expanded({ c0, c1, c2, centre }: { c0: number; c1: number; c2: number; centre: number }) {
  return [c0 - c1 * centre + c2 * centre ** 2, c1 - 2 * c2 * centre, c2] as [number, number, number];
}

function scalingOf(fits: CountingFits): ReportFigure | null {
  const { fit } = fits.isoflop;
  if (!fit?.exponents || !fit.coefficients) return null;
  const panel = (symbol: 'N' | 'D', exponent: 'a' | 'b'): ScalingPanel => ({
    points: fit.budgets.flatMap((budget) => {
      const value = budget[`${symbol}_opt`];
      if (value === null) return [];
      return [{ C: budget.C, value, interval: fit.intervals?.[`${symbol}_opt@${budget.C}`] ?? null }];
    }),
    fit: {
      coefficient: fit.coefficients![symbol],
      exponent: fit.exponents![exponent],
      interval: fit.intervals?.[exponent] ?? null,
    },
  });
  return {
    id: `scaling-${fits.name.replaceAll(/[^a-z0-9]+/g, '-')}`,
    title: `Optimal size and data, ${fits.name} parameters`,
    caption:
      'The minima of the valleys against compute with our power law, and the slopes of Kaplan et al. 2020 and Hoffmann ' +
      'et al. 2022 through the middle of our points. Bars: 90% bootstrap intervals over whole model sizes.',
    svg: optimalScaling({ N: panel('N', 'a'), D: panel('D', 'b'), label: `Approach 2, ${fits.name} parameters` }),
  };
}

function contoursOf(fits: CountingFits): ReportFigure | null {
  const { fit } = fits.surface;
  if (!fit?.exponents) return null;
  const budgets = fits.isoflop.fit?.budgets.map(({ C }) => C) ?? [];
  return {
    id: 'contours',
    title: `Fitted loss over size and data, ${fits.name} parameters`,
    caption:
      'Contours of L(N, D) = E + A/N^alpha + B/D^beta fitted to all runs (dots), with the line of least loss at each ' +
      'compute and, dashed, lines of equal compute. Far from the dots the contours are extrapolation.',
    svg: lossContours({
      loss: (N, D) => predictLoss(fit, { N, D }),
      runs: fits.points,
      budgets,
      ...sizeTitle(fits),
    }),
  };
}

function residualsOf(fits: CountingFits, records: readonly RunRecord[]): ReportFigure | null {
  const { fit } = fits.surface;
  if (!fit) return null;
  const budgets = new Map(records.map(({ run_id, budget_flops }) => [run_id, budget_flops]));
  const left_out = new Set(fit.dropped.map(({ id }) => id));
  const far = fit.diagnostics.find(({ name }) => name === 'outliers')?.values['ids'];
  const outliers = new Set<unknown>(Array.isArray(far) ? far : []);
  const points = fits.points
    .filter(({ id }) => !left_out.has(id!))
    .map(({ N, D, L, id }) => {
      const predicted = predictLoss(fit, { N, D });
      const outlier = outliers.has(id) ? id! : null;
      return { N, D, predicted, residual: Math.log(L / predicted), C: budgets.get(id!) ?? null, outlier };
    });
  return {
    id: 'residuals',
    title: 'What the fitted law leaves over',
    caption:
      'Residuals of log loss against size, data and predicted loss. A pattern, rather than scatter about zero, means ' +
      'that the law is not the right form here, and that its exponents should not be trusted far out. Dashes far from ' +
      'zero are offsets that all runs of a size share; ringed runs lie six robust standard deviations off.',
    svg: residualsFigure({ points, ...sizeTitle(fits) }),
  };
}

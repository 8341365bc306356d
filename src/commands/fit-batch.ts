/** @file `fit --law critical_batch`: hyperbolas of steps and tokens at fixed loss over several batches, B_crit(L), and
 * with sizes the loss along the least compute, L(C_min).
 */
import {
  atCriticalBatch,
  type CriticalBatchFit,
  type CurveFit,
  criticalBatch,
  type FitPoint,
  fitCriticalBatch,
  fitMinimumCompute,
  KAPLAN_CRITICAL_BATCH,
} from '../fit/fit.ts';
import { alignRows } from '../lib/align.ts';
import { sentenceOf } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { formatCount, formatFixed, formatNumber, MISSING } from '../lib/format.ts';
import { type FitCommandOptions, lawOptions } from './fit-options.ts';
import { type FitSource, sourceBatchCurves } from './fit-source.ts';
import { constantLines, diagnosticLines, flops, intervalNote, plotLines, section, withNumbers } from './fit-text.ts';

/** The critical batch with what follows from it. */
export interface BatchResult extends CriticalBatchFit {
  law: 'critical_batch';
  params: { B_star: number; alpha_B: number };
  /** L(C_min) over the best sizes; null where it was refused. */
  minimum_compute: CurveFit | null;
  minimum_compute_refused: string | null;
  /** Every run at a batch far above (S_min) and far below (C_min) the critical one. */
  runs: { id: string; N: number | null; B: number; L: number; B_crit: number; S_min: number; C_min: number | null }[];
}

/** Fits the critical batch of the source's curves. Throws `too_little_data` below three batches of one size. */
export function fitBatch(source: FitSource, options: FitCommandOptions, replicates: number): BatchResult {
  const { bootstrap = 0, seed = 0, level = 0.9, interval = 'percentile' } = lawOptions(options, replicates);
  const curves = sourceBatchCurves(source);
  if (curves.length === 0)
    throw new LabError('too_little_data', 'no run has two evaluations after its warmup: there are no learning curves');
  const losses = options.losses === undefined ? {} : { losses: options.losses };
  const fit = fitCriticalBatch(curves, { bootstrap, seed, level, interval, ...losses });
  const { B_star, alpha_B } = fit;
  const [minimum_compute, minimum_compute_refused] = attempt(() => fitMinimumCompute(curves, fit));
  const law = 'critical_batch' as const;
  const runs = runsOf(source.points, fit);
  return { law, params: { B_star, alpha_B }, ...fit, minimum_compute, minimum_compute_refused, runs };
}

function attempt(run: () => CurveFit): [CurveFit, null] | [null, string] {
  try {
    return [run(), null];
  } catch (error) {
    if (error instanceof LabError) return [null, sentenceOf(error.message)];
    throw error;
  }
}

function runsOf(points: readonly FitPoint[], fit: CriticalBatchFit): BatchResult['runs'] {
  const known = points.filter(({ B }) => B !== undefined);
  return atCriticalBatch(known, fit).map(({ id, N, B, L, S, C }, i) => ({
    id: id ?? `run ${i + 1}`,
    N: Number.isFinite(N) ? N : null,
    B: B!,
    L,
    B_crit: criticalBatch(fit, L),
    S_min: S!,
    C_min: Number.isFinite(C) ? C : null,
  }));
}

const KAPLAN = { label: 'Kaplan 2020', values: { ...KAPLAN_CRITICAL_BATCH } };
/** Losses shown in all, and of each size at least. */
const SHOWN = [12, 2] as const;

/** A critical batch for people. */
export function batchLines(fit: BatchResult, width: number): string[] {
  const { hyperbolas, B_star, alpha_B, minimum_compute: least } = fit;
  const sizes = [...new Set(hyperbolas.map(({ N }) => N))];
  const each = Math.max(SHOWN[1], Math.floor(SHOWN[0] / sizes.length));
  const shown = sizes.flatMap((N) =>
    thinned(
      hyperbolas.filter((own) => own.N === N),
      each,
    ),
  );
  const has_sizes = fit.runs.some(({ N }) => N !== null);
  const rows = shown.map(({ N, L, S_min, E_min, B_crit, batches, rms }) => [
    ...(has_sizes ? [formatCount(N)] : []),
    formatNumber(L, 4),
    String(batches.length),
    formatCount(S_min),
    formatCount(E_min),
    B_crit === null ? 'one branch only' : formatCount(B_crit),
    formatCount(criticalBatch(fit, L)),
    `${formatFixed(100 * rms, 1)}%`,
  ]);
  const header = [...(has_sizes ? ['N'] : []), 'loss', 'batches', 'S_min', 'tokens_min', 'own B_crit', 'B_crit', 'rms'];
  const losses = hyperbolas.map(({ L }) => L);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const line = Array.from({ length: 60 }, (_, i) => low * (high / low) ** (i / 59));
  return [
    ...section(diagnosticLines(fit.diagnostics)),
    `critical_batch: ${fit.formula}`,
    `  ${withNumbers({ formula: fit.formula, params: { B_star, alpha_B } })}`,
    '',
    ...constantLines(fit, KAPLAN),
    '',
    ...alignRows([header, ...rows]),
    ...(shown.length < hyperbolas.length ? [`  (${shown.length} of ${hyperbolas.length} losses)`] : []),
    '',
    ...section(least ? leastComputeLines(least) : [`L(C_min): refused: ${fit.minimum_compute_refused}`]),
    `${fit.num_curves} curves; residual rms ${formatFixed(100 * fit.rms, 2)}% of steps, ${fit.converged ? 'converged' : 'NOT converged'}`,
    intervalNote(fit.bootstrap, 'curves'),
    ...plotLines(
      [
        { mark: '.', points: line.map((L) => ({ x: L, y: criticalBatch(fit, L) })) },
        { mark: 'o', points: hyperbolas.flatMap(({ L, B_crit }) => (B_crit === null ? [] : [{ x: L, y: B_crit }])) },
      ],
      { xTitle: 'loss, nats a token', yTitle: 'B_crit, tokens (log-log): o one loss, . the law', width },
    ),
  ];
}

/** L(C_min) in a line, Kaplan's beside it. */
function leastComputeLines({ params, intervals, rms }: CurveFit): string[] {
  const interval = intervals?.['alpha_C'];
  const ends = interval ? ` [${interval.map((end) => formatNumber(end, 3)).join(', ')}]` : '';
  return [
    `L(C_min) = (${params['C_c'] === undefined ? MISSING : flops(params['C_c'])}/C_min)^${formatNumber(params['alpha_C'], 3)}${ends}, ` +
      `rms ${formatFixed(100 * rms, 2)}%; Kaplan 2020: (2.68e28/C_min)^0.050`,
  ];
}

function thinned<T>(own: readonly T[], count: number): T[] {
  const stride = Math.max(1, Math.ceil(own.length / count));
  return own.filter((_, i) => i % stride === 0);
}

/** @file What second looks say of a group's fits: profiles, Approach 1, other laws on runs held out, the choices made.
 * Each costs fits of its own, so it is done for the report only, under the first counting, and only where there are enough
 * runs and sizes that a part of them still carries a law. What cannot be done is left out; the first fits say why.
 */
import {
  type CriticalBatchFit,
  type EnvelopeFit,
  type FitPoint,
  fitCriticalBatch,
  fitEnvelope,
  type Holdout,
  type HoldoutOptions,
  holdOut,
  type LawFit,
  type MinTokensFit,
  type Optimum,
  optimum,
  type Profile,
  profileParam,
  scanMinTokens,
  type TrainingCurve,
} from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import type { RunRecord } from '../log/record.ts';
import type { AnalyseOptions, CountingFits, GroupAnalysis } from './analyse.ts';
import { type OneVariable, oneVariableLaws } from './one-variable.ts';
import { bestRates } from './rates.ts';
import { batchCurvesOf, curvesOf } from './record-curves.ts';

export interface GroupChecks {
  curves: OneVariable[];
  profiles: Profile[];
  envelope: { fit: EnvelopeFit; curves: TrainingCurve[] } | null;
  /** Laws fitted to the smaller half of the runs by compute and scored on the larger one; best first. */
  halves: Holdout[];
  /** Compute of the largest run that they were fitted to; null where there are none. */
  fitted_to: number | null;
  /** Best splits by the fitted law, within the runs and a decade beyond. */
  optima: Optimum[];
  /** a by the smallest number of tokens kept. */
  token_scan: MinTokensFit[];
  critical_batch: CriticalBatchFit | null;
}

const NOTHING: GroupChecks = {
  curves: [],
  profiles: [],
  envelope: null,
  halves: [],
  fitted_to: null,
  optima: [],
  token_scan: [],
  critical_batch: null,
};

/** Constants with a profile: the floor, and the exponent that everything is about. */
const PROFILED = ['E', 'a'];
const PROFILE_VALUES = 13;
const LAWS = ['chinchilla', 'power_mean', 'kaplan_nd'];
/** Replicates of intervals that are only drawn. */
const REPLICATES = 40;
/** Bins of the envelope: Hoffmann's 1,500 change no digit that a figure shows. */
const ENVELOPE_BINS = 400;
/** Share of the runs by which the halves may differ from halves. */
const NEAR = 0.15;
/** Runs and sizes from which a part of them still carries a law. */
const MIN_RUNS = 15;
const MIN_SIZES = 5;
/** Steps of the frontier within the runs and beyond, every how many of them with a band, and of how many replicates. */
const OPTIMA = 16;
const BAND_EVERY = 8;
const BAND_DRAWS = 60;

/** The checks of a group under its first counting; with too few runs or sizes, only its laws in one variable. */
export function checkGroup(group: GroupAnalysis, options: AnalyseOptions): GroupChecks {
  const [fits] = group.fits;
  const surface = fits?.surface.fit;
  const curves = oneVariableLaws(group, options);
  if (!fits || !surface || surface.num_points < MIN_RUNS || surface.num_sizes < MIN_SIZES)
    return { ...NOTHING, curves, critical_batch: batchesOf(group, options) };
  const selection = { min_tokens: options.min_tokens ?? 0 };
  const resampling = { ...selection, cluster: options.cluster, seed: options.seed };
  const points = fits.points.filter(({ D }) => D >= selection.min_tokens);
  const fitted_to = middleCompute(points);
  return {
    curves,
    profiles: PROFILED.flatMap((param) => {
      const profile = unlessTooLittle(() => profileParam(points, { ...resampling, param, num_values: PROFILE_VALUES }));
      return profile ? [profile] : [];
    }),
    envelope: envelopeOf(group.records, fits, options),
    halves: halvesOf(points, fitted_to, { ...resampling, bootstrap: replicates(options) }),
    fitted_to,
    optima: optimaOf(surface),
    token_scan: scanMinTokens(points, selection),
    critical_batch: criticalBatchOf(group.records, fits, options),
  };
}

const ALL_PARAMETERS = { params: 'total', flops: '6nd' } as const;

const replicates = ({ bootstrap }: AnalyseOptions): number => Math.min(bootstrap, REPLICATES);

function unlessTooLittle<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    // Fewer runs can leave a law without an optimum, which is an answer of the check, not a fault.
    if (error instanceof LabError && (error.exit === 'too_little_data' || error.exit === 'usage')) return null;
    throw error;
  }
}

function envelopeOf(
  records: readonly RunRecord[],
  { counting }: CountingFits,
  options: AnalyseOptions,
): GroupChecks['envelope'] {
  const curves = curvesOf(records, counting);
  const own = { bootstrap: replicates(options), seed: options.seed, num_bins: ENVELOPE_BINS };
  const fit = unlessTooLittle(() => fitEnvelope(curves, own));
  return fit && { fit, curves };
}

/** Each law fitted up to some compute and scored beyond it. */
function halvesOf(points: readonly FitPoint[], fitted_to: number | null, options: HoldoutOptions): Holdout[] {
  if (fitted_to === null) return [];
  const { min_tokens: _, ...rest } = options;
  const scored = LAWS.flatMap(
    (law) => unlessTooLittle(() => holdOut(points, { ...rest, law, holdout: `C>${fitted_to}` }))?.windows ?? [],
  );
  return scored.sort((x, y) => x.rms - y.rms);
}

/** The compute of the last run before the widest gap near the middle of the runs, so that no budget is cut in two. */
function middleCompute(points: readonly FitPoint[]): number | null {
  const sorted = points.map(({ C }) => C).sort((x, y) => x - y);
  const from = Math.max(1, Math.floor((0.5 - NEAR) * sorted.length));
  const to = Math.min(sorted.length - 1, Math.ceil((0.5 + NEAR) * sorted.length));
  let [widest, cut] = [1, null as number | null];
  for (let i = from; i <= to; i++) {
    const gap = sorted[i]! / sorted[i - 1]!;
    if (gap > widest) [widest, cut] = [gap, sorted[i - 1]!];
  }
  return cut;
}

/** The best splits from the smallest run to ten times the largest; intervals at some of them, for a band. */
function optimaOf(surface: LawFit): Optimum[] {
  const [low, high] = surface.range.C;
  const { draws, ...plain } = surface;
  const few = draws && Object.fromEntries(Object.entries(draws).map(([name, own]) => [name, own.slice(0, BAND_DRAWS)]));
  const places = [...steps(low, high), ...steps(high, 10 * high).slice(1)];
  return places.flatMap((C, i) => {
    const isBanded = few !== undefined && i % BAND_EVERY === 0;
    return unlessTooLittle(() => optimum(isBanded ? { ...plain, draws: few } : plain, C)) ?? [];
  });
}

/** `OPTIMA` steps from one compute to another. */
const steps = (low: number, high: number): number[] =>
  Array.from({ length: OPTIMA + 1 }, (_, i) => low * (high / low) ** (i / OPTIMA));

/** The critical batch of a group that tried several rates at each of several batches: each at its best rate. Only at
 * constant rates is a curve cut on its way as good as a run that ends there. */
function batchesOf({ records, rate_cells }: GroupAnalysis, options: AnalyseOptions): CriticalBatchFit | null {
  if (rate_cells.length === 0 || records.some(({ schedule }) => schedule.kind !== 'constant')) return null;
  return criticalBatchOf(bestRates(records), { counting: ALL_PARAMETERS }, options);
}

/** The critical batch, where a size was trained at three batch sizes or more. */
function criticalBatchOf(
  records: readonly RunRecord[],
  { counting }: Pick<CountingFits, 'counting'>,
  options: AnalyseOptions,
): CriticalBatchFit | null {
  const curves = batchCurvesOf(records, counting);
  // Batches of a ladder that differ by the rounding of steps are one.
  const batches = (size: number | undefined): number =>
    new Set(curves.filter(({ N }) => N === size).map(({ B }) => Math.round(4 * Math.log2(B)))).size;
  if (!curves.some(({ N }) => batches(N) >= 3)) return null;
  return unlessTooLittle(() => fitCriticalBatch(curves, { bootstrap: replicates(options), seed: options.seed }));
}

/** The checks as plain data for fit.json: what they say, without draws, runs, curves and fits within fits. */
export function plainChecks(checks: GroupChecks) {
  const { curves, profiles, envelope, halves, token_scan, critical_batch } = checks;
  return {
    curves: curves.map(({ symbol, held, fit: { draws: _, ...fit } }) => ({ symbol, held, ...fit })),
    profiles: profiles.map(({ curve: _, ...profile }) => profile),
    envelope: envelope?.fit ?? null,
    hold_out: halves.map(({ runs: _, fit: __, ...half }) => half),
    token_scan,
    critical_batch,
  };
}

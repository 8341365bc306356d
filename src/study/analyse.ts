/** @file Records -> what they say about scaling, group by group: Approach 2 and Approach 3 under each counting.
 * A fit that the data cannot carry is a refusal with its reason, kept beside the others: nothing is left out silently.
 * For Approach 2 the isoFLOPs are taken as planned under the counting they were planned in, and cut anew under any other.
 */
import type { FitConfig } from '../config/config.ts';
import {
  type Cluster,
  type CurveFit,
  crossCheck,
  type Diagnostic,
  type FitOptions,
  type FitPoint,
  fitCurve,
  fitLaw,
  fitValleys,
  type IsoflopFit,
  judgeRuns,
  type LawFit,
  recutIsoflops,
  type SelectOptions,
} from '../fit/fit.ts';
import { attempt, sentenceOf } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { formatFlops } from '../lib/format.ts';
import type { RunRecord } from '../log/record.ts';
import { type Watch, watchBreaks } from './break-watch.ts';
import { type RateCell, rateCells } from './rates.ts';
import { factsOf } from './record-facts.ts';
import { type Counting, countingName, pointsOf } from './record-points.ts';
import { type Spread, spreads } from './spread.ts';

/** A result, or why there is none. */
export type Outcome<T> = { fit: T; refused: null } | { fit: null; refused: string };

/** The fits of one group under one counting. */
export interface CountingFits {
  counting: Counting;
  name: string;
  points: FitPoint[];
  /** The points that Approach 2 saw: as trained, or interpolated at budgets of this counting. */
  isoflop_points: FitPoint[];
  is_recut: boolean;
  isoflop: Outcome<IsoflopFit>;
  surface: Outcome<LawFit>;
  /** What the records say against fits of them, and second fits against the first, the latter for the first counting. */
  diagnostics: Diagnostic[];
}

/** `L(N) = E + (x_c / N)^alpha` over the runs of one horizon, N counting all parameters. */
export interface SizeCurve {
  /** Training tokens of every run in it. */
  D: number;
  curve: Outcome<CurveFit>;
}

export interface GroupAnalysis {
  name: string;
  /** All records of the group, finished or not. */
  records: RunRecord[];
  num_finished: number;
  fits: CountingFits[];
  /** L(N) at the one horizon that most sizes share; null where none is shared by `MIN_SIZES`. */
  size_curve: SizeCurve | null;
  /** Cells that were repeated with other seeds. */
  spreads: Spread[];
  /** Cells that tried several learning rates; no law is fitted to their runs. */
  rate_cells: RateCell[];
  /** What fits to the first horizons say of the rest; null but for one size at ten or more. */
  watch: Watch | null;
  /** Sentences for people about this group, each once. */
  warnings: string[];
}

/** Runs a cell from which on a group is there to measure their spread, and no law is fitted to it. */
const MANY_SEEDS = 5;

/** Sizes at one horizon from which L(N) is fitted: one more than its constants. */
const MIN_SIZES = 4;

/** The countings that a study reports side by side. */
const COUNTINGS: Counting[] = [
  { params: 'total', flops: '6nd' },
  { params: 'non_embedding', flops: '6nd' },
];

export interface AnalyseOptions extends Omit<FitConfig, 'cluster'> {
  /** What the bootstrap resamples. */
  cluster: Cluster;
  /** Seed of the bootstrap. */
  seed: number;
  /** The countings side by side. Default total and non_embedding, under 6 N D. */
  countings?: readonly Counting[];
  /** How the law of Approach 3 is fitted, beside the resampling. Default Chinchilla's with fitLaw's defaults. */
  law?: FitOptions;
  /** What is done with the points of each counting before any fit: weights, for instance. */
  prepare?: (points: FitPoint[]) => FitPoint[];
  /** Whether other fits check the law of the first counting. Default true. */
  checks?: boolean;
}

/** The analysis of every group, in the order in which groups first occur. */
export function analyseRecords(records: readonly RunRecord[], options: AnalyseOptions): GroupAnalysis[] {
  const names = [...new Set(records.map(({ group }) => group))];
  return names.map((name) =>
    analyseGroup(
      name,
      records.filter(({ group }) => group === name),
      options,
    ),
  );
}

function analyseGroup(name: string, records: RunRecord[], options: AnalyseOptions): GroupAnalysis {
  const design = { spreads: spreads(records), rate_cells: rateCells(records) };
  const num_finished = records.filter(({ status }) => status === 'finished').length;
  const about = { name, records, num_finished, ...design, watch: watchBreaks(records, options.seed) };
  if (options.countings === undefined && !isForLaws(num_finished, design))
    return { ...about, fits: [], size_curve: null, warnings: warningsOf(records, [], null) };
  const fits = (options.countings ?? COUNTINGS).map((counting, i) => {
    const own = fitCounting(records, counting, options);
    return i === 0 ? { ...own, diagnostics: [...own.diagnostics, ...secondFits(own, options)] } : own;
  });
  const size_curve = sizeCurve(fits[0]!.points, options);
  return { ...about, fits, size_curve, warnings: warningsOf(records, fits, size_curve) };
}

/** Whether a law may be fitted to the runs: not where runs of one size and D differ in their rate or otherwise, nor where
 * they repeat a few cells. */
function isForLaws(num_finished: number, { spreads, rate_cells }: Pick<GroupAnalysis, 'spreads' | 'rate_cells'>) {
  const num_repeated = spreads.reduce((sum, { num_runs }) => sum + num_runs, 0);
  const is_repeated = num_repeated === num_finished && num_repeated >= MANY_SEEDS * spreads.length;
  const is_mixed = rate_cells.length > 0 || spreads.some(({ variant }) => variant !== '');
  return !is_mixed && !(spreads.length > 0 && is_repeated);
}

/** Fits L(N) where at least `MIN_SIZES` sizes were trained on equally many tokens, as a grid does and isoFLOPs do not. */
function sizeCurve(points: readonly FitPoint[], options: AnalyseOptions): SizeCurve | null {
  const horizons = [...new Set(points.map(({ D }) => D))].sort((x, y) => y - x);
  const sizesAt = (D: number) => new Set(points.filter((point) => point.D === D).map(({ N }) => N)).size;
  const D = horizons.find((horizon) => sizesAt(horizon) >= MIN_SIZES);
  if (D === undefined) return null;
  const runs = points.filter((point) => point.D === D).map(({ N, L }) => ({ x: N, L }));
  const resampling = { bootstrap: options.bootstrap, cluster: 'x', seed: options.seed, keep_draws: true } as const;
  return { D, curve: outcomeOf(() => fitCurve(runs, resampling)) };
}

function fitCounting(records: RunRecord[], counting: Counting, options: AnalyseOptions): CountingFits {
  const counted = pointsOf(records, counting);
  const common = { min_tokens: options.min_tokens ?? 0, drop_highest: options.law?.drop_highest ?? 0 };
  const resampling = { ...common, bootstrap: options.bootstrap, cluster: options.cluster, seed: options.seed };
  const points = options.prepare ? options.prepare(counted) : counted;
  const cut = isoflopCut(records, points, counting, common);
  const surface = outcomeOf(() =>
    fitLaw(points, { law: 'chinchilla', ...options.law, ...resampling, keep_draws: true }),
  );
  const floor_error = surface.fit?.standard_errors?.['E'] ?? null;
  return {
    counting,
    name: countingName(counting),
    points,
    isoflop_points: cut.points,
    is_recut: cut.is_recut,
    isoflop: outcomeOf(() => {
      if (cut.points.length === 0) throw new LabError('too_little_data', 'no budget is shared by enough sizes');
      return fitValleys(cut.points, { ...resampling, budgets: cut.budgets });
    }),
    surface,
    diagnostics: [...judgeRuns(factsOf(records, counting), floor_error), ...cut.diagnostics],
  };
}

/** What other fits to the same points say of the law of Approach 3; nothing where it was refused. */
function secondFits({ points, isoflop, surface }: CountingFits, options: AnalyseOptions): Diagnostic[] {
  if (!surface.fit || options.checks === false) return [];
  const { bootstrap, cluster, seed, min_tokens = 0 } = options;
  const law = { law: 'chinchilla', min_tokens, ...options.law, bootstrap, cluster, seed };
  return crossCheck(points, surface.fit, { ...law, valleys: isoflop.fit });
}

/** The runs at equal compute: as planned under the counting they were planned in, cut anew under any other. */
export function isoflopCut(
  records: readonly RunRecord[],
  points: FitPoint[],
  counting: Counting,
  selection: SelectOptions,
): { points: FitPoint[]; budgets: number[]; is_recut: boolean; diagnostics: Diagnostic[] } {
  const planned = plannedBudgets(records, counting);
  if (planned) return { points, budgets: planned, is_recut: false, diagnostics: [] };
  const { points: cut, budgets, diagnostics } = recutIsoflops(points, selection);
  return { points: cut, budgets, is_recut: true, diagnostics };
}

/** The budgets of the plan where they were planned in this counting, or in one that counts these runs alike (`live` and
 * `total` where every token occurs); null otherwise. */
function plannedBudgets(records: readonly RunRecord[], { params, flops }: Counting): number[] | null {
  const isPlannedSo = ({ budget_counting, num_params }: RunRecord): boolean => {
    if (flops === 'exact' || budget_counting === 'exact') return flops === budget_counting;
    const planned = budget_counting?.replace(/^six_n_/, '') as Counting['params'] | undefined;
    return planned !== undefined && num_params[planned] === num_params[params];
  };
  const budgets = records.filter(isPlannedSo).map((r) => r.budget_flops!);
  return budgets.length > 0 && budgets.length === records.filter((r) => r.budget_flops !== null).length
    ? [...new Set(budgets)].sort((x, y) => x - y)
    : null;
}

function outcomeOf<T>(run: () => T): Outcome<T> {
  const { value, refused } = attempt(run);
  return refused === null ? { fit: value, refused } : { fit: null, refused: sentenceOf(refused) };
}

function warningsOf(
  records: readonly RunRecord[],
  fits: readonly CountingFits[],
  size_curve: SizeCurve | null,
): string[] {
  const warnings: string[] = [];
  for (const status of ['cancelled', 'preempted', 'running'] as const) {
    const count = records.filter((record) => record.status === status).length;
    if (count > 0) warnings.push(`${count} ${count === 1 ? 'run' : 'runs'} ${status}: left out of every fit`);
  }
  const repeated = records.filter(({ epochs }) => (epochs ?? 0) > 1).length;
  if (repeated > 0) warnings.push(`${repeated} ${repeated === 1 ? 'run' : 'runs'} saw training tokens more than once`);
  const ofCurve = briefly(size_curve?.curve.fit?.diagnostics ?? []).map((message) => `L(N): ${message}`);
  return [...warnings, ...fitWarnings(fits), ...ofCurve];
}

/** What the fits warn of, the countings that share a sentence named once. */
function fitWarnings(fits: readonly CountingFits[]): string[] {
  const countings = new Map<string, string[]>();
  const add = (sentence: string, name: string) => countings.set(sentence, [...(countings.get(sentence) ?? []), name]);
  for (const { name, isoflop, surface, diagnostics } of fits) {
    for (const message of briefly(diagnostics)) add(message, name);
    for (const [approach, { fit, refused }] of [
      ['Approach 2', isoflop],
      ['Approach 3', surface],
    ] as const) {
      if (refused !== null) add(`${approach}: ${refused}`, name);
      for (const message of briefly(fit?.diagnostics ?? [])) add(`${approach}: ${message}`, name);
    }
  }
  return [...countings].map(([sentence, names]) =>
    names.length === fits.length ? sentence : `${names.join('; ')}, ${sentence}`,
  );
}

/** One sentence a kind of diagnostic: budgets often share one. All of them are in fit.json. */
function briefly(diagnostics: readonly Diagnostic[]): string[] {
  const kinds = [...new Set(diagnostics.map(({ name }) => name))];
  return kinds.map((kind) => {
    const [first, ...others] = diagnostics.filter(({ name }) => name === kind);
    return others.length === 0 ? first!.message : `${first!.message} (also ${also(others)})`;
  });
}

/** What the others are about: their budgets, columns or constants where they name one, else how many there are. */
function also(others: readonly Diagnostic[]): string {
  const subjects = others.map(({ values }) =>
    typeof values['C'] === 'number'
      ? `C = ${formatFlops(values['C'], 3)}`
      : (values['input'] ?? values['param'] ?? null),
  );
  const named = [...new Set(subjects.filter((subject) => subject !== null))];
  const is_told = named.length > 0 && subjects.every((subject) => subject !== null);
  return is_told ? named.join(', ') : `${others.length} more like it`;
}

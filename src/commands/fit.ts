/** @file `fit`: exponents and laws from a study's runs or from a table of points, by any of the three approaches, in one
 * variable, or of the critical batch.
 */
import {
  compareLaws,
  crossCheck,
  type Diagnostic,
  type FitPoint,
  fitEnvelope,
  fitIsoflop,
  fitLaw,
  fitValleys,
  groupByBudget,
  holdOut,
  type IsoflopOptions,
  judgeRuns,
  type LawFit,
  profileParam,
  recutIsoflops,
  scanLosses,
} from '../fit/fit.ts';
import { attempt, sentenceOf } from '../lib/attempt.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { writeJsonAtomic } from '../log/log.ts';
import { type RunRecord, SCHEMA_VERSION } from '../log/record.ts';
import { ALL_COUNTINGS, analyseRecords, factsOf, isoflopCut, plainGroup, pointsOf } from '../study/study.ts';
import { batchLines, fitBatch } from './fit-batch.ts';
import { curveLines, fitOneVariable, isOneCurve, isOneVariable } from './fit-curve.ts';
import { checkCurve, compareOneVariable } from './fit-curve-checks.ts';
import { batchFigure, curveFigure, envelopeFigure, lawFigure, valleysFigure, writeFigure } from './fit-figure.ts';
import { type FitCommandOptions, lawOptions } from './fit-options.ts';
import { type FitSource, prepared, readSource, sourceCurves, withSeedDelta } from './fit-source.ts';
import { lawLines } from './fit-text.ts';
import { printResult, terminalWidth } from './output.ts';
import {
  comparisonLines,
  countingLines,
  curveCountingLines,
  envelopeLines,
  holdoutLines,
  isoflopLines,
  lossScanLines,
  profileLines,
} from './procedure-text.ts';

/** Replicates of the bootstrap where none are asked for: enough for a 90% interval to a digit. */
const DEFAULT_REPLICATES = 200;
/** Replicates of the checks that only ask whether two results agree. */
const CHECK_REPLICATES = 100;

/** `fit DIR|POINTS.csv`. Throws `usage` for bad input, `too_little_data` where there is nothing to fit. */
export async function fitCommand(path: string, given: FitCommandOptions): Promise<number> {
  checkTogether(given);
  const source = readSource(path, given);
  const options = withSeedDelta(source.points, given);
  if (options.allCountings) return fitCountings(source, options);
  if (options.compare) return fitComparison(source, options, options.compare);
  if (options.approach === '1') return fitApproach1(source, options);
  if (options.approach === '2') return fitApproach2(source, options);
  if (options.law === 'critical_batch') return fitCritical(source, options);
  if (isOneVariable(options.law)) return fitCurveLaw(source, options);
  return fitApproach3(source, options);
}

/** What an invocation asks for, in the words of its options. */
function kindOf({ approach, law, compare, allCountings }: FitCommandOptions): string {
  if (compare) return '--compare';
  if (approach !== '3') return `--approach ${approach}`;
  if (law === 'critical_batch') return '--law critical_batch';
  if (isOneVariable(law)) return `--law ${law}, which has one variable`;
  return allCountings ? '--all-countings' : 'a law of runs';
}

const isOfRuns = (options: FitCommandOptions): boolean => kindOf(options) === 'a law of runs';
const isCurve = ({ approach, law, compare }: FitCommandOptions): boolean =>
  approach === '3' && (compare ? isOneCurve(compare) : isOneVariable(law));
const isSingleCurve = (options: FitCommandOptions): boolean =>
  isCurve(options) && !options.compare && !options.allCountings;
const isLaw = ({ approach, law, compare }: FitCommandOptions): boolean =>
  approach === '3' && (compare !== undefined || law !== 'critical_batch');

/** Options that mean something to some invocations only. */
const ONLY_FOR: readonly [keyof FitCommandOptions, string, (options: FitCommandOptions) => boolean][] = [
  ['ends', '--approach 1', ({ approach }) => approach === '1'],
  ['budgets', '--approach 2', ({ approach }) => approach === '2'],
  ['window', '--approach 2', ({ approach }) => approach === '2'],
  [
    'losses',
    '--law critical_batch',
    ({ law, approach, compare }) => law === 'critical_batch' && approach === '3' && !compare,
  ],
  ['x', 'a law in one variable such as saturating', isCurve],
  ['rows', 'a law in one variable such as kaplan_n', isCurve],
  ['profile', 'a law', (options) => isOfRuns(options) || isSingleCurve(options)],
  [
    'holdout',
    'a law, or --compare',
    (options) =>
      isOfRuns(options) || isSingleCurve(options) || (options.compare !== undefined && !options.allCountings),
  ],
  ['deltas', 'a law', (options) => isOfRuns(options) || isSingleCurve(options)],
  ['compare', '--approach 3', ({ approach, allCountings }) => approach === '3' && !allCountings],
  ['loss', 'a law', isLaw],
  ['delta', 'a law', isLaw],
  ['residuals', 'a law', isLaw],
  ['params', 'one counting at a time', ({ allCountings }) => !allCountings],
  ['flops', 'one counting at a time', ({ allCountings }) => !allCountings],
  ['figure', 'one fit', ({ compare, allCountings }) => compare === undefined && !allCountings],
  ['allCountings', 'a law', ({ approach, law }) => approach === '3' && law !== 'critical_batch'],
];

function checkTogether(options: FitCommandOptions): void {
  for (const [name, what, is_meant] of ONLY_FOR)
    if (options[name] !== undefined && !is_meant(options)) {
      const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      throw new LabError('usage', `--${flag} is for ${what}, not for ${kindOf(options)}`);
    }
  if (options.delta !== undefined && options.loss !== undefined && options.loss !== 'huber')
    throw new LabError('usage', `--delta is the corner of the Huber loss; --loss ${options.loss} has none`);
}

/** What of a fit goes into files only. */
interface ForFiles {
  /** Beside the result in `--out`. */
  draws?: object | undefined;
  /** The SVG of `--figure`. */
  figure?: () => string;
}

/** Writes `--out` and `--figure`, prints the result. */
async function finish(
  options: FitCommandOptions,
  value: object,
  text: () => string[],
  { draws, figure }: ForFiles = {},
): Promise<number> {
  const result = { schema_version: SCHEMA_VERSION, ...value };
  if (options.out !== undefined) writeJsonAtomic(options.out, { ...result, ...(draws ? { draws } : {}) });
  if (options.figure !== undefined && figure) await writeFigure(options.figure, figure());
  printResult(options, result, () => text().join('\n'));
  return EXIT.ok;
}

function fitCurveLaw(source: FitSource, options: FitCommandOptions): Promise<number> {
  const { result, ...along } = fitOneVariable(source, options, DEFAULT_REPLICATES);
  result.diagnostics.unshift(...ofRecords(source));
  const { profiles, holdout, losses } = checkCurve(along, options);
  const { draws, ...plain } = result;
  const text = () => [
    ...curveLines(result, along.rows, terminalWidth()),
    ...(losses ? ['', ...lossScanLines(losses)] : []),
    ...(holdout ? ['', ...holdoutLines(holdout, result.x)] : []),
    ...profiles.flatMap((profile) => ['', ...profileLines(profile)]),
  ];
  const value = {
    counting: source.counting,
    ...plain,
    ...(profiles.length > 0 ? { profiles } : {}),
    ...(holdout ? { holdout } : {}),
    ...(losses ? { losses } : {}),
  };
  return finish(options, value, text, { draws, figure: () => curveFigure(result, along.rows) });
}

function fitCritical(source: FitSource, options: FitCommandOptions): Promise<number> {
  const fit = fitBatch(source, options, DEFAULT_REPLICATES);
  const text = () => batchLines(fit, terminalWidth());
  return finish(options, { counting: source.counting, ...fit }, text, { figure: () => batchFigure(fit) });
}

function fitApproach3(source: FitSource, options: FitCommandOptions): Promise<number> {
  const { points, counting } = source;
  const law = lawOptions(options, DEFAULT_REPLICATES);
  const fit = fitLaw(points, { ...law, keep_draws: true });
  fit.diagnostics.unshift(...ofRecords(source, fit.standard_errors?.['E']));
  if (options.checks) fit.diagnostics.push(...checks(source, fit, options));
  const profiles = (options.profile ?? []).map((param) => profileParam(points, { ...law, param }));
  const holdout = options.holdout === undefined ? null : holdOut(points, { ...law, holdout: options.holdout });
  const scan = options.deltas ? scanLosses(points, options.deltas, law) : null;
  const { draws, ...plain } = fit;
  const left_out = new Set(fit.dropped.map(({ id }) => id));
  const shown = points.filter((p, i) => !left_out.has(p.id ?? `point ${i + 1}`));
  const value = {
    counting,
    ...plain,
    ...(profiles.length > 0 ? { profiles } : {}),
    ...(holdout ? { holdout } : {}),
    ...(scan ? { losses: scan } : {}),
  };
  const text = () => [
    ...lawLines(fit, shown, terminalWidth()),
    ...(scan ? ['', ...lossScanLines(scan)] : []),
    ...(holdout ? ['', ...holdoutLines(holdout)] : []),
    ...profiles.flatMap((profile) => ['', ...profileLines(profile)]),
  ];
  return finish(options, value, text, {
    draws,
    figure: () => lawFigure(fit, shown, options.criticalBatch !== undefined),
  });
}

/** What second fits say of the law: another resampling, half the runs, those with more tokens, valleys of the same runs. */
function checks(source: FitSource, fit: LawFit, options: FitCommandOptions): Diagnostic[] {
  const law = lawOptions(options, DEFAULT_REPLICATES);
  if (!fit.exponents) return crossCheck(source.points, fit, law);
  const input = isoflopInput(source, options);
  const bootstrap = Math.min(law.bootstrap ?? 0, CHECK_REPLICATES);
  const valleys = fitValleys(input.points, { ...valleyOptions(options), ...input.options, bootstrap });
  return crossCheck(source.points, fit, { ...law, valleys });
}

/** What the records of a study say against fits of them, first. */
function ofRecords({ records, counting }: FitSource, floor_error?: number): Diagnostic[] {
  return records === null ? [] : judgeRuns(factsOf(records, counting), floor_error ?? null);
}

function fitApproach2(source: FitSource, options: FitCommandOptions): Promise<number> {
  const { points, options: budgets, diagnostics } = isoflopInput(source, options);
  const fit = fitIsoflop(points, { ...valleyOptions(options), ...budgets, keep_draws: true });
  fit.diagnostics.unshift(...ofRecords(source), ...diagnostics);
  const { draws, ...plain } = fit;
  const text = () => isoflopLines(fit, terminalWidth());
  const figure = () => valleysFigure(points, fit, source.counting);
  return finish(options, { counting: source.counting, ...plain }, text, { draws, figure });
}

/** What of the options concerns valleys. */
function valleyOptions(options: FitCommandOptions): IsoflopOptions {
  const {
    law: _,
    loss: __,
    delta: ___,
    fix: ____,
    tie: _____,
    bounds: ______,
    ...rest
  } = lawOptions(options, DEFAULT_REPLICATES);
  return { ...rest, ...(options.window === undefined ? {} : { window: options.window }) };
}

/** Points at equal compute: as planned or found, else cut anew. */
function isoflopInput(
  { points, records, counting }: FitSource,
  options: FitCommandOptions,
): { points: FitPoint[]; options: IsoflopOptions; diagnostics: Diagnostic[] } {
  if (options.budgets !== undefined) return { points, options: { budgets: options.budgets }, diagnostics: [] };
  const selection = { min_tokens: options.minTokens ?? 0, drop_highest: options.dropHighest ?? 0 };
  if (records !== null) {
    const cut = isoflopCut(records, points, counting, selection);
    return { points: cut.points, options: { budgets: cut.budgets }, diagnostics: cut.diagnostics };
  }
  if (groupByBudget(points, {}).length >= 2) return { points, options: {}, diagnostics: [] };
  const cut = recutIsoflops(points, selection);
  return { points: cut.points, options: { budgets: cut.budgets }, diagnostics: cut.diagnostics };
}

function fitApproach1(source: FitSource, options: FitCommandOptions): Promise<number> {
  const { bootstrap = 0, seed = 0, level = 0.9, interval = 'percentile' } = lawOptions(options, DEFAULT_REPLICATES);
  const curves = sourceCurves(source, options);
  const fit = fitEnvelope(curves, { bootstrap, seed, level, interval, keep_draws: true });
  fit.diagnostics.unshift(...ofRecords(source));
  const { draws, ...plain } = fit;
  const text = () => envelopeLines(fit, terminalWidth());
  const figure = () => envelopeFigure(curves, fit, source.counting);
  return finish(options, { counting: source.counting, ...plain }, text, { draws, figure });
}

function fitComparison(source: FitSource, options: FitCommandOptions, laws: string[]): Promise<number> {
  const { points, counting } = source;
  const diagnostics = ofRecords(source);
  if (isOneCurve(laws)) {
    const { x, comparison } = compareOneVariable(source, { ...options, compare: laws }, CHECK_REPLICATES);
    return finish(options, { counting, x, diagnostics, ...comparison }, () =>
      comparisonLines(comparison, diagnostics, x),
    );
  }
  const { law: _, ...rest } = lawOptions(options, CHECK_REPLICATES);
  const holdout = options.holdout ?? 'largest';
  const comparison = compareLaws(points, { ...rest, laws, holdout });
  return finish(options, { counting, diagnostics, ...comparison }, () => comparisonLines(comparison, diagnostics));
}

function fitCountings({ records }: FitSource, options: FitCommandOptions): Promise<number> {
  if (records === null)
    throw new LabError(
      'usage',
      '--all-countings is for the folder of a study: a table has the one counting that it has',
    );
  if (isOneVariable(options.law)) return fitCurveCountings(records, options);
  const law = lawOptions(options, DEFAULT_REPLICATES);
  const { bootstrap = 0, seed = 0, cluster = 'sizes', min_tokens = 0 } = law;
  const prepare = (points: FitPoint[]) => prepared(points, options);
  const { checks } = options;
  const analyse = { bootstrap, seed, cluster, min_tokens, countings: ALL_COUNTINGS, law, prepare, checks };
  const [group] = analyseRecords(records, analyse);
  if (group!.fits.every(({ isoflop, surface }) => isoflop.refused !== null && surface.refused !== null)) {
    const [first] = group!.fits;
    throw new LabError(
      'too_little_data',
      `approach 2: ${first!.isoflop.refused}; approach 3: ${first!.surface.refused}`,
    );
  }
  const { fits, ...plain } = plainGroup(group!);
  const named = fits.map(({ chinchilla: fit, chinchilla_refused: refused, ...rest }) => ({ ...rest, fit, refused }));
  return finish(options, { law: options.law, ...plain, fits: named }, () => countingLines(group!, options.law));
}

/** A law in one variable under every counting. */
function fitCurveCountings(records: readonly RunRecord[], options: FitCommandOptions): Promise<number> {
  const rows = ALL_COUNTINGS.map((counting) => {
    const { value, refused } = attempt(() => {
      const points = prepared(pointsOf(records, counting), options);
      return fitOneVariable({ points }, options, DEFAULT_REPLICATES).result;
    });
    if (value === null) return { counting, fit: null, refused: sentenceOf(refused) };
    const { draws: _, ...fit } = value;
    return { counting, fit, refused: null };
  });
  if (rows.every(({ fit }) => fit === null)) throw new LabError('too_little_data', rows[0]!.refused!);
  return finish(options, { law: options.law, fits: rows }, () => curveCountingLines(options.law, rows));
}

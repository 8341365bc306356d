/** @file `fit`: exponents and laws from a study's runs or from a table of points, by any of the three approaches. */
import {
  compareLaws,
  type Diagnostic,
  type FitPoint,
  fitEnvelope,
  fitIsoflop,
  fitLaw,
  fitValleys,
  groupByBudget,
  holdOut,
  type IsoflopOptions,
  judgeApproaches,
  judgeBreak,
  judgeOffsets,
  type LawFit,
  profileParam,
  recutIsoflops,
} from '../fit/fit.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { writeJsonAtomic } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { ALL_COUNTINGS, analyseRecords, isoflopCut, plainGroup } from '../study/study.ts';
import { type FitCommandOptions, lawOptions } from './fit-options.ts';
import { type FitSource, readSource, sourceCurves } from './fit-source.ts';
import { lawLines } from './fit-text.ts';
import { printResult } from './output.ts';
import {
  comparisonLines,
  countingLines,
  envelopeLines,
  holdoutLines,
  isoflopLines,
  profileLines,
} from './procedure-text.ts';

/** Replicates of the bootstrap where none are asked for: enough for a 90% interval to a digit. */
const DEFAULT_REPLICATES = 200;
/** Replicates of the checks that only ask whether two results agree. */
const CHECK_REPLICATES = 100;

/** `fit DIR|POINTS.csv`. Throws `usage` for bad input, `too_little_data` where there is nothing to fit. */
export function fitCommand(path: string, options: FitCommandOptions): number {
  checkTogether(options);
  const source = readSource(path, options);
  if (options.allCountings) return fitCountings(source, options);
  if (options.compare) return fitComparison(source, options, options.compare);
  if (options.approach === '1') return fitApproach1(source, options);
  if (options.approach === '2') return fitApproach2(source, options);
  return fitApproach3(source, options);
}

/** Options that mean something to one approach or table only. */
const ONLY_FOR: readonly [keyof FitCommandOptions, string, (options: FitCommandOptions) => boolean][] = [
  ['ends', '--approach 1', ({ approach }) => approach === '1'],
  ['budgets', '--approach 2', ({ approach }) => approach === '2'],
  ['window', '--approach 2', ({ approach }) => approach === '2'],
  ['profile', '--approach 3', ({ approach, compare, allCountings }) => approach === '3' && !compare && !allCountings],
  ['holdout', '--approach 3', ({ approach, allCountings }) => approach === '3' && !allCountings],
  ['compare', '--approach 3', ({ approach, allCountings }) => approach === '3' && !allCountings],
  ['params', 'one counting at a time', ({ allCountings }) => !allCountings],
  ['flops', 'one counting at a time', ({ allCountings }) => !allCountings],
];

function checkTogether(options: FitCommandOptions): void {
  for (const [name, what, is_meant] of ONLY_FOR)
    if (options[name] !== undefined && !is_meant(options)) throw new LabError('usage', `--${name} is for ${what}`);
}

/** Writes `--out`, prints the result. */
function finish(options: FitCommandOptions, value: object, text: () => string[], draws?: object): number {
  const result = { schema_version: SCHEMA_VERSION, ...value };
  if (options.out !== undefined) writeJsonAtomic(options.out, { ...result, ...draws });
  printResult(options, result, () => text().join('\n'));
  return EXIT.ok;
}

function fitApproach3(source: FitSource, options: FitCommandOptions): number {
  const { points, counting } = source;
  const law = lawOptions(options, DEFAULT_REPLICATES);
  const fit = fitLaw(points, { ...law, keep_draws: true });
  if (options.checks) fit.diagnostics.push(...checks(source, fit, options));
  const profiles = (options.profile ?? []).map((param) => profileParam(points, { ...law, param }));
  const holdout = options.holdout === undefined ? null : holdOut(points, { ...law, holdout: options.holdout });
  const { draws, ...plain } = fit;
  const left_out = new Set(fit.dropped.map(({ id }) => id));
  const shown = points.filter((p, i) => !left_out.has(p.id ?? `point ${i + 1}`));
  const value = {
    counting,
    ...plain,
    ...(profiles.length > 0 ? { profiles } : {}),
    ...(holdout ? { holdout } : {}),
  };
  const text = () => [
    ...lawLines(fit, shown),
    ...(holdout ? ['', ...holdoutLines(holdout)] : []),
    ...profiles.flatMap((profile) => ['', ...profileLines(profile)]),
  ];
  return finish(options, value, text, { draws });
}

/** What second fits say of the law: another resampling, half the runs, and the valleys of the same runs. */
function checks(source: FitSource, fit: LawFit, options: FitCommandOptions): Diagnostic[] {
  const { points } = source;
  const law = lawOptions(options, DEFAULT_REPLICATES);
  const found = [...judgeOffsets(points, fit, law), ...judgeBreak(points, law)];
  if (!fit.exponents) return found;
  const valleys = isoflopInput(source, options);
  const replicates = Math.min(law.bootstrap ?? 0, CHECK_REPLICATES);
  const { exponents, standard_errors } = fitValleys(valleys.points, {
    ...valleyOptions(options),
    ...valleys.options,
    bootstrap: replicates,
  });
  if (!exponents) return found;
  const error = (errors: Record<string, number> | null) => errors?.['a'] ?? null;
  return [
    ...found,
    ...judgeApproaches([
      { approach: 'Approach 2', a: exponents.a, standard_error: error(standard_errors) },
      { approach: 'Approach 3', a: fit.exponents.a, standard_error: error(fit.standard_errors) },
    ]),
  ];
}

function fitApproach2(source: FitSource, options: FitCommandOptions): number {
  const { points, options: budgets } = isoflopInput(source, options);
  const fit = fitIsoflop(points, { ...valleyOptions(options), ...budgets, keep_draws: true });
  const { draws, ...plain } = fit;
  return finish(options, { counting: source.counting, ...plain }, () => isoflopLines(fit), { draws });
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
): { points: FitPoint[]; options: IsoflopOptions } {
  if (options.budgets !== undefined) return { points, options: { budgets: options.budgets } };
  const selection = { min_tokens: options.minTokens ?? 0, drop_highest: options.dropHighest ?? 0 };
  if (records !== null) {
    const cut = isoflopCut(records, points, counting, selection);
    return { points: cut.points, options: { budgets: cut.budgets } };
  }
  if (groupByBudget(points, {}).length >= 2) return { points, options: {} };
  const cut = recutIsoflops(points, selection);
  return { points: cut.points, options: { budgets: cut.budgets } };
}

function fitApproach1(source: FitSource, options: FitCommandOptions): number {
  const { bootstrap = 0, seed = 0, level = 0.9, interval = 'percentile' } = lawOptions(options, DEFAULT_REPLICATES);
  const fit = fitEnvelope(sourceCurves(source, options), { bootstrap, seed, level, interval, keep_draws: true });
  const { draws, ...plain } = fit;
  return finish(options, { counting: source.counting, ...plain }, () => envelopeLines(fit), { draws });
}

function fitComparison({ points, counting }: FitSource, options: FitCommandOptions, laws: string[]): number {
  const { law: _, ...rest } = lawOptions(options, CHECK_REPLICATES);
  const holdout = options.holdout ?? 'largest';
  const comparison = compareLaws(points, { ...rest, laws, holdout });
  return finish(options, { counting, ...comparison }, () => comparisonLines(comparison));
}

function fitCountings({ records }: FitSource, options: FitCommandOptions): number {
  const { bootstrap = 0, seed = 0, cluster = 'sizes', min_tokens = 0 } = lawOptions(options, DEFAULT_REPLICATES);
  const analyse = { bootstrap, seed, cluster, min_tokens, countings: ALL_COUNTINGS };
  const [group] = analyseRecords(records!, analyse);
  if (group!.fits.every(({ isoflop, surface }) => isoflop.refused !== null && surface.refused !== null)) {
    const [first] = group!.fits;
    throw new LabError(
      'too_little_data',
      `approach 2: ${first!.isoflop.refused}; approach 3: ${first!.surface.refused}`,
    );
  }
  return finish(options, plainGroup(group!), () => countingLines(group!));
}

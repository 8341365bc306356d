/** @file The door of `study/`: a folder of runs -> fits, summary, figures and the report.
 * Flow: sweep -> records -> here -> report. Everything is computed from the records, so a report can be made again
 * from a folder at any time.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Claim, canonicalJson, type FitConfig, type Switches } from '../config/config.ts';
import { formatFixed, formatInterval, formatNumber } from '../lib/format.ts';
import { currentRuns, fitPath, readSweep, snapshotPath, writeJsonAtomic } from '../log/log.ts';
import { type RunRecord, SCHEMA_VERSION } from '../log/record.ts';
import { type Headline, type ReportFigure, type ReportInput, writeReport } from '../report/report.ts';
import { analyseRecords, type GroupAnalysis } from './analyse.ts';
import { cellTables } from './cell-tables.ts';
import { checkGroup, type GroupChecks, plainChecks } from './checks.ts';
import { type ClaimResult, judgeClaims } from './claims/claims.ts';
import { type Freezing, frozenIn } from './claims/freeze.ts';
import { lineFigures } from './claims/line-figures.ts';
import { followSwitches, type SwitchSequence, switchFigure, switchTable } from './claims/switches.ts';
import { claimTable } from './claims/table.ts';
import { type RecordsOf, termFitter } from './claims/term.ts';
import { exponentRows, theoryExponents } from './exponent-rows.ts';
import { groupFigures } from './figures.ts';
import { type Forecasts, forecastFigures, forecastTable, scoreForecasts } from './forecasts.ts';
import { formatSummary, lawRows } from './summary.ts';

export { analyseRecords, type CountingFits, type GroupAnalysis, isoflopCut } from './analyse.ts';
export { bandOf, envelopeShapes } from './check-figures.ts';
export { freezeClaims } from './claims/freeze.ts';
export { type ClaimPower, simulatePower } from './claims/power.ts';
export { switchLines } from './claims/switches.ts';
export { claimLines, claimNotes, claimTable, powerLines } from './claims/table.ts';
export { exponentRows } from './exponent-rows.ts';
export { valleyShapes } from './figures.ts';
export { forecastLines, freezeForecasts, hasForecasts, isForecast } from './forecasts.ts';
export { type PointsFile, readPoints } from './points.ts';
export { batchCurvesOf, curvesOf } from './record-curves.ts';
export { factsOf } from './record-facts.ts';
export {
  ALL_COUNTINGS,
  type Counting,
  countingName,
  type FlopsCounting,
  type ParamsCounting,
  pointsOf,
} from './record-points.ts';
export { formatSummary };

/** What a finished study left behind. */
export interface StudyResult {
  groups: GroupAnalysis[];
  claims: ClaimResult[];
  /** How the claims stand to those frozen before the runs; null where none were. */
  freezing: Freezing | null;
  /** Sequences of protocols with their exponents. */
  switches: SwitchSequence[];
  /** Forecasts beside what came; null where none were made. */
  forecasts: Forecasts | null;
  /** Path of report.html. */
  report: string;
  files: string[];
}

export interface StudyInput {
  name: string;
  description: string;
  /** The command that makes this report again. */
  command: string;
  /** The resolved study as text. */
  config?: string;
  fit: FitConfig;
  /** Seed of the bootstrap. */
  seed: number;
  claims: readonly Claim[];
  switches: readonly Switches[];
}

/** Replicates of the bootstrap behind a verdict, at least; 90% ends to 2%. */
export const CLAIM_REPLICATES = 2000;

/** Fits the records of a study and writes fit.json, report.html and the figures into `dir`. Throws `storage`. */
export async function finishStudy(dir: string, records: readonly RunRecord[], input: StudyInput): Promise<StudyResult> {
  const options = { ...input.fit, seed: input.seed };
  const groups = analyseRecords(records, options);
  const beside = new Map<string, ReturnType<RecordsOf>>();
  const recordsOf: RecordsOf = (study) => {
    if (study === undefined) return records;
    if (!beside.has(study)) beside.set(study, recordsBeside(dir, study));
    return beside.get(study)!;
  };
  const fitOf = termFitter(recordsOf, { bootstrap: CLAIM_REPLICATES, seed: input.seed });
  const claims = judgeClaims(input.claims, fitOf);
  const switches = followSwitches(input.switches, fitOf, recordsOf);
  const freezing = frozenIn(dir, input.claims);
  const forecasts = scoreForecasts(dir, records);
  const lines = lineFigures(input.claims, recordsOf);
  const checked = groups.map((group) => ({ group, checks: checkGroup(group, options) }));
  writeJsonAtomic(fitPath(dir), {
    ...fitFile(input.name, checked),
    claims,
    claims_frozen: freezing,
    switches,
    forecasts,
  });
  const { html, files } = await writeReport(dir, reportInput(checked, input, { claims, switches, forecasts, lines }));
  return { groups, claims, freezing, switches, forecasts, report: html, files };
}

/** The records of the study of that name beside this one, or else among the committed ones; null where there are none. */
function recordsBeside(dir: string, study: string): readonly RunRecord[] | null {
  const folders = [path.join(dir, '..', study), path.join(dir, '..', 'reference', study)];
  const found = folders.find((folder) => existsSync(snapshotPath(folder)));
  return found === undefined ? null : currentRuns(readSweep(found)).records;
}

/** A group and what second looks say of its fits. */
interface Checked {
  group: GroupAnalysis;
  checks: GroupChecks;
}

/** fit.json: every fit of every group and its checks as plain data, without the bootstrap's draws. */
function fitFile(study: string, checked: readonly Checked[]) {
  const groups = checked.map(({ group, checks }) => ({ ...plainGroup(group), checks: plainChecks(checks) }));
  return { schema_version: SCHEMA_VERSION, study, groups };
}

/** A group's fits as plain data. */
export function plainGroup(group: GroupAnalysis) {
  const { name, num_finished, fits, size_curve, spreads, rate_cells, watch, warnings } = group;
  return {
    name,
    num_runs: num_finished,
    fits: fits.map(({ counting, isoflop, surface, is_recut, diagnostics }) => ({
      counting,
      is_recut,
      isoflop: isoflop.fit,
      isoflop_refused: isoflop.refused,
      chinchilla: withoutDraws(surface.fit),
      chinchilla_refused: surface.refused,
      diagnostics,
    })),
    size_curve: size_curve && {
      D: size_curve.D,
      fit: withoutDraws(size_curve.curve.fit),
      refused: size_curve.curve.refused,
    },
    ...(spreads.length > 0 ? { spreads } : {}),
    ...(rate_cells.length > 0 ? { rate_cells } : {}),
    ...(watch ? { watch } : {}),
    warnings,
  };
}

/** A fit without the values of every bootstrap replicate. */
function withoutDraws<T extends { draws?: unknown }>(fit: T | null): Omit<T, 'draws'> | null {
  if (!fit) return null;
  const { draws: _, ...plain } = fit;
  return plain;
}

function reportInput(
  checked: readonly Checked[],
  input: StudyInput,
  {
    claims,
    switches,
    forecasts,
    lines,
  }: Pick<StudyResult, 'claims' | 'switches' | 'forecasts'> & { lines: ReportFigure[] },
): ReportInput {
  const hashes = checked.flatMap(({ group: { records } }) => records.map(({ config_hash }) => config_hash)).sort();
  return {
    name: input.name,
    description: input.description,
    created_at: new Date().toISOString(),
    command: input.command,
    config_hash: createHash('sha256').update(canonicalJson(hashes)).digest('hex'),
    ...(input.config === undefined ? {} : { config: input.config }),
    headlines: [],
    warnings: [],
    tables: [
      ...(claims.length > 0 ? [claimTable(claims)] : []),
      ...switches.map(switchTable),
      ...(forecasts ? [forecastTable(forecasts)] : []),
    ],
    figures: [...switches.map(switchFigure), ...lines],
    groups: checked.map(({ group, checks }) => ({
      name: group.name,
      title: titleOf(group),
      headlines: headlinesOf(group),
      warnings: group.warnings,
      figures: [...groupFigures(group, checks), ...forecastFigures(forecasts, group.name)],
      tables: cellTables(group),
      exponents: exponentRows(group),
      laws: lawRows(group),
      runs: group.records,
    })),
  };
}

function titleOf({ name, records }: GroupAnalysis): string {
  const corpus = records[0]?.corpus.name;
  return corpus === undefined || corpus === name ? name : `${name}: ${corpus}`;
}

/** The numbers to print large: exponents by all parameters, and the floor where the true one is known. */
function headlinesOf(group: GroupAnalysis): Headline[] {
  const theory = theoryExponents(group);
  const rows = exponentRows(group).filter(({ exponent, value }) => exponent === 'a' && value !== null);
  const headlines: Headline[] = rows.map(({ approach, counting, value, interval }) => ({
    label: `a, ${approach}, ${counting}`,
    value: interval ? formatInterval(value!, interval, 2) : formatFixed(value!, 2),
    detail: theory ? `theory ${formatFixed(theory.a, 2)}` : 'Kaplan .73, Hoffmann .50',
  }));
  const entropy = group.records[0]?.entropy_nats ?? null;
  const floor = group.fits[0]?.surface.fit;
  if (entropy !== null && floor?.params['E'] !== undefined) {
    const interval = floor.intervals?.['E'];
    headlines.push({
      label: 'E, fitted floor',
      value: interval ? formatInterval(floor.params['E'], interval, 2) : formatNumber(floor.params['E']),
      detail: `exact entropy ${formatFixed(entropy, 4)}`,
    });
  }
  return headlines;
}

/** @file `study` and `report`: train, fit and report in one go, or fit and report again what was trained. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadConfig, printConfig } from '../config/config.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatDuration } from '../lib/format.ts';
import { currentRuns, readSweep, snapshotPath } from '../log/log.ts';
import { type RunRecord, SCHEMA_VERSION } from '../log/record.ts';
import { claimLines, finishStudy, forecastLines, formatSummary, plainGroup, switchLines } from '../study/study.ts';
import type { OutputOptions, TrainOptions } from './options.ts';
import { earlierNote, note, printResult } from './output.ts';
import { planFiles, printedConfig } from './plan-study.ts';
import { dryRun, failureLines, sweepExit, sweepStudy } from './train-study.ts';

export interface StudyCommandOptions extends TrainOptions {
  /** Fit and report what is there, train nothing. */
  refit?: boolean;
  /** Train every run again, in a folder of its own. */
  fresh?: boolean;
}

/** `study CONFIG...`: trains what is left to train, fits, and writes the report. */
export async function studyCommand(files: string[], options: StudyCommandOptions): Promise<number> {
  if (printedConfig(files, options)) return EXIT.ok;
  if (options.refit && options.fresh) throw new LabError('usage', '--refit trains nothing, --fresh all; give one');
  if (options.refit) return reportCommand(trainedFolder(files, options), options);
  if (options.fresh) return studyCommand(files, { ...options, fresh: false, out: freshFolder(files, options) });
  const startMs = performance.now();
  const study = await planFiles(files, options);
  if (options.dryRun) return dryRun(study, options);
  const result = await sweepStudy(study, files, options);
  for (const line of failureLines(result)) note(options, line);
  if (result.interrupted) {
    note(options, `stopped; start the same command again to go on (${study.out_dir})`);
    return sweepExit(result);
  }
  const config = readFileSync(snapshotPath(study.out_dir), 'utf8');
  const sets = options.set.map((assignment) => ` --set '${assignment}'`).join('');
  const command = `scaling-lab study ${files.join(' ')}${sets}`;
  await fitAndPrint(study.out_dir, result.records, { ...options, command, config, startMs });
  return sweepExit(result);
}

/** Where the study of `files` was trained: --out, else runs/NAME, else the committed runs/reference/NAME. */
function trainedFolder(files: string[], options: StudyCommandOptions): string {
  const { name } = loadConfig(files, options.set).config;
  const folders =
    options.out === undefined ? [path.join('runs', name), path.join('runs', 'reference', name)] : [options.out];
  const found = folders.find((folder) => existsSync(snapshotPath(folder)));
  if (found !== undefined) return found;
  throw new LabError('usage', `nothing to refit: no study in ${folders.join(' or ')}; train it without --refit`);
}

/** A folder that is not there yet: runs/NAME-1, -2, ... or --out, which must be new. */
function freshFolder(files: string[], options: StudyCommandOptions): string {
  if (options.out !== undefined) {
    if (!existsSync(options.out)) return options.out;
    throw new LabError('usage', `--fresh wants a new folder; ${options.out} is there already`);
  }
  const { name } = loadConfig(files, options.set).config;
  for (let i = 1; ; i++) {
    const folder = path.join('runs', `${name}-${i}`);
    if (!existsSync(folder)) return folder;
  }
}

/** `report DIR`: fits and draws again, from the records and the study file kept with them. */
export async function reportCommand(dir: string, options: OutputOptions): Promise<number> {
  const startMs = performance.now();
  const sweep = readSweep(dir);
  for (const { message } of sweep.problems) note(options, `warning: ${message}`);
  const { records, num_earlier } = currentRuns(sweep);
  if (num_earlier > 0) note(options, earlierNote(num_earlier));
  if (!existsSync(snapshotPath(dir))) {
    throw new LabError('usage', `${dir} holds no study.yaml; report wants the folder of a study`);
  }
  const config = printConfig(loadConfig([snapshotPath(dir)]));
  await fitAndPrint(path.resolve(dir), records, { ...options, command: `scaling-lab report ${dir}`, config, startMs });
  return EXIT.ok;
}

interface PrintOptions extends OutputOptions {
  command: string;
  /** The resolved study as text. */
  config: string;
  startMs: number;
}

async function fitAndPrint(dir: string, records: readonly RunRecord[], options: PrintOptions): Promise<void> {
  const { config } = loadConfig([snapshotPath(dir)]);
  const { name, description = '', fit, seed, claims: asked, switches: followed } = config;
  const { command, config: text, startMs } = options;
  const input = { name, description, command, config: text, fit, seed, claims: asked, switches: followed };
  const { groups, claims, freezing, switches, forecasts, report } = await finishStudy(dir, records, input);
  const seconds = (performance.now() - startMs) / 1000;
  const value = {
    schema_version: SCHEMA_VERSION,
    report,
    seconds,
    groups: groups.map(plainGroup),
    claims,
    switches,
    forecasts,
  };
  printResult(options, value, () => {
    const parts = [
      formatSummary(groups),
      ...[claimLines(claims, freezing), switchLines(switches), forecastLines(forecasts)].map((lines) =>
        lines.join('\n'),
      ),
    ];
    const end = `report: ${path.relative('', report)}  (${formatDuration(seconds)})`;
    return [...parts.filter((part) => part !== ''), end].join('\n\n');
  });
}

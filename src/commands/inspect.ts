/** @file `status`, `export`, `corpus`, `schema`: what is on disk, and in which form it leaves. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { jsonSchema, loadConfig } from '../config/config.ts';
import { writeCorpus } from '../data/data.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatCount } from '../lib/format.ts';
import {
  archiveSweep,
  type ExportFormat,
  exportSweep,
  listSweeps,
  readSweep,
  statusLines,
  sweepStatus,
  writeFileAtomic,
} from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { type QueueStatus, queueStatus } from '../sweep/sweep.ts';
import type { OutputOptions, StudyOptions } from './options.ts';
import { note, printResult } from './output.ts';

/** `status [DIR]`: one study's folder, or every study under a runs folder; with the tasks that Slurm still has of it. */
export async function statusCommand(dir: string, options: OutputOptions): Promise<number> {
  const sweeps = listSweeps(dir);
  const folders = sweeps.length > 0 ? sweeps.map((name) => path.join(dir, name)) : [dir];
  const all = await Promise.all(folders.map(async (d) => ({ ...sweepStatus(d), slurm: await queueStatus(d) })));
  if (sweeps.length === 0 && all[0]!.num_runs === 0) {
    note(options, `no study in ${dir} yet; start one with scaling-lab study CONFIG`);
  }
  const value = all.length === 1 && sweeps.length === 0 ? all[0]! : { schema_version: SCHEMA_VERSION, sweeps: all };
  printResult(options, value, () =>
    all.map((s) => [...statusLines(s, { nowMs: Date.now() }), ...queueLines(s.slurm)].join('\n')).join('\n\n'),
  );
  return EXIT.ok;
}

function queueLines(queue: QueueStatus | null): string[] {
  if (queue === null) return [];
  const { num_running, num_waiting, job_ids, advice, unknown } = queue;
  if (unknown !== null) return [`Slurm: was handed runs, and cannot be asked from here how they stand: ${unknown}`];
  const jobs = job_ids.length === 0 ? '' : ` (${job_ids.length === 1 ? 'job' : 'jobs'} ${job_ids.join(', ')})`;
  return [`Slurm: ${num_running} tasks running, ${num_waiting} waiting${jobs}`, ...advice.map((line) => `  ${line}`)];
}

/** `export DIR --format F`: the records and metrics in another format. */
export async function exportCommand(
  dir: string,
  options: OutputOptions & { format: ExportFormat; out?: string },
): Promise<number> {
  const { format, out } = options;
  const { records, problems } = readSweep(dir);
  if (records.length === 0) {
    for (const { message } of problems) note(options, `warning: ${message}`);
    throw new LabError('too_little_data', `${dir} holds no runs: there is nothing to export`);
  }
  const result = await exportSweep({ dir, format, ...(out === undefined ? {} : { out }) });
  for (const { message } of result.problems) note(options, `warning: ${message}`);
  printResult(options, result, () => result.files.map((file) => file.path).join('\n'));
  return EXIT.ok;
}

/** `archive DIR --out DIR`: plan, study, claims and records, without weights and step logs. */
export function archiveCommand(dir: string, options: OutputOptions & { out: string }): number {
  const { files, num_runs, problems } = archiveSweep(dir, options.out);
  for (const { message } of problems) note(options, `warning: ${message}`);
  printResult(options, { schema_version: SCHEMA_VERSION, num_runs, files }, () => files.join('\n'));
  return EXIT.ok;
}

/** `corpus CONFIG --out DIR`: the study's corpus as train.bin, val.bin and tokenizer.json. */
export function corpusCommand(
  files: string[],
  options: StudyOptions & { out: string; trainTokens?: number; seed?: number },
): number {
  const { config } = loadConfig(files, options.set);
  const { trainTokens: train_tokens, seed } = options;
  const summary = writeCorpus(config.data, options.out, {
    ...(train_tokens === undefined ? {} : { train_tokens }),
    ...(seed === undefined ? {} : { seed }),
  });
  printResult(options, summary, () =>
    Object.entries(summary)
      .map(([key, value]) => `${key}: ${typeof value === 'number' ? formatCount(value, 6) : JSON.stringify(value)}`)
      .join('\n'),
  );
  return EXIT.ok;
}

/** `schema [FILE]`: the JSON Schema of a study file, printed or written. */
export function schemaCommand(file: string | undefined): number {
  if (file === undefined) process.stdout.write(jsonSchema());
  else {
    const dir = path.dirname(file);
    if (!existsSync(dir)) throw new LabError('usage', `cannot write ${file}: there is no folder ${dir}; make it first`);
    writeFileAtomic(file, jsonSchema());
  }
  return EXIT.ok;
}

/** @file `verify DIR`: whether everything that a study left on disk is whole and agrees. */
import path from 'node:path';
import { EXIT } from '../lib/errors.ts';
import { formatDuration } from '../lib/format.ts';
import { countLine, listSweeps, RULES, type Verification, verifySweep } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { countFlops, countParams, paramShapes } from '../model/size.ts';
import type { OutputOptions } from './options.ts';
import { printResult } from './output.ts';

/** Findings that are printed for people; `--json` gives all. */
const MAX_LISTED = 50;

/** Checks a study's folder, or every study of a runs folder. Exits 8 where anything is wrong. */
export function verifyCommand(dir: string, options: OutputOptions): number {
  const startMs = performance.now();
  const sweeps = listSweeps(dir);
  const folders = sweeps.length > 0 ? sweeps.map((name) => path.join(dir, name)) : [dir];
  const all = folders.map((folder) => verifySweep(folder, { countFlops, countParams, paramShapes }));
  const is_sound = all.every((one) => one.is_sound);
  const seconds = (performance.now() - startMs) / 1000;
  const value = sweeps.length > 0 ? { schema_version: SCHEMA_VERSION, is_sound, sweeps: all } : all[0]!;
  printResult(options, { ...value, seconds }, () =>
    [...all.map(describe), `checked in ${formatDuration(seconds)}`].join('\n\n'),
  );
  return is_sound ? EXIT.ok : EXIT.storage;
}

function describe(found: Verification): string {
  const { dir, counts, num_planned, num_records, num_metric_rows, num_checkpoints, problems, notes } = found;
  const of = num_planned === null ? '' : ` of ${num_planned} planned`;
  const read = `${num_records} records, ${num_metric_rows} metric rows, ${num_checkpoints} checkpoints`;
  const lines = [dir, `${countLine(counts)}${of}; read ${read}`];
  for (const { rule, path: file, message } of problems.slice(0, MAX_LISTED)) {
    lines.push(`${rule}: ${place(file, message)}${message}`, `  rule: ${RULES[rule]}`);
  }
  if (problems.length > MAX_LISTED) lines.push(`and ${problems.length - MAX_LISTED} more (--json lists all)`);
  for (const { path: file, message } of notes.slice(0, MAX_LISTED)) {
    lines.push(`note: ${place(file, message)}${message}`);
  }
  if (notes.length > MAX_LISTED) lines.push(`and ${notes.length - MAX_LISTED} more notes (--json lists all)`);
  lines.push(problems.length === 0 ? 'nothing is wrong' : `${problems.length} problems`);
  return lines.join('\n');
}

/** Some messages name their file themselves. */
const place = (file: string, message: string) => (message.includes(file) ? '' : `${file}: `);

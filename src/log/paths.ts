/** @file Where a sweep's files lie: runs/<sweep>/plan.json, runs/<sweep>/<run_id>/run.json and so on.
 * The one place that knows the layout; everything that reads or writes a run asks here for the path. Names that
 * come from a file or a user are checked first, so that none can point outside its folder.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LabError, storageError } from '../lib/errors.ts';

/** A letter or digit, then letters, digits, `.`, `_`, `-`: a plain file name on every system, never `..`. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const CHECKPOINT = /^checkpoint-(\d+)\.safetensors$/;

/** `name` where it is a plain folder name, at most 128 characters; else throws `usage`, naming `what` it is. */
export function checkName(what: 'run_id' | 'sweep' | 'group', name: string): string {
  if (SAFE_NAME.test(name) && !name.endsWith('.')) return name;
  const rule = 'use letters, digits, ".", "_" and "-", a letter or digit first, no dot last, at most 128 characters';
  throw new LabError('usage', `invalid ${what}: ${JSON.stringify(name)} is not a plain folder name; ${rule}`);
}

/** Folder of the sweep named `sweep` under the runs folder. Throws `usage` on a name that would escape it. */
export const sweepPath = (runsFolder: string, sweep: string): string => join(runsFolder, checkName('sweep', sweep));

/** Folder of one run. Throws `usage` on a run_id that would escape the sweep's folder. */
export const runPath = (sweepDir: string, runId: string): string => join(sweepDir, checkName('run_id', runId));

/** Every run of the sweep, every number resolved. */
export const planPath = (sweepDir: string): string => join(sweepDir, 'plan.json');

/** The records of an archived sweep, one a line, in place of the runs' folders. */
export const archivePath = (sweepDir: string): string => join(sweepDir, 'runs.jsonl');

/** The study as it was resolved, kept beside its runs: `report` reads it, and it is itself a study file. */
export const snapshotPath = (sweepDir: string): string => join(sweepDir, 'study.yaml');

/** What the fits of the sweep found. */
export const fitPath = (sweepDir: string): string => join(sweepDir, 'fit.json');

/** The RunRecord of the run in `runDir`. */
export const recordPath = (runDir: string): string => join(runDir, 'run.json');

/** The run's logged steps and evaluations, one JSON object a line. */
export const metricsPath = (runDir: string): string => join(runDir, 'metrics.jsonl');

/** The checkpoint after `step` steps; zero-padded, so that names sort by step. */
export function checkpointPath(runDir: string, step: number): string {
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`invalid step: ${step} is not a whole number >= 0`);
  return join(runDir, `checkpoint-${String(step).padStart(8, '0')}.safetensors`);
}

export interface CheckpointFile {
  step: number;
  path: string;
}

/** The checkpoints in `runDir`, the latest first; none where there is no such folder. Throws `storage`. */
export function listCheckpoints(runDir: string): CheckpointFile[] {
  const found: CheckpointFile[] = [];
  for (const name of namesIn(runDir)) {
    const step = CHECKPOINT.exec(name)?.[1];
    if (step !== undefined) found.push({ step: Number(step), path: join(runDir, name) });
  }
  return found.sort((a, b) => b.step - a.step);
}

/** Names in a folder, sorted by code unit; none where there is no such folder. Throws `storage`. */
export function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, dir, 'read');
  }
}

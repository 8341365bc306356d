/** @file A submission before it is submitted: its tasks, its arrays and their scripts (pure but for the place of our own
 * program). The same text is shown by --dry-run and handed to sbatch.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SCHEMA_VERSION } from '../../log/record.ts';
import type { FoundRun } from '../folder.ts';
import { groupRuns, splitArrays } from './arrays.ts';
import { checkPath, plainName } from './quote.ts';
import { hasGpu, type SlurmRequest } from './request.ts';
import { batchScript } from './script.ts';
import { type Submission, slurmDir } from './submission.ts';

/** How the tasks train. */
export interface TaskSettings {
  backend: string;
  threads: number;
  adapter: string | null;
  cache_dir: string;
  checkpoint_seconds: number;
}

export interface PrepareOptions {
  id: string;
  /** Name of the study. */
  study: string;
  out_dir: string;
  work_dir: string;
  /** What is left to do, in the order to start it. */
  runs: readonly FoundRun[];
  request: SlurmRequest;
  settings: TaskSettings;
  max_array_size: number;
}

export interface PreparedSubmission {
  submission: Submission;
  /** One for each array. */
  scripts: { path: string; text: string }[];
}

/** The compiled command line: beside this file, or from TypeScript sources the one in dist/. */
function ownProgram(): [string, string] {
  const here = import.meta.url;
  const url = here.endsWith('.ts') ? new URL('../../../dist/cli.js', here) : new URL('../../cli.js', here);
  return [process.execPath, fileURLToPath(url)];
}

/** The submission of `runs` with its scripts. Throws `usage` where a path cannot stand in a script. */
export function prepareSubmission(options: PrepareOptions): PreparedSubmission {
  const { id, study, out_dir, work_dir, runs, request, settings, max_array_size } = options;
  const program = ownProgram();
  checkPath('--out', out_dir);
  checkPath('working folder', work_dir);
  for (const path of program) checkPath('path of the program', path);
  const tasks = groupRuns(runs, request.runs_per_task ?? 1);
  const arrays = splitArrays(tasks.length, max_array_size).map((array, i) => ({
    name: `${plainName(study)}-${id}-${i + 1}`,
    ...array,
  }));
  const submission: Submission = {
    schema_version: SCHEMA_VERSION,
    id,
    submitted_at: new Date().toISOString(),
    closed_at: null,
    ...settings,
    has_gpu: hasGpu(request),
    arrays,
    tasks: tasks.map((task) =>
      task.map(({ run, record }) => ({ run_id: run.run_id, updated_at: record?.updated_at ?? null })),
    ),
  };
  const { threads } = settings;
  const common = { request, threads, out_dir, work_dir, log_dir: logDir(out_dir), submission: id, program };
  const scripts = arrays.map((array, i) => ({
    path: join(slurmDir(out_dir), `${id}-${i + 1}.sh`),
    text: batchScript({ ...common, ...array }),
  }));
  return { submission, scripts };
}

/** Folder of the tasks' output. */
export const logDir = (out_dir: string): string => join(slurmDir(out_dir), 'logs');

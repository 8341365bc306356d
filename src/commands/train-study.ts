/** @file `plan`, `train` and `sweep`: from a study file to trained runs. */
import path from 'node:path';
import { loadConfig, printConfig } from '../config/config.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatDuration, formatNumber } from '../lib/format.ts';
import { writeFileAtomic } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { formatPlan } from '../plan/plan.ts';
import { freezeClaims } from '../study/study.ts';
import { runSweep, type SweepResult } from '../sweep/sweep.ts';
import type { TrainOptions } from './options.ts';
import { isColor, note, printResult, progressKind } from './output.ts';
import { type PlannedStudy, planFiles, printedConfig } from './plan-study.ts';

/** Ids of the runs that are done already. */
const finishedIds = ({ records }: PlannedStudy) =>
  new Set(records.filter(({ status }) => status === 'finished').map(({ run_id }) => run_id));

function printPlan(study: PlannedStudy, options: TrainOptions): void {
  const finished = finishedIds(study);
  const value = { ...study.plan, finished: study.plan.runs.map((r) => r.run_id).filter((id) => finished.has(id)) };
  printResult(options, value, () => formatPlan(study.plan, finished));
}

/** `plan CONFIG...`: the runs and what they cost; writes no run. */
export async function planCommand(files: string[], options: TrainOptions): Promise<number> {
  if (printedConfig(files, options)) return EXIT.ok;
  printPlan(await planFiles(files, options), options);
  return EXIT.ok;
}

/** The study as it was resolved, kept beside its runs: `report` reads it, and it is itself a study file. */
export const snapshotPath = (dir: string) => path.join(dir, 'study.yaml');

/** Trains what is left of the planned study of `files`. */
export async function sweepStudy(study: PlannedStudy, files: string[], options: TrainOptions): Promise<SweepResult> {
  const { config, plan, out_dir, cache_dir } = study;
  const backend = options.backend ?? config.backend;
  // A name that is not there must not leave a folder behind.
  if (backend !== 'auto') await (await import('../backend/backend.ts')).resolveBackend(backend, options);
  freezeClaims(out_dir, config.claims, finishedIds(study).size);
  const result = await runSweep({
    plan,
    out_dir,
    cache_dir,
    backend,
    // What the study says of cores is not for cards.
    workers: options.workers ?? (options.devices === undefined ? config.workers : undefined),
    devices: options.devices,
    slots_per_device: options.slotsPerDevice,
    threads: options.threads,
    adapter: options.adapter,
    progress: progressKind(options),
    is_color: isColor(options),
    ...(options.checkpointSeconds === undefined ? {} : { checkpoint_seconds: options.checkpointSeconds }),
  });
  writeFileAtomic(snapshotPath(out_dir), printConfig(loadConfig(files, options.set)));
  return result;
}

/** Exit code of a sweep: interrupted, some runs failed (or diverged), or ok. */
export function sweepExit({ interrupted, counts }: SweepResult): number {
  if (interrupted) return EXIT[interrupted.exit];
  return (counts.failed ?? 0) + (counts.diverged ?? 0) > 0 ? EXIT.runs_failed : EXIT.ok;
}

/** Why runs ended without a result, a line each. */
export function failureLines({ records }: SweepResult): string[] {
  return records
    .filter(({ status }) => status === 'failed' || status === 'diverged')
    .map(({ run_id, status, error }) => `${status}: ${run_id}: ${error ?? 'no reason recorded'}`);
}

/** `sweep CONFIG...` and `train CONFIG...`: trains all runs; `train` wants exactly one. */
export async function sweepCommand(files: string[], options: TrainOptions, { only_one = false } = {}): Promise<number> {
  if (printedConfig(files, options)) return EXIT.ok;
  const study = await planFiles(files, options);
  if (only_one && study.plan.runs.length !== 1) {
    throw new LabError(
      'usage',
      `train wants a study of one run, this one has ${study.plan.runs.length}; use sweep, or narrow it with --set`,
    );
  }
  if (options.dryRun) {
    printPlan(study, options);
    return EXIT.ok;
  }
  const result = await sweepStudy(study, files, options);
  for (const line of failureLines(result)) note(options, line);
  const { counts, wall_seconds, num_skipped } = result;
  printResult(options, { schema_version: SCHEMA_VERSION, out_dir: study.out_dir, ...result }, () => {
    const parts = Object.entries(counts).map(([status, count]) => `${count} ${status}`);
    const losses = only_one ? result.records.map((r) => `val loss ${formatNumber(r.val_loss)} nats a token`) : [];
    const skipped = num_skipped > 0 ? [`${num_skipped} done before`] : [];
    const lines = [`${[...parts, ...skipped, ...losses].join(', ')} in ${formatDuration(wall_seconds)}`, study.out_dir];
    if (result.interrupted) lines.push('stopped; start the same command again to go on');
    return lines.join('\n');
  });
  return sweepExit(result);
}

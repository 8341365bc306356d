/** @file `plan`, `train` and `sweep`: from a study file to trained runs. */
import { loadConfig, printConfig } from '../config/config.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatDuration, formatNumber } from '../lib/format.ts';
import { snapshotPath, writeFileAtomic } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { formatPlan, remainingPlan } from '../plan/plan.ts';
import { freezeClaims, freezeForecasts, hasForecasts, isForecast } from '../study/study.ts';
import { runSlurmSweep, runSweep, type SlurmRequest, type SweepResult, slurmPreview } from '../sweep/sweep.ts';
import type { TrainOptions } from './options.ts';
import { isColor, note, printResult, progressKind } from './output.ts';
import { type PlannedStudy, planFiles, printedConfig } from './plan-study.ts';
import { slurmRequest } from './slurm-options.ts';

function printPlan(study: PlannedStudy, options: TrainOptions): void {
  const { plan, finished } = study;
  const value = { ...plan, finished: plan.runs.map((r) => r.run_id).filter((id) => finished.has(id)) };
  printResult(options, value, () => formatPlan(plan, finished));
}

/** `--dry-run`: what would be trained, and how it would be handed to a cluster; writes nothing. */
export async function dryRun(study: PlannedStudy, options: TrainOptions): Promise<number> {
  const request = slurmRequest(options);
  if (request === null) printPlan(study, options);
  else await printSlurmPlan(study, options, request);
  return EXIT.ok;
}

/** The plan with the batch scripts that would train what is left of it. */
async function printSlurmPlan(study: PlannedStudy, options: TrainOptions, request: SlurmRequest): Promise<void> {
  const { plan, out_dir } = study;
  const { notes, ...slurm } = await slurmPreview(plan, { out_dir, request, settings: taskSettings(study, options) });
  for (const text of notes) note(options, text);
  printResult(options, { ...plan, slurm }, () => {
    const scripts = slurm.scripts.map(({ path: file, text }) => `${file}\n\n${text}`);
    const arrays = `${slurm.num_tasks} tasks in ${scripts.length} ${scripts.length === 1 ? 'array' : 'arrays'}`;
    return [formatPlan(plan, study.finished), `Slurm: ${arrays}`, ...scripts].join('\n\n');
  });
}

/** `plan CONFIG...`: the runs and what they cost; writes no run. */
export async function planCommand(files: string[], options: TrainOptions): Promise<number> {
  if (printedConfig(files, options)) return EXIT.ok;
  printPlan(await planFiles(files, options), options);
  return EXIT.ok;
}

/** Trains what is left of the planned study of `files`. */
export async function sweepStudy(study: PlannedStudy, files: string[], options: TrainOptions): Promise<SweepResult> {
  const { config, out_dir } = study;
  const request = slurmRequest(options);
  const backend = options.backend ?? config.backend;
  // A name that is not there must not leave a folder behind. Another machine of a cluster may have what this one lacks.
  if (backend !== 'auto' && request === null)
    await (await import('../backend/backend.ts')).resolveBackend(backend, options);
  freezeClaims(out_dir, config.claims, study.finished.size);
  const shown = { progress: progressKind(options), is_color: isColor(options) };
  const train = (part: PlannedStudy) =>
    request === null
      ? runHere(part, options, { backend, ...shown })
      : runSlurmSweep({
          plan: part.plan,
          out_dir,
          request,
          settings: taskSettings(study, options),
          poll_seconds: options.pollSeconds,
          ...shown,
        });
  const result = await inOrder(study, train);
  writeFileAtomic(snapshotPath(out_dir), printConfig(loadConfig(files, options.set)));
  return result;
}

/** Trains the plan; where forecasts are asked for, the runs that they are made from first, then the predicted ones. */
async function inOrder(study: PlannedStudy, train: (part: PlannedStudy) => Promise<SweepResult>): Promise<SweepResult> {
  const { config, plan, out_dir } = study;
  const waiting = new Set(plan.runs.filter((run) => isForecast(run, config.forecasts)).map(({ run_id }) => run_id));
  if (waiting.size > 0 && !hasForecasts(out_dir)) {
    const first = await train({ ...study, plan: remainingPlan(plan, waiting) });
    if (first.interrupted) return first;
    const { bootstrap } = config.fit;
    freezeForecasts(out_dir, config.forecasts, plan.runs, { bootstrap, seed: config.seed });
    const rest = await train(study);
    // What the first part trained is no run "done before".
    const num_early = [...study.finished].filter((id) => waiting.has(id)).length;
    const wall_seconds = first.wall_seconds + rest.wall_seconds;
    return { ...rest, num_skipped: first.num_skipped + num_early, wall_seconds };
  }
  return train(study);
}

/** How the tasks of a cluster train. */
const taskSettings = ({ config, cache_dir }: PlannedStudy, options: TrainOptions) => ({
  backend: options.backend ?? config.backend,
  threads: options.threads ?? 1,
  adapter: options.adapter ?? null,
  cache_dir,
  checkpoint_seconds: options.checkpointSeconds ?? 60,
});

function runHere(
  { config, plan, out_dir, cache_dir }: PlannedStudy,
  options: TrainOptions,
  shown: { backend: string; progress: ReturnType<typeof progressKind>; is_color: boolean },
): Promise<SweepResult> {
  return runSweep({
    plan,
    out_dir,
    cache_dir,
    ...shown,
    // What the study says of cores is not for cards.
    workers: options.workers ?? (options.devices === undefined ? config.workers : undefined),
    devices: options.devices,
    slots_per_device: options.slotsPerDevice,
    threads: options.threads,
    adapter: options.adapter,
    ...(options.checkpointSeconds === undefined ? {} : { checkpoint_seconds: options.checkpointSeconds }),
    ...(options.hangSeconds === undefined ? {} : { hang_seconds: options.hangSeconds }),
  });
}

/** Exit code of a sweep: interrupted, some runs have no result (on a cluster also since others cancelled them), or ok. */
export function sweepExit({ interrupted, counts }: SweepResult): number {
  if (interrupted) return EXIT[interrupted.exit];
  return Object.keys(counts).some((status) => status !== 'finished') ? EXIT.runs_failed : EXIT.ok;
}

/** Why runs ended without a result, a line each. */
export function failureLines({ records, interrupted }: SweepResult): string[] {
  return records
    .filter(({ status }) => status === 'failed' || status === 'diverged' || (status === 'cancelled' && !interrupted))
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
  if (options.dryRun) return dryRun(study, options);
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

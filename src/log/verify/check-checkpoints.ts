/** @file Checks of a run's checkpoints: whole, of this run, at a row's end, with the model's tensors. */
import type { RunSpec } from '../../config/config.ts';
import { LabError } from '../../lib/errors.ts';
import { type Checkpoint, readCheckpoint } from '../checkpoint.ts';
import { listCheckpoints } from '../paths.ts';
import type { RunRecord } from '../record.ts';
import type { Counter } from './check-record.ts';
import { rowEndsAt } from './check-rows.ts';
import type { Report } from './finding.ts';

/** Where a checkpoint keeps parameters and the moments of each. */
const PREFIXES = ['', 'adamw.m.', 'adamw.v.'];

/** Checks every checkpoint in `dir`; returns how many there are. */
export function checkCheckpoints(
  dir: string,
  { record, spec, counter, report }: { record: RunRecord; spec: RunSpec; counter: Counter; report: Report },
): number {
  const files = listCheckpoints(dir);
  for (const { path, step } of files) {
    let checkpoint: Checkpoint;
    try {
      checkpoint = readCheckpoint(path);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      report(path, 'checkpoint_damaged', error.message);
      continue;
    }
    const { state, tensors } = checkpoint;
    if (state.config_hash !== record.config_hash) {
      report(path, 'checkpoint_foreign', `config_hash is ${state.config_hash}, the run's is ${record.config_hash}`);
      continue;
    }
    if (state.step !== step) report(path, 'checkpoint_foreign', `it is of step ${state.step}, not of ${step}`);
    if (state.step > record.num_steps) {
      report(path, 'checkpoint_foreign', `step ${state.step} lies beyond num_steps ${record.num_steps}`);
    }
    if (!rowEndsAt(dir, state.metrics_bytes)) {
      report(path, 'checkpoint_rows', `no row of metrics.jsonl ends at byte ${state.metrics_bytes}`);
    }
    const fault = shapeFault(tensors, counter.paramShapes(spec.model));
    if (fault !== null) report(path, 'checkpoint_shapes', fault);
  }
  return files.length;
}

function shapeFault(tensors: Checkpoint['tensors'], shapes: Record<string, number[]>): string | null {
  const wanted = Object.entries(shapes).flatMap(([name, shape]) => PREFIXES.map((p) => [p + name, shape] as const));
  for (const [name, shape] of wanted) {
    const stored = tensors[name];
    if (stored === undefined) return `tensor ${name} is missing`;
    if (stored.shape.join() !== shape.join()) return `tensor ${name} has shape [${stored.shape}], not [${shape}]`;
  }
  const num = Object.keys(tensors).length;
  return num === wanted.length ? null : `${num} tensors, the model has ${wanted.length} with its moments`;
}

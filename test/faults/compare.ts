/** @file Holds a sweep that was disturbed against one that was not: what they trained must be the same bits.
 * Speeds, times and counts of resumes differ between any two sweeps and are left out.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listCheckpoints, readCheckpoint, readMetrics, readRecord, verifySweep } from '../../src/log/log.ts';
import { countFlops, countParams, paramShapes } from '../../src/model/size.ts';

/** What a run left, as far as it is a function of its config. */
interface Trained {
  rows: string[];
  /** Record, and the checkpoint of the last step with its tensors. */
  rest: Record<string, string>;
}

export interface Comparison {
  /** What differs, for people; none where all is well. */
  faults: string[];
  /** Bytes of the reference's rows that are not there. */
  bytes_lost: number;
}

/** Folders of the runs in `dir`. */
export const runIds = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** What differs between the finished sweeps in `reference` and `dir`, and what `verify` finds in `dir`. */
export function compareSweeps(reference: string, dir: string): Comparison {
  const faults = problemsIn(dir).map(({ path, message }) => `verify: ${path}: ${message}`);
  faults.push(...leftovers(dir).map((name) => `left behind: ${name}`));
  if (runIds(dir).join() !== runIds(reference).join()) faults.push(`other runs: ${runIds(dir).join(', ')}`);
  let bytes_lost = 0;
  for (const run_id of runIds(reference)) {
    const [wanted, found] = [trained(join(reference, run_id)), trained(join(dir, run_id))];
    const there = new Set(found.rows);
    const lost = wanted.rows.filter((row) => !there.has(row));
    bytes_lost += lost.reduce((sum, row) => sum + Buffer.byteLength(row) + 1, 0);
    if (lost.length > 0) faults.push(`${run_id}: ${lost.length} rows are missing or differ, the first ${lost[0]}`);
    if (found.rows.length !== wanted.rows.length) {
      faults.push(`${run_id}: ${found.rows.length} rows instead of ${wanted.rows.length}`);
    }
    for (const [name, value] of Object.entries(wanted.rest)) {
      if (found.rest[name] !== value) faults.push(`${run_id}: ${name} is ${found.rest[name]}, not ${value}`);
    }
  }
  return { faults, bytes_lost };
}

/** What `verify` finds wrong. */
export const problemsIn = (dir: string) => verifySweep(dir, { countFlops, countParams, paramShapes }).problems;

/** Every file below `dir` that a sweep does not leave when it ends. */
function leftovers(dir: string): string[] {
  const kept = /^(plan\.json|study\.yaml|run\.json|metrics\.jsonl|checkpoint-\d+\.safetensors)$/;
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory() && !kept.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function trained(dir: string): Trained {
  const rows = [...readMetrics(dir)].map(({ tokens_per_second, ...row }) => JSON.stringify(row));
  const record = readRecord(dir);
  const checkpoint = listCheckpoints(dir)[0];
  const tensors = Object.entries(checkpoint === undefined ? {} : readCheckpoint(checkpoint.path).tensors);
  const hash = createHash('sha256');
  for (const [name, { values }] of tensors) {
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const { status, step, error, val_loss, train_loss, eval_curve } = record ?? {};
  const rest = { status, step, error, val_loss, train_loss, eval_curve, checkpoint_step: checkpoint?.step };
  return {
    rows,
    rest: {
      ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, JSON.stringify(value)])),
      weights_sha256: hash.digest('hex'),
    },
  };
}

/** @file Checkpoints: weights, AdamW moments, step and the length of metrics.jsonl, in one safetensors file.
 * The last two are kept. Each carries the SHA-256 of its tensors; one that is torn or altered is passed over for
 * the one before it. Batches are a function of seed and step, so nothing random is stored, and a resumed run is bit
 * for bit the run that was never stopped, on the same backend and instruction set.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { LabError, storageError } from '../lib/errors.ts';
import { checkpointPath, listCheckpoints, writeFileAtomic } from '../log/log.ts';
import type { EvalPoint } from '../log/record.ts';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensors.ts';

const NUM_KEPT = 2;

/** What a checkpoint says beside its tensors. */
export interface CheckpointState {
  step: number;
  config_hash: string;
  backend: string;
  instruction_set: string;
  /** Bytes of metrics.jsonl that belong to these steps. */
  metrics_bytes: number;
  /** Training loss summed over the steps since the last row, and the mean of the last row. */
  loss_sum: number;
  train_loss: number | null;
  eval_curve: EvalPoint[];
  train_seconds: number;
  wall_seconds: number;
  num_resumes: number;
}

export interface Checkpoint {
  state: CheckpointState;
  /** Parameters by name, moments as `adamw.m.<name>` and `adamw.v.<name>`. */
  tensors: Record<string, StoredTensor>;
}

/** SHA-256 over the values of all tensors in their order, and over what is stored beside them. */
function checksum(tensors: Record<string, StoredTensor>, state: string): string {
  const hash = createHash('sha256').update(state);
  for (const [name, { values }] of Object.entries(tensors)) {
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/** Writes the checkpoint of `state.step` into `runDir` and removes all but the last two. Throws `storage`. */
export function writeCheckpoint(runDir: string, { state, tensors }: Checkpoint): void {
  const json = JSON.stringify(state);
  const metadata = { format: 'scaling-lab checkpoint 1', state: json, sha256: checksum(tensors, json) };
  writeFileAtomic(checkpointPath(runDir, state.step), encodeSafetensors({ tensors, metadata }));
  for (const { path } of listCheckpoints(runDir).slice(NUM_KEPT)) rmSync(path, { force: true });
}

/** One checkpoint file. Throws `storage` where it is damaged. */
export function readCheckpoint(path: string): Checkpoint {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw storageError(error, path, 'read');
  }
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const json = metadata['state'] ?? '';
  if (metadata['sha256'] !== checksum(tensors, json)) {
    throw new LabError('storage', `damaged file ${path}: its checksum does not match its contents`);
  }
  return { state: JSON.parse(json) as CheckpointState, tensors };
}

/** The latest whole checkpoint in `runDir` that belongs to the run `config_hash`, or null; damaged ones are named in
 * `warnings`. Throws `usage` where it was made on another backend or instruction set. */
export function latestCheckpoint(
  runDir: string,
  { config_hash, backend, instruction_set }: { config_hash: string; backend: string; instruction_set: string },
  warnings: string[],
): Checkpoint | null {
  for (const { path } of listCheckpoints(runDir)) {
    let checkpoint: Checkpoint;
    try {
      checkpoint = readCheckpoint(path);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      warnings.push(`${error.message}; going back to the checkpoint before it`);
      continue;
    }
    const { state } = checkpoint;
    if (state.config_hash !== config_hash) {
      throw new LabError(
        'usage',
        `${path} belongs to another run (config hash ${state.config_hash}, not ${config_hash})`,
      );
    }
    if (state.backend !== backend || state.instruction_set !== instruction_set) {
      const [was, is] = [`${state.backend} (${state.instruction_set})`, `${backend} (${instruction_set})`];
      const rule = 'losses would no longer be reproducible';
      throw new LabError(
        'usage',
        `${path} was trained on ${was}, not ${is}: ${rule}; use --backend ${state.backend}, or delete the run's folder to start it anew`,
      );
    }
    return checkpoint;
  }
  return null;
}

/** @file Checkpoints: weights, AdamW moments, step and the length of metrics.jsonl, in one safetensors file.
 * The last two are kept. Each carries the SHA-256 of its tensors; one that is torn or altered is passed over for
 * the one before it. Batches are a function of seed and step, so nothing random is stored, and a resumed run is bit
 * for bit the run that was never stopped, on the same backend and instruction set.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { LabError, storageError } from '../lib/errors.ts';
import { writeFileAtomic } from './atomic.ts';
import { checkpointPath, listCheckpoints } from './paths.ts';
import { evalPointSchema } from './record.ts';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensors.ts';

const NUM_KEPT = 2;

/** What `format` of a checkpoint says, before its version. */
const FORMAT = 'scaling-lab checkpoint';

/** Raised when a checkpoint would mean something else to an older reader. */
const VERSION = 1;

const whole = z.int().nonnegative();

const checkpointStateSchema = z.looseObject({
  step: whole,
  config_hash: z.string(),
  backend: z.string(),
  instruction_set: z.string(),
  /** Bytes of metrics.jsonl that belong to these steps. */
  metrics_bytes: whole,
  /** Training loss summed over the steps since the last row (JSON has null for one that is not finite), and the mean
   * of the last row. */
  loss_sum: z
    .number()
    .nullable()
    .transform((sum) => sum ?? Number.NaN),
  train_loss: z.number().nullable(),
  eval_curve: z.array(evalPointSchema),
  train_seconds: z.number().nonnegative(),
  wall_seconds: z.number().nonnegative(),
  num_resumes: whole,
});

/** What a checkpoint says beside its tensors. */
export type CheckpointState = z.infer<typeof checkpointStateSchema>;

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
  const metadata = { format: `${FORMAT} ${VERSION}`, state: json, sha256: checksum(tensors, json) };
  writeFileAtomic(checkpointPath(runDir, state.step), encodeSafetensors({ tensors, metadata }));
  for (const { path } of listCheckpoints(runDir).slice(NUM_KEPT)) rmSync(path, { force: true });
}

/** One checkpoint file. Throws `storage` where it is damaged or of a newer version. */
export function readCheckpoint(path: string): Checkpoint {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw storageError(error, path, 'read');
  }
  return decodeCheckpoint(bytes, path);
}

/** The checkpoint in `bytes`; `path` is for messages. Throws `storage` where it is damaged or of a newer version. */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const damaged = (why: string) => new LabError('storage', `damaged file ${path}: ${why}`);
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const version = versionOf(metadata['format']);
  if (version !== null && version > VERSION) {
    const versions = `it has checkpoint version ${version}, this scaling-lab reads up to ${VERSION}`;
    throw new LabError('storage', `cannot read ${path}: ${versions}; use the newer scaling-lab that wrote it`);
  }
  const json = metadata['state'] ?? '';
  if (metadata['sha256'] !== checksum(tensors, json)) throw damaged('its checksum does not match its contents');
  let state: unknown;
  try {
    state = JSON.parse(json);
  } catch {
    throw damaged('what it says beside its tensors is not JSON');
  }
  const checked = checkpointStateSchema.safeParse(state);
  if (checked.success) return { state: checked.data, tensors };
  const faults = checked.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'state'}: ${issue.message}`);
  throw damaged(faults.join('; '));
}

/** The number at the end of `scaling-lab checkpoint 1`; null for anything else. */
function versionOf(format: string | undefined): number | null {
  const [name, version] = [format?.slice(0, FORMAT.length), Number(format?.slice(FORMAT.length))];
  return name === FORMAT && Number.isInteger(version) ? version : null;
}

/** The latest whole checkpoint in `runDir` that belongs to the run `config_hash`, or null; damaged ones are named in
 * `warnings`. Throws `usage` where it was made on another backend or instruction set. */
export function latestCheckpoint(
  runDir: string,
  { config_hash, backend, instruction_set }: { config_hash: string; backend: string; instruction_set: string },
  warnings: string[],
): Checkpoint | null {
  const files = listCheckpoints(runDir);
  for (const [i, { path }] of files.entries()) {
    let checkpoint: Checkpoint;
    try {
      checkpoint = readCheckpoint(path);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      const isLast = i === files.length - 1;
      warnings.push(`${error.message}; ${isLast ? 'starting the run over' : 'going back to the checkpoint before it'}`);
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

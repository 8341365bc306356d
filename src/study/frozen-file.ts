/** @file Files that are written once, before what they speak of is known, and never again: claims and forecasts.
 * Each holds the SHA-256 of its content, so that an edit afterwards shows; `existsSync` and an atomic write keep a second
 * start from replacing it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { canonicalJson } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { writeJsonAtomic } from '../log/log.ts';
import { SCHEMA_VERSION } from '../log/record.ts';

/** What stands beside the content. */
export interface Frozen {
  schema_version: number;
  /** SHA-256 of the content's canonical JSON. */
  sha256: string;
  frozen_at: string;
  /** Runs that were finished already of those that the content speaks of; 0 where all was in order. */
  num_finished: number;
}

/** Writes `content` under `key` unless the file is there already. Throws `storage`. */
export function freeze(file: string, key: string, content: unknown, num_finished: number): void {
  if (existsSync(file)) return;
  const frozen: Frozen = {
    schema_version: SCHEMA_VERSION,
    sha256: contentHash(content),
    frozen_at: new Date().toISOString(),
    num_finished,
  };
  writeJsonAtomic(file, { ...frozen, [key]: content });
}

/** The file with its content; null where there is none. Throws `usage` for a file that is not as it was frozen. */
export function readFrozen<Content>(file: string, key: string): (Frozen & { content: Content }) | null {
  if (!existsSync(file)) return null;
  let read: Frozen & Record<string, unknown>;
  try {
    read = JSON.parse(readFileSync(file, 'utf8')) as Frozen & Record<string, unknown>;
  } catch (error) {
    throw new LabError('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  const { schema_version, sha256, frozen_at, num_finished, [key]: content } = read;
  if (!Array.isArray(content) || sha256 !== contentHash(content)) {
    throw new LabError('usage', `${file} is not what was frozen: its ${key} do not have the hash it names`);
  }
  return { schema_version, sha256, frozen_at, num_finished, content: content as Content };
}

export const contentHash = (content: unknown): string =>
  createHash('sha256').update(canonicalJson(content)).digest('hex');

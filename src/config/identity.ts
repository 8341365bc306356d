/** @file Identity: the canonical JSON of a record, and the SHA-256 that names a run.
 * Two runs are the same run when every number that shapes their training is the same. Labels, paths and the order of a
 * study are not among those: a user's corpus counts by the checksum of its bytes, not by where it lies.
 */
import { createHash } from 'node:crypto';
import type { RunSpec } from './run-spec.ts';

/** JSON with the keys of every object sorted and without spaces; keys whose value is undefined are left out.
 * Throws a TypeError for what JSON cannot say (NaN, infinity, functions): such a value may not enter an identity. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no JSON form`);
  const record = value as Record<string, unknown>;
  let members = '';
  for (const key of Object.keys(record).sort()) {
    const member = record[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** SHA-256 (64 hex digits) of the run's canonical JSON, without the path of a user's corpus. */
export function runHash(spec: RunSpec): string {
  const data: Record<string, unknown> = { ...spec.data };
  delete data.path;
  return createHash('sha256')
    .update(canonicalJson({ ...spec, data }))
    .digest('hex');
}

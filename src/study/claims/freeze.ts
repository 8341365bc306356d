/** @file Claims are written down, with their hash, before a study's first run, and never again: what was asked cannot be
 * fitted to what came out. A study whose claims differ from the frozen ones says so beside every verdict.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Claim, canonicalJson } from '../../config/config.ts';
import { LabError } from '../../lib/errors.ts';
import { writeJsonAtomic } from '../../log/log.ts';
import { SCHEMA_VERSION } from '../../log/record.ts';

/** `claims.json` of a study's folder. */
export interface FrozenClaims {
  schema_version: number;
  /** SHA-256 of the canonical JSON of `claims`. */
  sha256: string;
  frozen_at: string;
  /** Runs of the study that were finished already; 0 where all was in order. */
  num_finished: number;
  claims: readonly Claim[];
}

/** How the claims of a study stand to the frozen ones. */
export interface Freezing {
  sha256: string;
  frozen_at: string;
  num_finished: number;
  /** Names of claims that were added, dropped or changed since; empty where none was. */
  changed: string[];
}

const pathOf = (dir: string): string => path.join(dir, 'claims.json');

/** Writes the claims into `dir` unless some are frozen there already. Throws `storage`. */
export function freezeClaims(dir: string, claims: readonly Claim[], num_finished: number): void {
  if (claims.length === 0 || existsSync(pathOf(dir))) return;
  const frozen: FrozenClaims = {
    schema_version: SCHEMA_VERSION,
    sha256: hashOf(claims),
    frozen_at: new Date().toISOString(),
    num_finished,
    claims,
  };
  writeJsonAtomic(pathOf(dir), frozen);
}

/** Compares `claims` with those frozen in `dir`; null where none are. Throws `usage` for a file that is not one. */
export function frozenIn(dir: string, claims: readonly Claim[]): Freezing | null {
  if (!existsSync(pathOf(dir))) return null;
  const frozen = readFrozen(pathOf(dir));
  const before = new Map(frozen.claims.map((claim) => [claim.name, hashOf([claim])]));
  const now = new Map(claims.map((claim) => [claim.name, hashOf([claim])]));
  const names = new Set([...before.keys(), ...now.keys()]);
  const { sha256, frozen_at, num_finished } = frozen;
  return { sha256, frozen_at, num_finished, changed: [...names].filter((name) => before.get(name) !== now.get(name)) };
}

function readFrozen(file: string): FrozenClaims {
  let frozen: FrozenClaims;
  try {
    frozen = JSON.parse(readFileSync(file, 'utf8')) as FrozenClaims;
  } catch (error) {
    throw new LabError('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(frozen.claims) || frozen.sha256 !== hashOf(frozen.claims)) {
    throw new LabError('usage', `${file} is not what was frozen: its claims do not have the hash it names`);
  }
  return frozen;
}

const hashOf = (claims: readonly Claim[]): string => createHash('sha256').update(canonicalJson(claims)).digest('hex');

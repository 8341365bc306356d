/** @file Claims are written down, with their hash, before a study's first run, and never again: what was asked cannot be
 * fitted to what came out. A study whose claims differ from the frozen ones says so beside every verdict.
 */
import path from 'node:path';
import type { Claim } from '../../config/config.ts';
import { contentHash, freeze, readFrozen } from '../frozen-file.ts';

/** How the claims of a study stand to the frozen ones. */
export interface Freezing {
  sha256: string;
  frozen_at: string;
  /** Runs of the study that were finished already; 0 where all was in order. */
  num_finished: number;
  /** Names of claims that were added, dropped or changed since; empty where none was. */
  changed: string[];
}

const pathOf = (dir: string): string => path.join(dir, 'claims.json');

/** Writes the claims into `dir` unless some are frozen there already. Throws `storage`. */
export function freezeClaims(dir: string, claims: readonly Claim[], num_finished: number): void {
  if (claims.length > 0) freeze(pathOf(dir), 'claims', claims, num_finished);
}

/** Compares `claims` with those frozen in `dir`; null where none are. Throws `usage` for a file that is not one. */
export function frozenIn(dir: string, claims: readonly Claim[]): Freezing | null {
  const frozen = readFrozen<Claim[]>(pathOf(dir), 'claims');
  if (frozen === null) return null;
  const before = new Map(frozen.content.map((claim) => [claim.name, contentHash([claim])]));
  const now = new Map(claims.map((claim) => [claim.name, contentHash([claim])]));
  const names = new Set([...before.keys(), ...now.keys()]);
  const { sha256, frozen_at, num_finished } = frozen;
  return { sha256, frozen_at, num_finished, changed: [...names].filter((name) => before.get(name) !== now.get(name)) };
}

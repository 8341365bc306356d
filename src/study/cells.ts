/** @file Which runs are of one cell of a study: alike in all of their specification but the seeds, or but the rate too.
 * Cells are told apart by content and labelled, not named by it: the canonical JSON of ten thousand specifications takes
 * longer than the records to read, and 100 MB.
 */
import { groupBy } from '../lib/group-by.ts';
import type { RunRecord } from '../log/record.ts';

/** The cell of each record: 0 for the first one's, 1 for the next cell met. */
export function cellLabels(records: readonly RunRecord[], { without_rate = false } = {}): number[] {
  const known = new Map<number, { content: object; label: number }[]>();
  let count = 0;
  return records.map((record) => {
    const content = contentOf(record, without_rate);
    const hash = hashOf(content);
    const alike = known.get(hash) ?? [];
    const found = alike.find((cell) => isSame(cell.content, content));
    if (found) return found.label;
    known.set(hash, [...alike, { content, label: count }]);
    return count++;
  });
}

/** The records of each cell, in the order in which cells are met. */
export function byCell(records: readonly RunRecord[], options: { without_rate?: boolean } = {}): RunRecord[][] {
  const labels = cellLabels(records, options);
  return [...groupBy(records, (_, i) => labels[i]!).values()];
}

/** What runs of one cell share. */
function contentOf(record: RunRecord, without_rate: boolean): object {
  const { init_seed: _, data_seed: __, optimizer: ___, ...rest } = record.spec;
  const { learning_rate, ...optimizer } = record.optimizer;
  const { group, model, num_params, num_tokens, batch_size } = record;
  const shape = { group, model, N: num_params.total, num_tokens, batch_size };
  return { rest, shape, optimizer, ...(without_rate ? {} : { learning_rate }) };
}

/** Whether two values are the same JSON, in whatever order their keys stand; a member that is undefined is none. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [own, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key in own) if (!isSame(own[key], other[key])) return false;
  for (const key in other) if (other[key] !== undefined && own[key] === undefined) return false;
  return true;
}

const number = new Float64Array(1);
const halves = new Int32Array(number.buffer);
const MULTIPLIER = 0x9e3779b1;
/** Characters of a string that are looked at: checksums differ in the first. */
const LOOKED_AT = 16;

/** 32 bits that are equal for the same JSON, in whatever order the keys of its objects stand. */
function hashOf(value: unknown): number {
  if (typeof value === 'number') {
    // Zero has two signs, and one JSON.
    number[0] = value + 0;
    return Math.imul(halves[0]! ^ Math.imul(halves[1]!, MULTIPLIER), MULTIPLIER);
  }
  if (typeof value === 'string') {
    let hash = value.length;
    for (let i = 0; i < value.length && i < LOOKED_AT; i++) hash = Math.imul(hash ^ value.charCodeAt(i), MULTIPLIER);
    return hash;
  }
  if (typeof value !== 'object' || value === null) return value ? 1 : 2;
  const members = value as Record<string, unknown>;
  let sum = 3;
  for (const key in members) {
    const member = members[key];
    // Mixed again, so that two members that change places change the sum.
    if (member !== undefined) sum += Math.imul(hashOf(key) ^ (hashOf(member) >>> 3), MULTIPLIER);
  }
  return sum | 0;
}

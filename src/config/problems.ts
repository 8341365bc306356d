/** @file What is wrong with a configuration, one line each, all at once.
 * `file:line:col: path: problem, got value, did you mean X?`, sorted by place, so that an editor or a person can go
 * through the list from top to bottom.
 */
import { LabError } from '../lib/errors.ts';
import type { Origin } from './yaml-tree.ts';

/** One thing wrong: where, with which key (dotted; empty for the whole file), what, and what was meant perhaps. */
export interface Problem {
  at: Origin;
  path: string;
  problem: string;
  /** The received value, in print. */
  got?: string | undefined;
  suggestion?: string | undefined;
}

/** Where a value was written, in print: `file:line:col`, or the `--set` it came from. */
export function formatOrigin(at: Origin): string {
  return at.line === 0 ? at.source : `${at.source}:${at.line}:${at.col}`;
}

/** Any value in a few characters of one line: scalars as JSON, collections by their kind. */
export function printValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  if (typeof value === 'object') return text.length <= 60 ? text : 'a mapping';
  return text.length <= 60 ? text : `${text.slice(0, 56)}..."`;
}

/** One problem as a line. */
function formatProblem({ at, path, problem, got, suggestion }: Problem): string {
  const key = path === '' ? '' : `${path}: `;
  const received = got === undefined ? '' : `, got ${got}`;
  const meant = suggestion === undefined ? '' : `, did you mean ${suggestion}?`;
  return `${formatOrigin(at)}: ${key}${problem}${received}${meant}`;
}

/** Lines of one report; what is beyond is counted. */
const MAX_LINES = 100;

/** The lines of all problems, sorted by source, line, column and path, each line once. */
function formatProblems(problems: readonly Problem[]): string[] {
  const sorted = [...problems].sort(
    (a, b) =>
      a.at.source_index - b.at.source_index ||
      a.at.line - b.at.line ||
      a.at.col - b.at.col ||
      (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
  );
  const lines = [...new Set(sorted.map(formatProblem))];
  return lines.length <= MAX_LINES
    ? lines
    : [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more problems`];
}

/** Throws a `usage` error that lists all problems; does nothing when there are none. */
export function throwProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new LabError('usage', formatProblems(problems).join('\n'));
}

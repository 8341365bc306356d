/** @file Text on its way into a batch script: as one word of the shell, or as one value of an `#SBATCH` line.
 * A study's name and the paths of a user are text of strangers; quoted here they are data and nothing else.
 */
import { LabError } from '../../lib/errors.ts';

/** `text` as one word for a POSIX shell, which expands nothing between single quotes. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** `text` as one value in an `#SBATCH` line, which sbatch splits itself: quotes group, a backslash escapes. */
export const directiveValue = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** A path as Slurm's file names have it, where `%` begins a pattern. */
export const literalPath = (path: string): string => path.replaceAll('%', '%%');

/** Throws `usage` where `path` cannot stand in a batch script: a line break would end its line, and a backslash turns
 * Slurm's patterns off. */
export function checkPath(what: string, path: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (!/[\u0000-\u001f\u007f\\]/.test(path)) return;
  throw new LabError(
    'usage',
    `invalid ${what}: ${JSON.stringify(path)} holds a backslash or a control character, which a batch script cannot name`,
  );
}

/** `name` with only what a job's name needs, at most 40 characters. */
export const plainName = (name: string): string => name.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 40);

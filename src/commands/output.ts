/** @file What the verbs print and where: results on stdout, notes on stderr. */
import type { OutputOptions, TrainOptions } from './options.ts';

/** Prints a result: `value` as one JSON object with --json, else `text`. */
export function printResult(options: OutputOptions, value: object, text: () => string): void {
  const output = options.json ? JSON.stringify(value) : text();
  process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
}

/** A line for people, on stderr, unless --quiet. */
export function note(options: OutputOptions, message: string): void {
  if (!options.quiet) process.stderr.write(`${message}\n`);
}

/** Whether stderr takes colours: a terminal, and neither --no-color nor NO_COLOR. */
export function isColor(options: OutputOptions): boolean {
  return process.stderr.isTTY === true && options.color !== false && !process.env['NO_COLOR'];
}

/** How to show progress: as asked, else a live table on a terminal and plain lines in a pipe. */
export function progressKind(options: TrainOptions): 'table' | 'lines' | 'ndjson' | 'quiet' {
  if (options.quiet) return 'quiet';
  return options.progress ?? (process.stderr.isTTY === true ? 'table' : 'lines');
}

/** @file What the verbs print and where: results on stdout, notes on stderr. */
import { SCHEMA_VERSION } from '../log/record.ts';
import type { OutputOptions, TrainOptions } from './options.ts';
import { dressed } from './terminal.ts';

/** Columns of the terminal that results go to; 80 in a pipe. */
export function terminalWidth(): number {
  return process.stdout.isTTY === true ? Math.max(40, process.stdout.columns || 80) : 80;
}

/** Prints a result: `value` as one JSON object with --json, else `text`, dressed where stdout is a terminal. */
export function printResult(options: OutputOptions, value: object, text: () => string): void {
  const output = options.json ? JSON.stringify(value) : forPeople(text(), options);
  process.stdout.write(output.endsWith('\n') ? output : `${output}\n`);
}

/** A line for people, on stderr, unless --quiet. */
export function note(options: OutputOptions & { progress?: string }, message: string): void {
  if (options.quiet) return;
  const line =
    options.progress === 'ndjson'
      ? JSON.stringify({ schema_version: SCHEMA_VERSION, event: 'note', message })
      : message;
  process.stderr.write(`${line}\n`);
}

function forPeople(text: string, options: OutputOptions): string {
  if (process.stdout.isTTY !== true) return text;
  return dressed(text, { width: terminalWidth(), is_color: isColor(options, process.stdout) });
}

/** Whether a stream, stderr by default, takes colours: a terminal, and neither --no-color nor NO_COLOR. */
export function isColor(options: OutputOptions, stream: { isTTY?: boolean } = process.stderr): boolean {
  return stream.isTTY === true && options.color !== false && !process.env['NO_COLOR'];
}

/** How to show progress: as asked, else a live table on a terminal and plain lines in a pipe. */
export function progressKind(options: TrainOptions): 'table' | 'lines' | 'ndjson' | 'quiet' {
  if (options.quiet) return 'quiet';
  return options.progress ?? (process.stderr.isTTY === true ? 'table' : 'lines');
}

/** What is said of runs in a study's folder that are not of its last plan. */
export const earlierNote = (num: number): string =>
  `warning: ${num} ${num === 1 ? 'run' : 'runs'} of an earlier plan ${num === 1 ? 'is' : 'are'} left out`;

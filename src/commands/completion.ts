/** @file `completion SHELL`: prints a completion script made from the program's own verbs and options. */
import type { Command } from 'commander';
import { EXIT } from '../lib/errors.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { completionScript, type Shell } from './completion-script.ts';
import type { OutputOptions } from './options.ts';
import { printResult } from './output.ts';

/** Prints the script for `shell`. */
export function completionCommand(program: Command, shell: Shell, options: OutputOptions): number {
  const script = completionScript(program, shell);
  printResult(options, { schema_version: SCHEMA_VERSION, shell, script }, () => script);
  return EXIT.ok;
}

/** @file `completion SHELL`: prints a completion script made from the program's own verbs and options. */
import type { Command } from 'commander';
import { completionScript, type Shell } from '../completion.ts';
import { EXIT } from '../lib/errors.ts';

/** Prints the script for `shell`. */
export function completionCommand(program: Command, shell: Shell): number {
  process.stdout.write(completionScript(program, shell));
  return EXIT.ok;
}

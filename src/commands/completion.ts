/** @file `completion SHELL`: prints a completion script made from the program's own verbs and options. */
import type { Command } from 'commander';
import { EXIT } from '../lib/errors.ts';
import { completionScript, type Shell } from './completion-script.ts';

/** Prints the script for `shell`. */
export function completionCommand(program: Command, shell: Shell): number {
  process.stdout.write(completionScript(program, shell));
  return EXIT.ok;
}

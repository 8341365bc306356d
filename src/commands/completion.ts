/** @file `completion SHELL`: prints a completion script made from the program's own verbs and options. */
import type { Command } from 'commander';
import { completionScript } from '../completion.ts';
import { EXIT, LabError } from '../lib/errors.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Prints the script for `shell`. Throws `usage` for a shell it does not know. */
export function completionCommand(program: Command, shell: string): number {
  const known = SHELLS.find((name) => name === shell);
  if (!known) throw new LabError('usage', `unknown shell: ${shell}; one of ${SHELLS.join(', ')}`);
  process.stdout.write(completionScript(program, known));
  return EXIT.ok;
}

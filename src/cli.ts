#!/usr/bin/env node
/** @file The command line: `scaling-lab VERB ...`. One verb a command, its work in `commands/`, imported only when it
 * runs, since loading tensors costs half a second. Results go to stdout, everything else to stderr; exit codes
 * are those of `lib/errors.ts`.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { buildProgram } from './commands/program.ts';
import { EXIT, LabError } from './lib/errors.ts';

/** Runs the command line with `args` (without node and script) and returns the exit code. Never throws. */
export async function main(args: string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram((exit) => {
    code = exit;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof LabError) {
      process.stderr.write(`error: ${error.message}\n`);
      return EXIT[error.exit];
    }
    process.stderr.write(`unexpected error: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.unexpected;
  }
}

/** True when this file is the program, also through a symbolic link as npm makes it. */
function isProgram(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

if (isProgram()) {
  // A reader that has seen enough (`| head`) closes the pipe: no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.unexpected);
  });
  process.exitCode = await main(process.argv.slice(2));
}

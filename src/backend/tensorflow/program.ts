/** @file Runs a program of this machine and collects what it says. */
import { spawn } from 'node:child_process';

/** How it ended: its exit code (null where it did not start or was killed), stdout, and both outputs together. */
export interface Ended {
  code: number | null;
  stdout: string;
  output: string;
}

/** Runs `command`; never throws. */
export function runProgram(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, output] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => resolve({ code: null, stdout, output: error.message }));
    child.on('close', (code) => resolve({ code, stdout, output }));
  });
}

/** The last lines of what a program said, for an error message. */
export function lastLines(output: string, count = 6): string {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}

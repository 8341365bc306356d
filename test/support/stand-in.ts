/** @file Puts the stand-in for nvidia-smi on the PATH of a test, or takes the real one off it. */
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { temporaryFolder } from './run-record.ts';

const FOLDER = fileURLToPath(new URL('./nvidia-smi', import.meta.url));

/** Lets nvidia-smi answer as on a machine in `state`, one of the stand-in's; until the test ends. */
export function standIn(state: string): void {
  vi.stubEnv('PATH', `${FOLDER}${delimiter}${process.env['PATH']}`);
  vi.stubEnv('STAND_IN', state);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** Leaves no nvidia-smi to find; until the test ends. */
export function withoutNvidiaSmi(): void {
  vi.stubEnv('PATH', temporaryFolder());
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** @file Runs a test body on each tfjs backend that installs from npm alone. */
import { startBackend } from '../../src/backend/backend.ts';
import { registerOps } from '../../src/model/gpt.ts';

/** Backends that are there on every machine. */
export const PORTABLE_BACKENDS = ['cpu', 'wasm'] as const;

/** Starts a backend with the model's operations registered on it. */
export async function useBackend(name: string): Promise<void> {
  const { tfjs_name } = await startBackend(name);
  registerOps(tfjs_name);
}

/** @file Runs a test body on each tfjs backend that installs from npm alone, and on the native one where a C++
 * compiler is there. Where it is not, `test/backend/native/native.test.ts` shows as skipped, with the reason.
 */
import { describeBackends, startBackend } from '../../src/backend/backend.ts';
import { registerOps } from '../../src/model/gpt.ts';

const backends = await describeBackends();

/** Why the native backend cannot start here; empty where it can. */
export const WITHOUT_NATIVE = backends.find(({ name }) => name === 'native')!.reason;

/** Backends to test on. */
export const PORTABLE_BACKENDS = ['cpu', 'wasm', ...(WITHOUT_NATIVE === '' ? ['native'] : [])];

/** Starts a backend with the model's operations registered on it. */
export async function useBackend(name: string): Promise<void> {
  const { tfjs_name } = await startBackend(name);
  registerOps(tfjs_name);
}

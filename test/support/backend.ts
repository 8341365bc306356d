/** @file Runs a test body on each tfjs backend that installs from npm alone, on the native one where a C++ compiler is
 * there, and on webgpu where there is Debian's `chromium` with its software GPU, or another adapter that the environment
 * names; and on tensorflow where `scaling-lab setup tensorflow` has been run, or in its place on cuda where there is a
 * card, since a process has one TensorFlow. Where they are not, the test of each (`test/backend/native/native.test.ts`
 * and so on) shows as skipped, with the reason.
 */
import { describeBackends, startBackend } from '../../src/backend/backend.ts';
import { registerOps } from '../../src/model/gpt.ts';

/** Part of the name of the GPU adapter that tests run on. */
export const TEST_ADAPTER = process.env['SCALING_LAB_TEST_ADAPTER'] ?? 'swiftshader';

const backends = await describeBackends({ adapter: TEST_ADAPTER });

/** Why the native backend cannot start here; empty where it can. */
export const WITHOUT_NATIVE = backends.find(({ name }) => name === 'native')!.reason;

/** Why the webgpu backend cannot start here on TEST_ADAPTER; empty where it can. */
export const WITHOUT_WEBGPU = backends.find(({ name }) => name === 'webgpu')!.reason;

/** Why the tensorflow backend cannot start here; empty where it can. */
export const WITHOUT_TENSORFLOW = backends.find(({ name }) => name === 'tensorflow')!.reason;

const is_cuda = backends.find(({ name }) => name === 'cuda')!.is_available;

/** Backends to test on. */
export const PORTABLE_BACKENDS = [
  ...['cpu', 'wasm'],
  ...(WITHOUT_NATIVE === '' ? ['native'] : []),
  ...(WITHOUT_WEBGPU === '' ? ['webgpu'] : []),
  ...(is_cuda ? ['cuda'] : WITHOUT_TENSORFLOW === '' ? ['tensorflow'] : []),
];

/** Starts a backend with the model's operations registered on it. */
export async function useBackend(name: string): Promise<void> {
  const { tfjs_name } = await startBackend(name, name === 'webgpu' ? { adapter: TEST_ADAPTER } : {});
  registerOps(tfjs_name);
}

/** @file The `native` backend: the lab's own C++ kernels for the CPU as a tfjs backend. It compiles them with the
 * machine's compiler where the install has not (`build.ts`), and picks the fastest instruction set there is.
 */
import { tf } from '../../tf.ts';
import { type Addon, loadAddon } from './addon.ts';
import { buildAddon } from './build.ts';
import { elementwiseKernels } from './elementwise.ts';
import { fusedKernels } from './fused.ts';
import { NATIVE, registerNative } from './kernel.ts';
import { NativeBackend } from './memory.ts';
import { movementKernels } from './movement.ts';
import { reductionKernels } from './reductions.ts';

let found: Promise<{ addon: Addon } | { reason: string }> | undefined;

async function find(): Promise<{ addon: Addon } | { reason: string }> {
  const built = await buildAddon(flagsFromEnvironment());
  if ('reason' in built) return built;
  try {
    return { addon: loadAddon(built.library) };
  } catch (error) {
    return { reason: `${built.library} does not load (${(error as Error).message}); remove it and start again` };
  }
}

/** Compiler flags added by SCALING_LAB_NATIVE_FLAGS: sanitizers, in the kernels' own tests. */
function flagsFromEnvironment(): string[] {
  return (process.env['SCALING_LAB_NATIVE_FLAGS'] ?? '').split(' ').filter(Boolean);
}

/** The addon, built where it was not. Throws with the reason where there is none. */
async function requireAddon(): Promise<Addon> {
  found ??= find();
  const result = await found;
  if ('reason' in result) throw new Error(result.reason);
  return result.addon;
}

/** Null where the backend can start, else why not and what to do. Builds the kernels where they are not yet. */
export async function findNative(): Promise<string | null> {
  found ??= find();
  const result = await found;
  return 'reason' in result ? result.reason : null;
}

/** Instruction set in use, threads, and the peak of a pure multiply-add loop. */
export interface NativeOptions {
  /** One of `nativeInstructionSets()`; default the first. */
  instruction_set?: string;
  /** Threads a kernel uses; results do not depend on it. */
  threads?: number;
}

/** Sets how the started backend computes. Throws on an instruction set the machine lacks, or a bad count. */
export async function configureNative({ instruction_set, threads }: NativeOptions): Promise<void> {
  const addon = await requireAddon();
  if (instruction_set !== undefined) addon.useInstructionSet(instruction_set);
  if (threads !== undefined) addon.useThreads(threads);
}

/** Names of the instruction sets the kernels can use here, fastest first. */
export async function nativeInstructionSets(): Promise<string[]> {
  return (await requireAddon()).instructionSets();
}

/** Peak of one core in GFLOP/s: a pure multiply-add loop of `seconds` of CPU time. */
export async function nativeFmaPeak(seconds: number): Promise<number> {
  return (await requireAddon()).fmaPeak(seconds);
}

/** Bytes in use, bytes kept for reuse, tensors in use. */
export async function nativeMemory(): Promise<[number, number, number]> {
  return (await requireAddon()).memory();
}

/** Makes the native backend tfjs's current one; returns tfjs's name for it. */
export async function startNative(): Promise<string> {
  const addon = await requireAddon();
  if (!tf.findBackend(NATIVE)) {
    for (const kernels of [elementwiseKernels, movementKernels, reductionKernels, fusedKernels])
      registerNative(kernels);
    tf.registerBackend(NATIVE, () => new NativeBackend(addon), 1);
  }
  if (!(await tf.setBackend(NATIVE))) throw new Error('tfjs could not start the native backend');
  await tf.ready();
  return NATIVE;
}

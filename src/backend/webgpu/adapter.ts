/** @file The GPU adapters that Dawn (npm package `webgpu`, its binary inside the package) finds, and which one to take.
 * Unasked only a hardware adapter is taken. A software one (SwiftShader, llvmpipe) computes on the CPU, slower than our
 * own CPU backends, and is for tests: it must be asked for by a part of its name. SwiftShader is looked for where
 * Debian's `chromium` puts it, with the Vulkan loader beside it, unless VK_ICD_FILENAMES names a driver.
 */
import { existsSync } from 'node:fs';
import { LabError } from '../../lib/errors.ts';
import { loadError } from '../load-library.ts';

/** Folder of Debian's `chromium`: SwiftShader and a Vulkan loader. */
const CHROMIUM = '/usr/lib/chromium';

/** An adapter that may be used, and Dawn's GPU object that keeps it alive. */
export interface FoundAdapter {
  gpu: GPU;
  adapter: GPUAdapter;
  /** Dawn's name for it, or its description where it was not asked for by name. */
  name: string;
  is_software: boolean;
}

type Found = { found: FoundAdapter } | { reason: string };

/** Adapters by the name asked for; '' stands for the best hardware adapter. */
const cache = new Map<string, Promise<Found>>();

/** The adapter whose name contains `choice` (any case), or the best hardware adapter without it; else why there is none
 * and what to do. */
export function findAdapter(choice?: string): Promise<Found> {
  const key = choice?.toLowerCase() ?? '';
  let result = cache.get(key);
  if (!result) {
    result = find(key);
    cache.set(key, result);
  }
  return result;
}

async function find(choice: string): Promise<Found> {
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const what = isMissing
      ? 'package webgpu is not installed'
      : `package webgpu does not load (${(error as Error).message})`;
    return { reason: `${what}; run npm install --include=optional` };
  }
  if (isSwiftshader(choice)) useChromium();
  const loader = missingLoader();
  if (loader !== null) return { reason: loader };
  Object.assign(globalThis, dawn.globals);
  const names = await listAdapters(dawn);
  return choice === '' ? bestHardware(dawn, names) : byName(dawn, names, choice);
}

/** Whether `choice` can mean nothing but SwiftShader: fewer letters are a part of a card's name too, and with chromium's
 * driver named to it the Vulkan loader sees no card. */
const isSwiftshader = (choice: string): boolean => choice.length >= 5 && 'swiftshader'.includes(choice);

/** Points the Vulkan loader to chromium's SwiftShader, where there is no other, and loads chromium's loader. */
function useChromium(): void {
  const driver = `${CHROMIUM}/vk_swiftshader_icd.json`;
  if (process.platform !== 'linux' || !existsSync(driver)) return;
  if (!process.env['VK_ICD_FILENAMES'] && !process.env['VK_DRIVER_FILES']) process.env['VK_ICD_FILENAMES'] = driver;
  if (missingLoader() !== null) loadError(`${CHROMIUM}/libvulkan.so.1`);
}

/** Null where a Vulkan loader is there or none is needed; Dawn itself would print a warning to the terminal. */
function missingLoader(): string | null {
  if (process.platform !== 'linux' || !loadError('libvulkan.so.1').includes('cannot open shared object')) return null;
  return "no Vulkan loader (libvulkan.so.1); install it (Debian and Ubuntu: apt-get install libvulkan1) and the GPU's driver";
}

/** Names of all adapters. Dawn tells them only in the error for a name it does not have. */
async function listAdapters(dawn: typeof import('webgpu')): Promise<string[]> {
  try {
    await dawn.create(['adapter=(none)']).requestAdapter();
    return [];
  } catch (error) {
    return [...new Set([...(error as Error).message.matchAll(/name: '(.*)'/g)].map((match) => match[1]!))];
  }
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** SwiftShader compiles the zeroing of workgroup memory, which WGSL promises, into one store an element: without it our
 * programs, which read nothing there that they have not written, compile ten times as fast. */
const SOFTWARE_OPTION = 'enable-dawn-features=disable_workgroup_init';

const NO_DRIVER =
  "no GPU adapter was found; install the GPU's Vulkan driver (Linux; NVIDIA: libnvidia-gl-<version>, libxext6, libegl1, " +
  'and in a container NVIDIA_DRIVER_CAPABILITIES=all), or use another backend';

/** The adapter called `named`, or Dawn's own choice. */
async function request(dawn: typeof import('webgpu'), named?: string): Promise<FoundAdapter | null> {
  const options = named === undefined ? [] : [`adapter=${named}`];
  const gpu = dawn.create(named !== undefined && SOFTWARE.test(named) ? [...options, SOFTWARE_OPTION] : options);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return null;
  const { description, device } = adapter.info;
  const name = named ?? (description || device);
  const isCpu = (adapter.info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  return { gpu, adapter, name, is_software: isCpu || SOFTWARE.test(`${name} ${device} ${description}`) };
}

/** Dawn's own choice, or the first hardware adapter where that is a software one. */
async function bestHardware(dawn: typeof import('webgpu'), names: string[]): Promise<Found> {
  for (const name of [undefined, ...names.filter((name) => !SOFTWARE.test(name))]) {
    const found = await request(dawn, name);
    if (found && !found.is_software) return { found };
  }
  if (names.length === 0) return { reason: NO_DRIVER };
  const rule = 'computes on the CPU, slower than the native and wasm backends';
  return {
    reason: `only a software adapter was found (${names.join(', ')}), which ${rule}; to use it all the same: --adapter <part of its name>`,
  };
}

async function byName(dawn: typeof import('webgpu'), names: string[], choice: string): Promise<Found> {
  const matches = names.filter((name) => name.toLowerCase().includes(choice));
  if (matches.length === 0) {
    return {
      reason: `no GPU adapter is called *${choice}*; there ${names.length === 0 ? 'are none' : `is ${names.join(', ')}`}`,
    };
  }
  const found = await request(dawn, matches[0]);
  return found ? { found } : { reason: `GPU adapter ${matches[0]} does not answer` };
}

/** The adapter as `findAdapter` finds it. Throws `no_backend` with the reason where there is none. */
export async function requireAdapter(choice?: string): Promise<FoundAdapter> {
  const result = await findAdapter(choice);
  if ('reason' in result) throw new LabError('no_backend', result.reason);
  return result.found;
}

/** @file Where TensorFlow's library, the binding built against it and, where npm dropped it, the JavaScript package are
 * kept: `tensorflow/` in the lab's cache. `current.json`, written last, names what the backend loads; without it there
 * is nothing, whatever else a killed setup has left. The package's own install step leaves its binding in the package.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../lib/make-folder.ts';

export const PACKAGE = '@tensorflow/tfjs-node-gpu';
/** All tfjs packages must be of one version. */
export const PACKAGE_VERSION = '4.22.0';

const require = createRequire(import.meta.url);

/** A binding that loads. */
const installedSchema = z.object({
  /** TensorFlow's version, as the library tells it. */
  tensorflow: z.string(),
  /** The library has CUDA kernels; null where that is not known. */
  has_cuda: z.boolean().nullable(),
  /** It found a GPU here that it can use, when it was tried; absent where it was not. */
  sees_gpu: z.boolean().optional(),
  /** Versions of CUDA's parts, where setup fetched them. */
  cuda_versions: z.record(z.string(), z.string()).optional(),
  /** Folder of the library. */
  library: z.string(),
  /** The N-API addon. */
  binding: z.string(),
});
export type Installed = z.infer<typeof installedSchema>;

/** `tensorflow/` in `SCALING_LAB_CACHE`, else in the user's cache folder. */
export function cacheFolder(): string {
  const { SCALING_LAB_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  return path.join(SCALING_LAB_CACHE ? path.resolve(SCALING_LAB_CACHE) : path.join(cache, 'scaling-lab'), 'tensorflow');
}

/** Removes what setups that were killed have left; to be called by the holder of setup's lock, beside whom there is no
 * other. */
export function removeLeftovers(): void {
  for (const name of readdirSync(cacheFolder())) {
    if (name.endsWith('.tmp')) rmSync(path.join(cacheFolder(), name), { recursive: true, force: true });
  }
}

const currentFile = () => path.join(cacheFolder(), 'current.json');

/** What setup left and is still there; else null. */
function readCurrent(): Installed | null {
  try {
    const installed = installedSchema.parse(JSON.parse(readFileSync(currentFile(), 'utf8')));
    return existsSync(installed.binding) && existsSync(installed.library) ? installed : null;
  } catch {
    // None, damaged, or of another version of the lab: to be set up again.
    return null;
  }
}

/** Makes `installed` what the backend loads. */
export function writeCurrent(installed: Installed): void {
  makeFolder(cacheFolder());
  const temporary = `${currentFile()}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(installed, null, 2)}\n`);
  renameSync(temporary, currentFile());
}

/** Folder of the package as npm installed it, or null. */
export function npmPackage(): string | null {
  try {
    return path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  } catch {
    return null;
  }
}

/** The one tfjs of this process, its union package and its core: the package must not bring others. */
export function tfjsFolders(): { tfjs: string; core: string } {
  const tfjs = require.resolve('@tensorflow/tfjs/package.json');
  const core = createRequire(tfjs).resolve('@tensorflow/tfjs-core/package.json');
  return { tfjs: path.dirname(tfjs), core: path.dirname(core) };
}

/** Where setup puts the package that npm dropped: one folder for each tfjs that it is linked to. */
export function fetchedPackage(): string {
  const key = createHash('sha256').update(JSON.stringify(tfjsFolders())).digest('hex').slice(0, 16);
  return path.join(cacheFolder(), `tfjs-node-gpu-${PACKAGE_VERSION}-${key}`);
}

/** Folder of the package's JavaScript and binding sources, or null where there is none. */
export function findPackage(): string | null {
  return npmPackage() ?? (existsSync(path.join(fetchedPackage(), 'package.json')) ? fetchedPackage() : null);
}

/** The binding of the package's own install step, for the newest N-API it was made for; null where it has not run. */
export function officialBinding(folder: string): string | null {
  const lib = path.join(folder, 'lib');
  const apis = (existsSync(lib) ? readdirSync(lib) : []).map((name) => Number(/^napi-v(\d+)$/.exec(name)?.[1]));
  const usable = apis.filter((api) => api <= Number(process.versions.napi)).sort((a, b) => b - a);
  const files = usable.map((api) => path.join(lib, `napi-v${api}`, 'tfjs_binding.node'));
  return files.find((file) => existsSync(file)) ?? null;
}

/** What the backend loads: setup's binding, else the package's own; null where there is neither. */
export function findInstalled(): Installed | null {
  const current = readCurrent();
  if (current) return current;
  const folder = npmPackage();
  const binding = folder && officialBinding(folder);
  if (!folder || !binding) return null;
  // npm may have run the step unasked; whether its CUDA works here nobody has tried.
  return { tensorflow: '2.9.1', has_cuda: null, library: path.join(folder, 'deps'), binding };
}

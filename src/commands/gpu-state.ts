/** @file What `doctor` must know of this machine to speak of its GPUs: the PCI bus, NVIDIA's driver and its cards, and the
 * versions of Node and npm. What follows from it is gpu-advice.ts's to say.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackendStatus, hasNvidiaDriver } from '../backend/backend.ts';
import { queryCards } from '../sweep/sweep.ts';
import type { GpuState } from './gpu-advice.ts';

const PCI = '/sys/bus/pci/devices';
const PACKAGES = ['@tensorflow/tfjs-backend-webgpu', 'webgpu'];
const NPM_TIMEOUT_MS = 5_000;

/** Reads it all. `versions` are those of the installed packages. Never throws. */
export async function readGpuState(
  backends: readonly BackendStatus[],
  versions: Readonly<Record<string, string>>,
): Promise<GpuState> {
  const [query, npm] = await Promise.all([queryCards(), npmVersion()]);
  return {
    platform: process.platform,
    node: process.versions.node,
    npm,
    pci_vendors: pciVendors(),
    has_nvidia_driver: hasNvidiaDriver(),
    query,
    visible: process.env['CUDA_VISIBLE_DEVICES'],
    backends,
    missing_packages: PACKAGES.filter((name) => versions[name] === undefined),
  };
}

/** Vendors of the display controllers (class 0x03) below `root`, one an entry; a GPU's sound device is none. */
export function pciVendors(root = PCI): string[] {
  const read = (device: string, file: string) => readFileSync(join(root, device, file), 'utf8').trim();
  try {
    return readdirSync(root).flatMap((device) =>
      read(device, 'class').startsWith('0x03') ? [read(device, 'vendor')] : [],
    );
  } catch {
    // No such bus here, or not ours to read.
    return [];
  }
}

/** The npm that runs us, else the one on the PATH. */
function npmVersion(): Promise<string | null> {
  const own = /\bnpm\/(\d+\.\d+\.\d+)/.exec(process.env['npm_config_user_agent'] ?? '')?.[1];
  if (own !== undefined) return Promise.resolve(own);
  return new Promise((resolve) => {
    const options = { timeout: NPM_TIMEOUT_MS, windowsHide: true } as const;
    execFile('npm', ['--version'], options, (error, stdout) => resolve(error === null ? stdout.trim() : null));
  });
}

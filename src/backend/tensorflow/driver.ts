/** @file Whether this machine has an NVIDIA driver, and the names of its cards, as the driver's own files tell it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The driver's files: on Linux, in a container without /proc's, and under Windows' own Linux. */
const DRIVER_FILES = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'];
const CARDS = '/proc/driver/nvidia/gpus';

/** True where an NVIDIA driver is loaded. */
export const hasNvidiaDriver = (): boolean => DRIVER_FILES.some((file) => existsSync(file));

/** Names of the cards in the order of the PCI bus; none where the driver does not tell. */
export function cardNames(): string[] {
  try {
    return readdirSync(CARDS)
      .sort()
      .map((card) => /Model:\s*(.+)/.exec(readFileSync(`${CARDS}/${card}/information`, 'utf8'))?.[1]?.trim() ?? 'GPU');
  } catch {
    return [];
  }
}

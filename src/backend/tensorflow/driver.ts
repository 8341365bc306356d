/** @file Whether this machine has an NVIDIA driver, as the driver's own files tell it. */
import { existsSync } from 'node:fs';

/** The kernel module's files, on the machine itself and in a container without its /proc. */
const DRIVER_FILES = ['/proc/driver/nvidia/version', '/dev/nvidiactl'];

/** Under Windows' own Linux, which has /dev/dxg for a GPU of any maker: NVIDIA's part of it. */
const WSL_FILES = ['/dev/dxg', '/usr/lib/wsl/lib/libcuda.so.1'];

/** True where an NVIDIA driver is loaded. `exists` says whether a file is there. */
export const hasNvidiaDriver = (exists = existsSync): boolean =>
  DRIVER_FILES.some((file) => exists(file)) || WSL_FILES.every((file) => exists(file));

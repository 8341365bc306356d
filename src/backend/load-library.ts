/** @file Loads a shared library that is no Node module, for others in this process to find by its name: Node has no call
 * for it, but `process.dlopen` opens the file before it misses the module in it.
 */
import os from 'node:os';

/** glibc's flag for libraries that stay loaded; Node does not export it. */
const RTLD_NODELETE = 0x1000;

/** Flags with which a library serves all that are loaded after it. */
export const LOAD_FLAGS = (os.constants.dlopen.RTLD_NOW ?? 0) | (os.constants.dlopen.RTLD_GLOBAL ?? 0) | RTLD_NODELETE;

/** What the system's linker says to `library`, which then stays loaded; that it is no Node module means that it is. */
export function loadError(library: string): string {
  try {
    process.dlopen({ exports: {} }, library, LOAD_FLAGS);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

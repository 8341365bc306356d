/** @file The errors a user can meet, each with the exit code that the command line documents.
 * Anything that is not a `LabError` is a bug and exits with 1. A message names the thing, the value
 * and the rule, and says what to do.
 */

/** Exit codes of the command line. Scripts rely on them: never renumber. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  runs_failed: 3,
  too_little_data: 4,
  no_backend: 5,
  over_budget: 6,
  folder_held: 7,
  storage: 8,
  differs: 9,
  preempted: 75,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;

/** An error with a message for people and the exit code it stands for. */
export class LabError extends Error {
  readonly exit: ExitName;
  constructor(exit: ExitName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.exit = exit;
  }
}

/** Error codes by which an operating system says that storage, not the program, is at fault. */
const STORAGE_CODES = new Set(
  'ENOSPC EDQUOT EFBIG EROFS EACCES EPERM EIO ENOTDIR EISDIR EEXIST ENAMETOOLONG ESTALE'.split(' '),
);

/** `error` as a storage `LabError` naming `path` when the file system refused to `action` it, else `error` itself. */
export function storageError(error: unknown, path: string, action: 'write' | 'read' = 'write'): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  // Node reports a recursive mkdir on a read-only file system as ENOENT.
  const is_missing = code === 'ENOENT' && action === 'write';
  if (code === undefined || !(STORAGE_CODES.has(code) || is_missing)) return error;
  const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'no space is left on the device' : (error as Error).message;
  const advice =
    action === 'write' ? 'free space or choose another folder (--out, --figure)' : 'check the path and who owns it';
  return new LabError('storage', `cannot ${action} ${path}: ${why}; ${advice}`, { cause: error });
}

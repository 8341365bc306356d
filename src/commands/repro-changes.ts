/** @file What is not as it was when a run was recorded: backend, kernels, machine, versions. Where any of it differs, other
 * bits are no fault of the lab.
 */
import type { BackendInfo } from '../backend/backend.ts';
import { type captureEnvironment, sourcesChangedSince } from '../log/log.ts';
import type { RunRecord } from '../log/record.ts';

/** Changed files that are named; the rest is counted. */
const MAX_FILES = 4;

/** One line for each thing that differs, as `backend: recorded native, here wasm`. `instruction_set`: the recorded one,
 * where a checkpoint kept it. */
export function changesSince(
  record: RunRecord,
  backend: BackendInfo,
  { host, versions, git }: ReturnType<typeof captureEnvironment>,
  instruction_set: string | null,
): string[] {
  const lines: string[] = [];
  const compare = (what: string, was: unknown, is: unknown) => {
    if (was !== is) lines.push(`${what}: recorded ${was ?? 'none'}, here ${is ?? 'none'}`);
  };
  compare('backend', record.backend, backend.name);
  if (instruction_set !== null) compare('kernels for', instruction_set, backend.instruction_set);
  compare('device', record.device, backend.device);
  compare('matrix products in', record.matmul_precision, backend.matmul_precision);
  compare('system', `${record.host.platform} ${record.host.arch}`, `${host.platform} ${host.arch}`);
  compare('processor', record.host.cpu, host.cpu);
  const now: Record<string, string> = { ...versions, ...backend.versions };
  for (const name of Object.keys(record.versions).sort())
    compare(`version of ${name}`, record.versions[name], now[name]);
  const [before, here] = [record.host.env ?? {}, host.env ?? {}];
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(here)])].sort()) {
    // Of a batch system: which job it was.
    if (!name.startsWith('SLURM_')) compare(`environment variable ${name}`, before[name], here[name]);
  }
  lines.push(...codeChanges(record, git));
  return lines;
}

function codeChanges({ git: was }: RunRecord, is: RunRecord['git']): string[] {
  const lines: string[] = [];
  if (was.dirty) lines.push('code: recorded with changes that its commit does not hold');
  if (was.commit === null) return [...lines, 'code: its commit was not recorded'];
  if (was.commit === is.commit && !is.dirty) return lines;
  const files = sourcesChangedSince(was.commit);
  if (files?.length === 0) return lines;
  const named = files?.slice(0, MAX_FILES).join(', ');
  const more = files !== null && files.length > MAX_FILES ? ` and ${files.length - MAX_FILES} more` : '';
  const what = files === null ? `here ${is.commit ?? 'no commit'}` : `since then changed: ${named}${more}`;
  return [...lines, `code: recorded at commit ${was.commit.slice(0, 10)}, ${what}`];
}

/** @file Which run `repro` trains again: that of a run's folder, or one of a study or archive by its id. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { checkRunSpec, type RunSpec } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { readArchived, readRecord, recordPath, runPath } from '../log/log.ts';
import type { RunRecord } from '../log/record.ts';

/** A run that was recorded. */
export interface RecordedRun {
  record: RunRecord;
  spec: RunSpec;
  /** Its folder; null in an archive, which has no log. */
  run_dir: string | null;
}

/** The run that `source` and `run_id` name: `runs/study/RUN`, or `runs/study RUN`; of an archive too. Throws `usage`
 * where there is none, it never began, or its spec cannot be trained; `storage` where its record is damaged. */
export function findRecorded(source: string, run_id: string | undefined): RecordedRun {
  const { record, run_dir } = readRecorded(source, run_id);
  const named = `run ${record.run_id} of ${source}`;
  if (record.backend === '' || record.status === 'planned') {
    throw new LabError('usage', `${named} has not taken a step: there is nothing to compare with`);
  }
  const checked = checkRunSpec(record.spec);
  if ('faults' in checked) throw new LabError('usage', `${named} cannot be trained: ${checked.faults.join('; ')}`);
  const { spec, hash } = checked;
  if (hash !== record.config_hash) {
    const hashes = `its config_hash is ${record.config_hash}, its spec's ${hash}`;
    throw new LabError('usage', `${named} is not what was trained: ${hashes}; see scaling-lab verify`);
  }
  return { record, spec, run_dir };
}

function readRecorded(source: string, run_id: string | undefined): { record: RunRecord; run_dir: string | null } {
  if (run_id === undefined && existsSync(recordPath(source))) {
    const record = readRecord(source);
    if (record !== null) return { record, run_dir: source };
  }
  const [dir, id] =
    run_id === undefined ? [path.dirname(source), path.basename(path.resolve(source))] : [source, run_id];
  if (run_id === undefined && existsSync(source)) {
    throw new LabError('usage', `${source} is not the folder of a run; give its run_id too: repro ${source} RUN_ID`);
  }
  const run_dir = runPath(dir, id);
  const record = readRecord(run_dir);
  if (record !== null) return { record, run_dir };
  const archived = readArchived(dir, id);
  if (archived !== null) return { record: archived, run_dir: null };
  throw new LabError(
    'usage',
    `no run ${id} in ${dir}; see scaling-lab status ${dir} --json, or the run_id of its records`,
  );
}

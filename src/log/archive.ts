/** @file A study without its weights and step logs: what others need to fit it again, in a few files to publish.
 * The records, which hold each run's evaluations, go into one file of a line a run; the plan, the study file and the
 * frozen claims go beside it as they are. `readSweep` reads such a folder like any other.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LabError, storageError } from '../lib/errors.ts';
import { writeAtomic } from './atomic.ts';
import { archivePath, planPath } from './paths.ts';
import { writePlanFile } from './plan-file.ts';
import { type Problem, readSweep } from './reader.ts';

/** Files of a study that are copied where they are there. */
const BESIDE = ['study.yaml', 'claims.json', 'forecasts.json'];

/** Archives the finished and diverged runs of `dir` in the folder `out`, replacing an archive that is there.
 * Throws `usage` where `dir` has none, or is `out`; `storage`. */
export function archiveSweep(dir: string, out: string): { files: string[]; num_runs: number; problems: Problem[] } {
  if (resolve(dir) === resolve(out)) throw new LabError('usage', `${out} is the study itself; name another folder`);
  const { plan, records, problems } = readSweep(dir);
  const done = records.filter(({ status }) => status === 'finished' || status === 'diverged');
  if (done.length === 0) throw new LabError('usage', `${dir} has no finished runs to archive`);
  const files = [archivePath(out)];
  writeAtomic(archivePath(out), (write) => {
    for (const record of done) write(`${JSON.stringify(record)}\n`);
  });
  if (plan !== null) {
    writePlanFile(out, plan);
    files.push(planPath(out));
  }
  for (const name of BESIDE) {
    if (!existsSync(join(dir, name))) continue;
    try {
      copyFileSync(join(dir, name), join(out, name));
    } catch (error) {
      throw storageError(error, join(out, name));
    }
    files.push(join(out, name));
  }
  return { files, num_runs: done.length, problems };
}

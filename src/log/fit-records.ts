/** @file The records of a sweep as fits read them: those of its last plan, whole and checked as ever, but neither copied nor
 * held beside a whole plan, which takes half of the time and memory of ten thousand runs.
 */
import { currentRuns } from './current-runs.ts';
import { planPlacesSchema } from './plan-file.ts';
import { type Problem, readSweepAs, recordParser } from './reader.ts';
import type { RunRecord } from './record.ts';

/** The records of the last plan of the sweep in `dir`, in its order; how many others the folder has; and the files that could
 * not be used. Throws as `readSweep`. */
export function readFitRecords(dir: string): { records: RunRecord[]; num_earlier: number; problems: Problem[] } {
  const { plan, records, problems } = readSweepAs(dir, recordParser, planPlacesSchema);
  return { ...currentRuns({ plan, records }), problems };
}

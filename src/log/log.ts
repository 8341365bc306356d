/** @file Door of the log: how runs are written, read, summarised and exported.
 * The record's schema itself is in record.ts, which other folders may import directly.
 */
export { archiveSweep } from './archive.ts';
export { removeTempFiles, writeFileAtomic, writeJsonAtomic } from './atomic.ts';
export {
  type Checkpoint,
  type CheckpointState,
  latestCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
export { type Difference, firstDifference, recordDifference, weightDifference } from './compare-runs.ts';
export { currentRuns } from './current-runs.ts';
export { captureEnvironment, sourcesChangedSince } from './environment.ts';
export { dataDictionary } from './export/columns.ts';
export { type ExportFormat, exportSweep } from './export/export.ts';
export { readFitRecords } from './fit-records.ts';
export { evalSteps, logInterval } from './logged-steps.ts';
export {
  checkpointPath,
  fitPath,
  listCheckpoints,
  metricsPath,
  planPath,
  recordPath,
  runPath,
  snapshotPath,
  sweepPath,
} from './paths.ts';
export { type PlanFile, writePlanFile } from './plan-file.ts';
export {
  lastTrainRow,
  listSweeps,
  parseVersioned,
  readArchived,
  readMetrics,
  readPlan,
  readRecord,
  readSweep,
} from './reader.ts';
export { type RunFacts, readRunFacts } from './run-facts.ts';
export type { StoredTensor } from './safetensors.ts';
export { statusLines, sweepStatus } from './status.ts';
export { RULES } from './verify/finding.ts';
export { countLine, type Verification, verifySweep } from './verify/verify.ts';
export { RunWriter } from './writer.ts';

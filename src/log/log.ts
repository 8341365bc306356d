/** @file Door of the log: how runs are written, read, summarised and exported.
 * The record's schema itself is in record.ts, which other folders may import directly.
 */
export { writeAtomic, writeFileAtomic, writeJsonAtomic } from './atomic.ts';
export { captureEnvironment, type Environment } from './environment.ts';
export { type Column, dataDictionary, METRIC_COLUMNS, RUN_COLUMNS } from './export/columns.ts';
export { EXPORT_FORMATS, type ExportFormat, type ExportResult, exportSweep } from './export/export.ts';
export {
  type CheckpointFile,
  checkpointPath,
  fitPath,
  listCheckpoints,
  metricsPath,
  planPath,
  recordPath,
  runPath,
  sweepPath,
} from './paths.ts';
export type { PlanFile } from './plan-file.ts';
export { listSweeps, type Problem, readMetrics, readPlan, readRecord, readSweep, type Sweep } from './reader.ts';
export { type SweepStatus, statusLines, sweepStatus } from './status.ts';
export { RunWriter, type RunWriterOptions } from './writer.ts';

/** @file Door of the log: how runs are written, read, summarised and exported.
 * The record's schema itself is in record.ts, which other folders may import directly.
 */
export { archiveSweep } from './archive.ts';
export { writeFileAtomic, writeJsonAtomic } from './atomic.ts';
export { captureEnvironment } from './environment.ts';
export { dataDictionary } from './export/columns.ts';
export { type ExportFormat, exportSweep } from './export/export.ts';
export {
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
export { listSweeps, readMetrics, readPlan, readRecord, readSweep } from './reader.ts';
export { statusLines, sweepStatus } from './status.ts';
export { RunWriter } from './writer.ts';

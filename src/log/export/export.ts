/** @file Exports a sweep for other programs: runs and metrics as CSV or Parquet, curves for TensorBoard.
 * CSV and Parquet give two tables, `runs` (one row a run) and `metrics` (one row a logged step); TensorBoard gets one
 * folder a run, <group>/<run_id>, to be opened with `tensorboard --logdir`. Runs that cannot be read are left out and
 * listed. The sweep's own files stay the source of truth.
 */
import { join } from 'node:path';
import { LabError } from '../../lib/errors.ts';
import { checkName, metricsPath, runPath } from '../paths.ts';
import { type Problem, readMetrics, readSweep } from '../reader.ts';
import { type MetricRow, type RunRecord, SCHEMA_VERSION } from '../record.ts';
import { METRIC_COLUMNS, metricRows, type Row, RUN_COLUMNS, runRow } from './columns.ts';
import { writeCsv } from './csv.ts';
import { writeParquet } from './parquet.ts';
import { eventFileName, writeEvents } from './tensorboard.ts';

export type ExportFormat = 'csv' | 'parquet' | 'tensorboard';

export interface ExportResult {
  schema_version: number;
  format: ExportFormat;
  /** `rows`: table rows, or scalars of an event file. */
  files: { path: string; rows: number }[];
  /** Files of the sweep that could not be read. */
  problems: Problem[];
}

/** Writes the sweep in `dir` as `format` into `out` (default `<dir>/export`, for TensorBoard `<dir>/tensorboard`).
 * Throws `usage` where there is no such folder, `storage` where a file cannot be written. */
export async function exportSweep(options: { dir: string; format: ExportFormat; out?: string }): Promise<ExportResult> {
  const { dir, format } = options;
  const out = options.out ?? join(dir, format === 'tensorboard' ? 'tensorboard' : 'export');
  const { records, problems } = readSweep(dir);
  const files: ExportResult['files'] = [];
  /** The rows up to the first damaged line, which becomes a problem: one run must not cost the export of all. */
  function* metricsOf(record: RunRecord): Generator<MetricRow> {
    const runDir = runPath(dir, record.run_id);
    try {
      yield* readMetrics(runDir);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      problems.push({ path: metricsPath(runDir), message: error.message });
    }
  }
  function* allMetricRows(): Generator<Row> {
    for (const record of records) yield* metricRows(record, metricsOf(record));
  }
  if (format === 'tensorboard') {
    for (const record of records) {
      const path = join(out, checkName('group', record.group), record.run_id, eventFileName(record));
      files.push({ path, rows: writeEvents(path, record, metricsOf(record)) });
    }
  } else {
    const write = format === 'csv' ? writeCsv : writeParquet;
    const runs = join(out, `runs.${format}`);
    files.push({ path: runs, rows: await write(runs, RUN_COLUMNS, records.map(runRow)) });
    const metrics = join(out, `metrics.${format}`);
    files.push({ path: metrics, rows: await write(metrics, METRIC_COLUMNS, allMetricRows()) });
  }
  return { schema_version: SCHEMA_VERSION, format, files, problems };
}

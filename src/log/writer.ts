/** @file RunWriter: the one writer of a run's folder, from its first step to its last.
 * run.json is replaced whole (atomic.ts); metrics.jsonl grows by whole lines. Rows are buffered and reach the file
 * at the latest `flushMs` after they were appended, so that a killed run loses seconds of its log and never more
 * than its checkpoint brings back: `metricsLength` goes into the checkpoint, `truncateMetrics` cuts there on resume,
 * so no row is doubled. Values that are not finite are written as null with their kind beside them.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { LabError, storageError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { removeTempFiles, writeFully, writeJsonAtomic } from './atomic.ts';
import { metricsPath, recordPath } from './paths.ts';
import { type MetricRow, type RunRecord, runRecordSchema } from './record.ts';

export interface RunWriterOptions {
  /** Longest time a row waits in memory, milliseconds. Default 1000: a live view lags a second at most. */
  flushMs?: number;
}

/** Bytes of buffered rows that are written without waiting. */
const FLUSH_BYTES = 1 << 16;

/** Owns the folder `dir` of one run, made if absent. Every method throws `storage` where the disk refuses; after that
 * the file still ends with a whole row, and no row is lost: all that were appended wait for the next `flush`. */
export class RunWriter {
  readonly dir: string;
  readonly #path: string;
  readonly #flushMs: number;
  #file: number | null;
  #length: number;
  #pending: string[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #oldestMs = 0;

  constructor(dir: string, options: RunWriterOptions = {}) {
    this.dir = dir;
    this.#path = metricsPath(dir);
    this.#flushMs = options.flushMs ?? 1000;
    let file: number | null = null;
    try {
      makeFolder(dir);
      removeTempFiles(dir);
      file = openSync(this.#path, 'a+');
      this.#length = dropTornLine(file);
    } catch (error) {
      if (file !== null) closeSync(file);
      throw storageError(error, this.#path);
    }
    this.#file = file;
  }

  /** Replaces run.json. A record that no reader would accept is a bug of its maker and throws a plain Error. */
  writeRecord(record: RunRecord): void {
    const plain: unknown = JSON.parse(JSON.stringify(record));
    const checked = runRecordSchema.safeParse(plain);
    if (!checked.success) {
      const faults = checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      throw new Error(`record of run ${record.run_id} does not fit the schema: ${faults.join('; ')}`);
    }
    writeJsonAtomic(recordPath(this.dir), plain);
  }

  /** Adds one row to metrics.jsonl; it is on disk after `flushMs`, or at the next `flush`. */
  appendMetric(row: MetricRow): void {
    this.#openFile();
    if (this.#pending.length === 0) this.#oldestMs = performance.now();
    const line = encodeRow(row);
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    // A training loop may hold the event loop for long, so the clock is read here too, not only by the timer.
    const waited = performance.now() - this.#oldestMs;
    if (this.#pendingBytes >= FLUSH_BYTES || waited >= this.#flushMs) this.flush();
    else this.#timer ??= setTimeout(() => this.#flushQuietly(), this.#flushMs).unref();
  }

  /** Hands all buffered rows to the operating system. */
  flush(): void {
    const file = this.#openFile();
    this.#clearTimer();
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(this.#pending.join(''));
    try {
      writeFully(file, bytes);
    } catch (error) {
      this.#rollBack(file);
      throw storageError(error, this.#path);
    }
    this.#length += bytes.length;
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** Length of metrics.jsonl in bytes, once all rows so far are safe on the disk: what a checkpoint stores. */
  metricsLength(): number {
    this.flush();
    this.#sync();
    return this.#length;
  }

  /** SHA-256 of metrics.jsonl with all rows so far, for the record of a run that is over. */
  metricsSha256(): string {
    this.flush();
    try {
      return createHash('sha256').update(readFileSync(this.#path)).digest('hex');
    } catch (error) {
      throw storageError(error, this.#path, 'read');
    }
  }

  /** Cuts metrics.jsonl to `bytes`, a length that `metricsLength` gave; 0 starts it anew. Throws `storage` where the
   * file is shorter than that, or where no row ends there: it is not the file that was checkpointed. */
  truncateMetrics(bytes: number): void {
    this.flush();
    const file = this.#openFile();
    const damaged = (why: string) =>
      new LabError(
        'storage',
        `cannot resume ${this.#path} at byte ${bytes}: ${why}; delete the run's folder to redo it`,
      );
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw damaged('the checkpoint names no valid length');
    if (bytes > this.#length) throw damaged(`it has only ${this.#length} bytes`);
    try {
      if (bytes > 0 && byteAt(file, bytes - 1) !== NEWLINE) throw damaged('no row ends there');
      ftruncateSync(file, bytes);
    } catch (error) {
      throw storageError(error, this.#path);
    }
    this.#length = bytes;
    this.#sync();
  }

  /** Writes what is buffered and lets go of the file. Safe to call twice. */
  close(): void {
    if (this.#file === null) return;
    try {
      this.flush();
      this.#sync();
    } finally {
      this.#clearTimer();
      closeSync(this.#file);
      this.#file = null;
    }
  }

  #openFile(): number {
    if (this.#file === null) throw new Error(`the writer of ${this.dir} is closed`);
    return this.#file;
  }

  #sync(): void {
    try {
      fsyncSync(this.#openFile());
    } catch (error) {
      // EINVAL: metrics.jsonl is a pipe or a device, which has nothing to sync.
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw storageError(error, this.#path);
    }
  }

  /** From the timer, where nobody could catch: the rows stay buffered and the next call meets the same error. */
  #flushQuietly(): void {
    this.#timer = null;
    try {
      this.flush();
    } catch {
      // Reported by the next appendMetric, flush, metricsLength or close.
    }
  }

  /** A full disk may have taken part of a row: cut it off again, so that a reader meets whole rows only. */
  #rollBack(file: number): void {
    try {
      ftruncateSync(file, this.#length);
    } catch {
      // Readers tolerate a torn last line, and the next writer drops it.
    }
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const NEWLINE = 0x0a;

/** One line of metrics.jsonl. */
function encodeRow(row: MetricRow): string {
  const finite: Record<string, unknown> = { ...row };
  for (const [key, value] of Object.entries(row)) {
    if (typeof value !== 'number' || Number.isFinite(value)) continue;
    if (key === 'loss') {
      finite.loss = null;
      finite.nonfinite = Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
    } else if (key === 'grad_norm') finite.grad_norm = null;
    else if (key === 'step' || key === 'tokens') throw new Error(`metric row with ${key} ${value}`);
    else delete finite[key];
  }
  return `${JSON.stringify(finite)}\n`;
}

/** Cuts what a killed writer left after the last newline; returns the length. */
function dropTornLine(file: number): number {
  const size = fstatSync(file).size;
  let end = size;
  const block = Buffer.alloc(1 << 16);
  while (end > 0) {
    const start = Math.max(0, end - block.length);
    const got = readSync(file, block, 0, end - start, start);
    const last = block.subarray(0, got).lastIndexOf(NEWLINE);
    end = last < 0 ? start : start + last + 1;
    if (last >= 0) break;
  }
  if (end < size) ftruncateSync(file, end);
  return end;
}

function byteAt(file: number, position: number): number {
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  return byte[0] as number;
}

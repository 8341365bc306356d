/** @file A text of the user's: one UTF-8 file, or a JSONL file with a document a line.
 * A text file's tail is held out; of a JSONL file whole documents, evenly spread over the file. A byte order mark
 * at the start is dropped. What cannot be read is a `usage` error with file, line and value.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { DataConfig } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { type SourceText, splitDocuments } from './source.ts';

type TextConfig = Extract<DataConfig, { corpus: 'text' }>;

/** Longest text that fits one JavaScript string, which char and bpe need. */
const MAX_BYTES = 512 * 2 ** 20 - 64;

const NEWLINE = 0x0a;

function usage(message: string): LabError {
  return new LabError('usage', message);
}

function readBytes(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    const status = statSync(path);
    if (status.isDirectory()) throw usage(`corpus ${path} is a folder; give one UTF-8 file`);
    if (status.size > MAX_BYTES) {
      throw usage(`corpus ${path} has ${status.size} bytes, more than ${MAX_BYTES}; take a part of it`);
    }
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof LabError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw usage(`corpus ${path} does not exist; data.path is relative to the config file`);
    }
    throw new LabError('usage', `cannot read corpus ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
  if (bytes.length === 0) throw usage(`corpus ${path} is empty`);
  return bytes;
}

/** The lines of `bytes` without their newlines, each with its number from 1. */
function* linesOf(bytes: Uint8Array): Generator<[number, Uint8Array]> {
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const end = bytes.indexOf(NEWLINE, start);
    yield [number, bytes.subarray(start, end < 0 ? bytes.length : end)];
    start = end < 0 ? bytes.length : end + 1;
  }
}

function checkUtf8(bytes: Uint8Array, path: string): void {
  if (isUtf8(bytes)) return;
  for (const [number, line] of linesOf(bytes)) {
    if (!isUtf8(line)) throw usage(`${path}:${number}: not UTF-8; convert the file, for example with iconv -t UTF-8`);
  }
}

/** `value` as a short phrase for an error message. */
function describe(value: unknown): string {
  const text = JSON.stringify(value);
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  return value === null ? kind : `${kind} (${text.length > 40 ? `${text.slice(0, 40)}...` : text})`;
}

function documentOf(line: string, field: string, place: string): string {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw usage(`${place}: not JSON: ${(error as Error).message}`);
  }
  if (row === null || typeof row !== 'object' || Array.isArray(row)) {
    throw usage(`${place}: ${describe(row)} where a JSON object with the field "${field}" is needed`);
  }
  if (!Object.hasOwn(row, field)) {
    const fields = Object.keys(row).slice(0, 8).join(', ') || 'none';
    throw usage(`${place}: field "${field}" is missing (fields here: ${fields}); set data.text_field`);
  }
  const text = (row as Record<string, unknown>)[field];
  if (typeof text !== 'string') throw usage(`${place}: field "${field}" is ${describe(text)}, not a string`);
  return text;
}

function readJsonl(bytes: Uint8Array, path: string, { text_field, val_fraction }: TextConfig) {
  const documents: Uint8Array[] = [];
  for (const [number, line] of linesOf(bytes)) {
    const json = Buffer.from(line).toString('utf8');
    if (json.trim() === '') continue;
    const text = documentOf(json, text_field, `${path}:${number}`);
    if (text !== '') documents.push(Buffer.from(text, 'utf8'));
  }
  if (documents.length < 2) {
    throw usage(
      `corpus ${path} has ${documents.length} documents that are not empty; at least 2 are needed, to hold out one`,
    );
  }
  // Document i is held out where the running share passes the next whole number; the last one at the latest.
  const share = (i: number) => Math.floor(i * val_fraction + 1e-9);
  const is_any = share(documents.length) > 0;
  return splitDocuments(documents, (i) => (is_any ? share(i + 1) > share(i) : i === documents.length - 1));
}

function splitTail(bytes: Uint8Array, val_fraction: number) {
  let cut = Math.floor(bytes.length * (1 - val_fraction));
  // Never inside a character: continuation bytes are 10xxxxxx.
  while (cut < bytes.length && (bytes[cut]! & 0xc0) === 0x80) cut++;
  return { train: bytes.subarray(0, cut), val: bytes.subarray(cut), num_train_documents: 1, num_val_documents: 1 };
}

/** Reads and splits the file that `data` names, relative to `base_dir`. */
export function userText(data: TextConfig, base_dir: string): SourceText {
  const path = resolve(base_dir, data.path);
  const bytes = readBytes(path);
  checkUtf8(bytes, path);
  const is_json_as_text = data.format === 'text' && /\.(jsonl|ndjson)$/i.test(path);
  const warnings = is_json_as_text
    ? [`${path} is read as plain text, JSON syntax included; set data.format: jsonl`]
    : [];
  const split = data.format === 'jsonl' ? readJsonl(bytes, path, data) : splitTail(bytes, data.val_fraction);
  return { name: basename(path), ...split, warnings };
}

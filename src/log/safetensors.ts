/** @file The safetensors format (version 0.3: 8 bytes of header length, JSON header, raw little-endian data), float32
 * only. Other frameworks read a checkpoint as it is; the format of the header is fixed by its specification.
 */
import { LabError } from '../lib/errors.ts';

/** One tensor: its shape and its values in row-major order. */
export interface StoredTensor {
  shape: number[];
  values: Float32Array;
}

/** Everything that a file holds. Metadata are strings by the format's rule. */
export interface TensorFile {
  tensors: Record<string, StoredTensor>;
  metadata: Record<string, string>;
}

const MAX_HEADER_BYTES = 100_000_000;
const ALIGNMENT = 8;

/** The bytes of a file with `tensors` in the order given. */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(8 + headerBytes + end, ' ');
  bytes.writeBigUInt64LE(BigInt(headerBytes), 0);
  json.copy(bytes, 8);
  let at = 8 + headerBytes;
  for (const { values } of Object.values(tensors)) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/** Reads a file back. Throws `storage`, naming `path` and the fault, on anything that is not a whole float32 file. */
export function decodeSafetensors(bytes: Uint8Array, path: string): TensorFile {
  const damaged = (why: string) => new LabError('storage', `damaged file ${path}: ${why}`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 8) throw damaged('shorter than its header');
  const headerBytes = Number(buffer.readBigUInt64LE(0));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > buffer.length) throw damaged('its header is cut off');
  const header = parseHeader(buffer.toString('utf8', 8, 8 + headerBytes));
  if (!header) throw damaged('its header is not a JSON object');
  const data = buffer.subarray(8 + headerBytes);
  // Without a prototype: a tensor may bear any name.
  const tensors: Record<string, StoredTensor> = Object.create(null);
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (!isTextMap(entry)) throw damaged('its metadata are not texts');
      metadata = entry;
      continue;
    }
    const tensor = readTensor(entry, data);
    if (!tensor) throw damaged(`tensor ${name} is not a float32 tensor inside the file`);
    tensors[name] = tensor;
  }
  return { tensors, metadata };
}

function parseHeader(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const isTextMap = (entry: unknown): entry is Record<string, string> =>
  typeof entry === 'object' && entry !== null && Object.values(entry).every((text) => typeof text === 'string');

function readTensor(entry: unknown, data: Buffer): StoredTensor | null {
  const { dtype, shape, data_offsets } = (entry ?? {}) as Record<string, unknown>;
  const whole = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (dtype !== 'F32' || !whole(shape) || !whole(data_offsets) || data_offsets.length !== 2) return null;
  const [start, end] = data_offsets as [number, number];
  const size = shape.reduce((a, b) => a * b, 1);
  if (end - start !== 4 * size || end > data.length) return null;
  // A copy: the data may start at an address that is no multiple of 4.
  const values = new Float32Array(size);
  new Uint8Array(values.buffer).set(data.subarray(start, end));
  return { shape, values };
}

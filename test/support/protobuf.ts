/** @file Reads TFRecord files and Protocol Buffers messages, independently of the writer under test.
 * Follows the published wire format; the CRC-32C here is computed bit by bit, without a table.
 */

/** Payloads of a TFRecord file; throws where a length or a checksum is wrong. */
export function readTfRecords(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const payloads: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    checkCrc(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    const payload = file.subarray(at + 12, at + 12 + length);
    checkCrc(payload, view.getUint32(at + 12 + length, true));
    payloads.push(payload);
    at += length + 16;
  }
  return payloads;
}

export interface ScalarEvent {
  wall_time: number;
  step: number;
  file_version: string | null;
  values: { tag: string; simple_value: number }[];
}

/** An Event message of TensorFlow's event.proto with its Summary of simple values. Throws on any other field. */
export function decodeEvent(payload: Uint8Array): ScalarEvent {
  const event: ScalarEvent = { wall_time: 0, step: 0, file_version: null, values: [] };
  for (const { field, value } of fieldsOf(payload)) {
    if (field === 1) event.wall_time = asView(value).getFloat64(0, true);
    else if (field === 2) event.step = Number(value);
    else if (field === 3) event.file_version = new TextDecoder().decode(value as Uint8Array);
    else if (field === 5) event.values.push(...fieldsOf(value as Uint8Array).map((entry) => decodeValue(entry.value)));
    else throw new Error(`unknown field ${field} of Event`);
  }
  return event;
}

function decodeValue(bytes: bigint | Uint8Array): { tag: string; simple_value: number } {
  const decoded = { tag: '', simple_value: Number.NaN };
  for (const { field, value } of fieldsOf(bytes as Uint8Array)) {
    if (field === 1) decoded.tag = new TextDecoder().decode(value as Uint8Array);
    else if (field === 2) decoded.simple_value = asView(value).getFloat32(0, true);
    else throw new Error(`unknown field ${field} of Value`);
  }
  return decoded;
}

function fieldsOf(bytes: Uint8Array): { field: number; value: bigint | Uint8Array }[] {
  const fields: { field: number; value: bigint | Uint8Array }[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('message ends inside a varint');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (size: number): Uint8Array => {
    if (at + size > bytes.length) throw new Error('message ends inside a field');
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wireType = key & 7;
    if (wireType === 0) fields.push({ field: key >> 3, value: varint() });
    else if (wireType === 1) fields.push({ field: key >> 3, value: take(8) });
    else if (wireType === 2) fields.push({ field: key >> 3, value: take(Number(varint())) });
    else if (wireType === 5) fields.push({ field: key >> 3, value: take(4) });
    else throw new Error(`unknown wire type ${wireType}`);
  }
  return fields;
}

function asView(value: bigint | Uint8Array): DataView {
  if (typeof value === 'bigint') throw new Error('a varint where bytes were expected');
  return new DataView(value.buffer, value.byteOffset, value.byteLength);
}

function checkCrc(bytes: Uint8Array, stored: number): void {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  const masked = (((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn;
  if (masked !== BigInt(stored)) throw new Error(`checksum ${stored}, expected ${masked}`);
}

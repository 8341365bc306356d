/** @file Token files: 16-bit little-endian ids without a header, the format of nanoGPT's train.bin and val.bin. */
import { endianness } from 'node:os';

const is_little_endian = endianness() === 'LE';

/** The bytes of `tokens` as they stand in a file; on little-endian machines a view, not a copy. */
export function tokenBytes(tokens: Uint16Array): Buffer {
  const bytes = Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  return is_little_endian ? bytes : Buffer.from(bytes).swap16();
}

/** The tokens in the bytes of a token file; an odd last byte is dropped. */
export function tokensOf(bytes: Buffer): Uint16Array {
  const length = bytes.length >> 1;
  const is_aligned = bytes.byteOffset % 2 === 0;
  if (is_little_endian && is_aligned) return new Uint16Array(bytes.buffer, bytes.byteOffset, length);
  const copy = new Uint16Array(length);
  for (let i = 0; i < length; i++) copy[i] = bytes.readUInt16LE(2 * i);
  return copy;
}

/** @file Tokens that are bytes: all 256, or only the live ones.
 * live-byte numbers the byte values that occur in a corpus (training and validation) in ascending order: 102 on
 * State of the Union. So no row of the embedding is dead, which at d_model 8 would be half the parameters.
 * In tokenizer.json a byte is spelled by one printable character, by GPT-2's table (Radford et al. 2019).
 */
import { LabError } from '../lib/errors.ts';
import { entryOf, type Tokenizer } from './tokenizer.ts';

const isPrintable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** GPT-2's table: printable Latin-1 stands for itself, the 68 others for U+0100, U+0101, ... in order. */
const CHARS: readonly string[] = (() => {
  let num_shifted = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 256 + num_shifted++));
})();

const BYTES = new Map(CHARS.map((char, byte) => [char, byte]));

/** The character that spells `byte` in tokenizer.json. */
export function charFromByte(byte: number): string {
  return CHARS[byte]!;
}

/** The byte that `char` spells, undefined where it spells none. */
export function byteFromChar(char: string): number | undefined {
  return BYTES.get(char);
}

/** UTF-8 of a string; bytes are taken as they are. */
export function utf8(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
}

/** Text of UTF-8 bytes; a byte order mark stays, what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** The byte values that occur in any of `texts`, ascending. */
export function liveBytes(...texts: Uint8Array[]): number[] {
  const seen = new Uint8Array(256);
  for (const text of texts) for (let i = 0; i < text.length; i++) seen[text[i]!] = 1;
  return Array.from(seen.keys()).filter((byte) => seen[byte] === 1);
}

/** A tokenizer of single bytes; token i stands for `bytes[i]`. All 256 in order is `byte`, fewer is `live-byte`. */
export function byteTokenizer(bytes: readonly number[]): Tokenizer {
  const NONE = 0xffff;
  const ids = new Uint16Array(256).fill(NONE);
  bytes.forEach((byte, id) => {
    ids[byte] = id;
  });
  const encode = (text: string | Uint8Array) => {
    const source = utf8(text);
    const out = new Uint16Array(source.length);
    for (let i = 0; i < source.length; i++) {
      const id = ids[source[i]!]!;
      if (id === NONE) {
        throw new LabError(
          'usage',
          `no token for byte ${source[i]} (0x${source[i]!.toString(16).padStart(2, '0')}) at offset ${i}: ` +
            `this live-byte tokenizer knows ${bytes.length} byte values; use tokenizer byte`,
        );
      }
      out[i] = id;
    }
    return out;
  };
  return {
    name: bytes.length === 256 ? 'byte' : 'live-byte',
    vocab_size: bytes.length,
    encode,
    decode: (tokens) => textOf(Uint8Array.from(tokens, (id) => entryOf(bytes, id))),
    has: (character) => utf8(character).every((byte) => ids[byte] !== NONE),
    vocab: bytes.map(charFromByte),
    merges: [],
    level: 'bytes',
  };
}

/** @file What a tokenizer is: a record of functions between text and ids, with what its file needs.
 * Made by byte-tokenizer, char-tokenizer and bpe-tokenizer; written and read by tokenizer-file.
 */
import { LabError } from '../lib/errors.ts';

/** Text to token ids and back. Lone surrogates of a string count as U+FFFD, as in UTF-8. */
export interface Tokenizer {
  /** live-byte, byte, char, or bpe-<entries>; for a synthetic language symbols-<alphabet>. */
  name: string;
  vocab_size: number;
  /** UTF-8 bytes or a string to ids; a `usage` error names the first character that has no token. */
  encode: (text: string | Uint8Array) => Uint16Array;
  decode: (ids: ArrayLike<number>) => string;
  /** Whether a single character can be encoded. */
  has: (character: string) => boolean;
  /** Token strings by id, in the spelling of tokenizer.json. */
  vocab: readonly string[];
  /** Pairs of token strings in the order they merge. */
  merges: readonly (readonly [string, string])[];
  /** How text is cut before merging: GPT-2's pattern on bytes, bytes, or characters. */
  level: 'words' | 'bytes' | 'characters';
}

/** `table[id]`, or a `usage` error that names an id beyond the table. */
export function entryOf<T>(table: ArrayLike<T>, id: number): T {
  const entry = table[id];
  if (entry === undefined) {
    throw new LabError('usage', `no token ${id}: the vocabulary has ids 0 .. ${table.length - 1}`);
  }
  return entry;
}

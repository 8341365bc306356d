/** @file Tokens that are characters (Unicode code points), numbered in the order given.
 * For the `char` tokenizer the characters of the corpus in ascending order; for a synthetic language its symbols.
 */
import { LabError } from '../lib/errors.ts';
import { textOf } from './byte-tokenizer.ts';
import { entryOf, type Tokenizer } from './tokenizer.ts';

const MAX_CHARS = 65535;

/** The characters that occur in any of `texts`, by ascending code point. */
export function liveChars(...texts: string[]): string[] {
  const seen = new Set<number>();
  for (const text of texts) for (const char of text) seen.add(char.codePointAt(0)!);
  if (seen.size > MAX_CHARS) {
    throw new LabError(
      'usage',
      `too many characters: ${seen.size} differ, tokens hold ${MAX_CHARS}; use tokenizer bpe`,
    );
  }
  return Array.from(seen)
    .sort((a, b) => a - b)
    .map((code) => String.fromCodePoint(code));
}

/** A tokenizer of single characters; token i stands for `chars[i]`. */
export function charTokenizer(chars: readonly string[], name = 'char'): Tokenizer {
  const ids = new Map(chars.map((char, id) => [char.codePointAt(0)!, id]));
  const encode = (source: string | Uint8Array) => {
    const text = typeof source === 'string' ? source : textOf(source);
    const out = new Uint16Array(text.length);
    let length = 0;
    for (const char of text) {
      const code = char.codePointAt(0)!;
      const id = ids.get(code);
      if (id === undefined) {
        const point = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
        throw new LabError(
          'usage',
          `no token for character ${JSON.stringify(char)} (${point}), character ${length + 1} of the text: ` +
            `this tokenizer knows ${chars.length} characters; use tokenizer byte or bpe`,
        );
      }
      out[length++] = id;
    }
    return out.slice(0, length);
  };
  return {
    name,
    vocab_size: chars.length,
    encode,
    decode: (tokens) => Array.from(tokens, (id) => entryOf(chars, id)).join(''),
    has: (character) => ids.has(character.codePointAt(0)!),
    vocab: chars,
    merges: [],
    level: 'characters',
  };
}

/** Characters that show the symbols of a synthetic language: letters and digits up to 64, else ideographs. */
export function symbolChars(alphabet: number): string[] {
  const readable = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  if (alphabet <= readable.length) return Array.from(readable.slice(0, alphabet));
  return Array.from({ length: alphabet }, (_, symbol) => String.fromCodePoint(0x4e00 + symbol));
}

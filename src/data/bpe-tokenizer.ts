/** @file Byte-level BPE as GPT-2's: text is cut into words by its pattern, a word's bytes merge by rank.
 * The pattern is that of the ByteLevel pre-tokenizer of Hugging Face's libraries (Radford et al. 2019); `\s` is
 * JavaScript's, which differs from theirs in Rust on U+FEFF and U+0085 only. Any text can be encoded.
 */
import { byteFromChar, charFromByte, textOf, utf8 } from './byte-tokenizer.ts';
import { entryOf, type Tokenizer } from './tokenizer.ts';

const PATTERN = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Words kept with their ids while encoding; State of the Union has 32,000 different ones. */
const CACHE_WORDS = 200_000;

/** Calls `visit` with each word of `text`, in order; the words joined are the text. */
export function forEachWord(text: string, visit: (word: string) => void): void {
  PATTERN.lastIndex = 0;
  for (let match = PATTERN.exec(text); match !== null; match = PATTERN.exec(text)) visit(match[0]);
}

/** One number for a pair of ids, ordered as the pairs are. */
export function pairKey(left: number, right: number): number {
  return left * 65536 + right;
}

interface Merge {
  rank: number;
  left: number;
  right: number;
  merged: number;
}

/** Merges a pair in `ids` from the left until a merge makes room for one of lower rank, which comes first: two pairs
 * may spell one token, so a pair can hold a token that is younger than itself. */
function mergeFromLeft(
  ids: number[],
  { rank, left, right, merged }: Merge,
  rankOf: (left: number | undefined, right: number | undefined) => number,
): void {
  let length = 0;
  let is_open = true;
  for (let i = 0; i < ids.length; i++) {
    if (is_open && ids[i] === left && ids[i + 1] === right) {
      const before = length > 0 ? ids[length - 1] : undefined;
      ids[length++] = merged;
      i++;
      is_open = rankOf(before, merged) > rank && rankOf(merged, ids[i + 1]) > rank;
    } else ids[length++] = ids[i]!;
  }
  ids.length = length;
}

/** A tokenizer from token strings by id and the pairs that merge, in order, both spelled by `charFromByte`. */
export function bpeTokenizer(vocab: readonly string[], merges: readonly (readonly [string, string])[]): Tokenizer {
  const idOf = new Map(vocab.map((token, id) => [token, id]));
  const byteIds = Array.from({ length: 256 }, (_, byte) => idOf.get(charFromByte(byte))!);
  const ranks = new Map<number, Merge>();
  merges.forEach(([a, b], rank) => {
    const [left, right, merged] = [idOf.get(a), idOf.get(b), idOf.get(a + b)];
    if (left === undefined || right === undefined || merged === undefined) return;
    ranks.set(pairKey(left, right), { rank, left, right, merged });
  });
  const bytesOf = vocab.map((token) => Uint8Array.from(token, (char) => byteFromChar(char) ?? 0x3f));

  const rankOf = (left: number | undefined, right: number | undefined) =>
    left === undefined || right === undefined ? Infinity : (ranks.get(pairKey(left, right))?.rank ?? Infinity);
  const encodeWord = (word: string): number[] => {
    const ids = Array.from(utf8(word), (byte) => byteIds[byte]!);
    for (;;) {
      let best: Merge | undefined;
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = ranks.get(pairKey(ids[i]!, ids[i + 1]!));
        if (merge && (best === undefined || merge.rank < best.rank)) best = merge;
      }
      if (!best) return ids;
      mergeFromLeft(ids, best, rankOf);
    }
  };

  const cache = new Map<string, number[]>();
  const encode = (source: string | Uint8Array) => {
    const text = typeof source === 'string' ? source : textOf(source);
    let out = new Uint16Array(Math.max(16, text.length));
    let length = 0;
    forEachWord(text, (word) => {
      let ids = cache.get(word);
      if (!ids) {
        ids = encodeWord(word);
        if (cache.size >= CACHE_WORDS) cache.clear();
        cache.set(word, ids);
      }
      if (length + ids.length > out.length) {
        const larger = new Uint16Array(2 * out.length + ids.length);
        larger.set(out);
        out = larger;
      }
      for (let i = 0; i < ids.length; i++) out[length++] = ids[i]!;
    });
    return out.slice(0, length);
  };

  return {
    name: `bpe-${vocab.length}`,
    vocab_size: vocab.length,
    encode,
    decode: (tokens) => textOf(Buffer.concat(Array.from(tokens, (id) => entryOf(bytesOf, id)))),
    has: () => true,
    vocab,
    merges,
    level: 'words',
  };
}

/** @file Tokenizers: round trips, their files, and agreement with Hugging Face's library on real text. */
import { Tokenizer as HuggingFace } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainBpe } from '../../src/data/bpe-train.ts';
import { mobyDick } from '../../src/data/bundled-text.ts';
import { byteFromChar, byteTokenizer, charFromByte, liveBytes, utf8 } from '../../src/data/byte-tokenizer.ts';
import { charTokenizer, liveChars, symbolChars } from '../../src/data/char-tokenizer.ts';
import type { Tokenizer } from '../../src/data/tokenizer.ts';
import { parseTokenizer, tokenizerJson } from '../../src/data/tokenizer-file.ts';

const moby = Buffer.from(mobyDick()).toString('utf8');
/** Real text with dashes, quotes, line breaks, numbers and capitals. */
const sample = moby.slice(0, 150_000);
const bpe = trainBpe(sample, 700);
const byte = byteTokenizer(Array.from({ length: 256 }, (_, i) => i));
const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());

function oracle(tokenizer: Tokenizer): HuggingFace {
  return new HuggingFace(JSON.parse(tokenizerJson(tokenizer)), { clean_up_tokenization_spaces: false });
}

describe.each([
  ['byte', byte],
  ['bpe', bpe],
])('%s', (_, tokenizer) => {
  it('decodes to the text it encoded, any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps what other readers trip over: byte order mark, NUL, CR, combined characters', () => {
    for (const text of ['\ufeffa', 'a\0b', 'a\r\nb\u0085c', 'e\u0301 👩‍👩‍👧 \u2028', '   \t\n  x  ', "it's we'll 'S"]) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      expect(tokenizer.encode(utf8(text))).toEqual(tokenizer.encode(text));
    }
    expect(tokenizer.encode('')).toHaveLength(0);
  });
});

describe('files', () => {
  const tokenizers: [string, Tokenizer][] = [
    ['byte', byte],
    ['live-byte', byteTokenizer(liveBytes(utf8(sample)))],
    ['char', charTokenizer(liveChars(sample))],
    ['bpe', bpe],
    ['symbols', charTokenizer(symbolChars(4096), 'symbols-4096')],
  ];

  it.each(tokenizers)('%s reads back as it was', (name, tokenizer) => {
    const read = parseTokenizer(tokenizerJson(tokenizer), 'tokenizer.json');
    expect(tokenizerJson(read)).toBe(tokenizerJson(tokenizer));
    if (name === 'symbols') return;
    expect(read.name).toBe(tokenizer.name);
    expect(read.encode(sample).join()).toBe(tokenizer.encode(sample).join());
    expect(read.decode(tokenizer.encode(sample))).toBe(sample);
  });

  it.each(tokenizers)('%s means the same to Hugging Face', (name, tokenizer) => {
    const text = name === 'symbols' ? symbolChars(4096).join('') : sample.slice(0, 40_000);
    const ours = tokenizer.encode(text);
    const theirs = oracle(tokenizer);
    expect(theirs.encode(text).ids.join()).toBe(ours.join());
    expect(theirs.decode(Array.from(ours))).toBe(text);
  });

  it.each([
    ['{', 'JSON'],
    ['{}', 'model.vocab is missing'],
    ['null', 'model.vocab is missing'],
    ['{"model":{"vocab":{"a":0,"b":2}}}', 'ids are not 0 .. 1: 1 is missing'],
    ['{"model":{"vocab":{"a":0}},"pre_tokenizer":{"type":"Whitespace"}}', 'pre_tokenizer is Whitespace'],
    [
      '{"model":{"vocab":{"ab":0}},"pre_tokenizer":{"type":"ByteLevel","use_regex":false}}',
      '"ab" is not a single byte',
    ],
    ['{"model":{"vocab":{"a":0}},"pre_tokenizer":{"type":"ByteLevel","use_regex":true}}', 'byte 0 has no entry'],
  ])('%s is refused', (json, why) => {
    expect(() => parseTokenizer(json, '/some/tokenizer.json')).toThrow(why);
    expect(() => parseTokenizer(json, '/some/tokenizer.json')).toThrow('/some/tokenizer.json');
  });
});

describe('byte and char', () => {
  it('spell bytes by one printable character each', () => {
    const chars = Array.from({ length: 256 }, (_, i) => charFromByte(i));
    expect(new Set(chars).size).toBe(256);
    expect(chars.join('')).toMatch(/^[^\s\p{C}]{256}$/u);
    expect(chars.map(byteFromChar)).toEqual(Array.from({ length: 256 }, (_, i) => i));
    expect(charFromByte(0x20)).toBe('Ġ');
    expect(charFromByte(0x0a)).toBe('Ċ');
  });

  it('number the live alphabet in order', () => {
    expect(liveBytes(utf8('cab'), utf8('\n'))).toEqual([10, 97, 98, 99]);
    expect(liveChars('b€a', '𝄞')).toEqual(['a', 'b', '€', '𝄞']);
    const live = byteTokenizer(liveBytes(utf8('cab')));
    expect(live.name).toBe('live-byte');
    expect(Array.from(live.encode('abc'))).toEqual([0, 1, 2]);
  });

  it('name what they cannot encode and what they cannot decode', () => {
    const live = byteTokenizer(liveBytes(utf8('cab')));
    expect(() => live.encode('ax')).toThrow('no token for byte 120 (0x78) at offset 1');
    expect(() => live.decode([0, 3])).toThrow('no token 3: the vocabulary has ids 0 .. 2');
    const char = charTokenizer(['a', '€']);
    expect(() => char.encode('a€ä')).toThrow('no token for character "ä" (U+00E4), character 3 of the text');
    expect(() => char.decode([2])).toThrow('no token 2');
    expect(() => bpe.decode([700])).toThrow('no token 700');
    expect([live.has('a'), live.has('é'), char.has('€'), char.has('b')]).toEqual([true, false, true, false]);
  });
});

describe('bpe', () => {
  it('learns merges by count, ties by the lowest ids', () => {
    // ab occurs 3 times; then (ab, c) twice; (x, y) and (y, x) are tied at 2 and x comes first.
    const tokenizer = trainBpe('abc abc ab xyx xyx', 260);
    expect(tokenizer.merges.slice(0, 2)).toEqual([
      ['a', 'b'],
      ['Ġ', 'x'],
    ]);
    expect(tokenizer.vocab_size).toBe(260);
    expect(tokenizer.vocab.slice(0, 2)).toEqual([charFromByte(0), charFromByte(1)]);
  });

  it('stops when no pair is left that occurs twice', () => {
    expect(trainBpe('abcd', 300).vocab_size).toBe(256);
    expect(trainBpe('', 300).vocab_size).toBe(256);
    expect(trainBpe('aaaa aaaa', 300).merges.length).toBeLessThan(5);
  });

  it('counts pairs as a recount of the whole text would', () => {
    // Naive trainer: recount everything before each merge.
    const text = sample.slice(0, 6000);
    const fast = trainBpe(text, 330);
    const words = new Map<string, number>();
    for (const word of text.match(/'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu)!) {
      words.set(word, (words.get(word) ?? 0) + 1);
    }
    const split = Array.from(words, ([word, count]) => ({ tokens: Array.from(utf8(word), charFromByte), count }));
    const ids = new Map(Array.from({ length: 256 }, (_, i) => [charFromByte(i), i]));
    for (const [left, right] of fast.merges) {
      const counts = new Map<string, number>();
      for (const { tokens, count } of split) {
        for (let i = 0; i + 1 < tokens.length; i++) {
          const pair = `${tokens[i]} ${tokens[i + 1]}`;
          counts.set(pair, (counts.get(pair) ?? 0) + count);
        }
      }
      const order = (pair: string) => {
        const [a, b] = pair.split(' ');
        return ids.get(a!)! * 65536 + ids.get(b!)!;
      };
      const best = Array.from(counts).sort((a, b) => b[1] - a[1] || order(a[0]) - order(b[0]))[0]!;
      expect(`${left} ${right}`).toBe(best[0]);
      for (const word of split) {
        const merged: string[] = [];
        for (let i = 0; i < word.tokens.length; i++) {
          const is_pair = word.tokens[i] === left && word.tokens[i + 1] === right;
          merged.push(is_pair ? left + right : word.tokens[i]!);
          if (is_pair) i++;
        }
        word.tokens = merged;
      }
      if (!ids.has(left + right)) ids.set(left + right, ids.size);
    }
    expect(fast.merges.length).toBeGreaterThanOrEqual(74);
  });

  it('follows merge ranks as Hugging Face does where two pairs spell one token', () => {
    // (a, bc) and (ab, c) both spell abc; (abc, a) ranks between them.
    const merges: [string, string][] = [
      ['b', 'c'],
      ['a', 'bc'],
      ['abc', 'a'],
      ['a', 'b'],
      ['ab', 'c'],
    ];
    const tokens = [...byte.vocab, 'bc', 'abc', 'abca', 'ab'];
    const base = JSON.parse(tokenizerJson(bpe));
    base.model.vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const alphabet = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 24 });
    fc.assert(
      fc.property(fc.shuffledSubarray(merges, { minLength: 2 }), alphabet, (subset, text) => {
        base.model.merges = subset.map(([a, b]) => `${a} ${b}`);
        const ours = parseTokenizer(JSON.stringify(base), 'tokenizer.json');
        const theirs = new HuggingFace(base, { clean_up_tokenization_spaces: false });
        expect(Array.from(ours.encode(text))).toEqual(text === '' ? [] : theirs.encode(text).ids);
      }),
      { numRuns: 400 },
    );
  });
});

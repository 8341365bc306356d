/** @file The synthetic language `zipf-lexicon`: a stream of records whose entropy is known exactly.
 * A record is a rank r drawn from the truncated zeta law; the 48-bit number r-1, permuted by a seeded Feistel
 * network on 2 x 24 bits, is written in log2(V)-bit symbols, highest first (V 64: m = 8 symbols). Permuting
 * keeps records of different ranks different, so with K ranks `E = H(rank) / m` nats a token, exactly.
 * Bending variant: with probability w the record is one of K2 equally likely late ranks K+1 .. K+K2:
 * `H = (1-w) H_zipf + w ln K2 + h(w)`. Theory for it: Hutter 2102.04074, Michaud 2303.13506.
 * The stream is cut into blocks with a random substream each; a token is a pure function of seed and index,
 * whatever the context length and batch size.
 */
import { createHash } from 'node:crypto';
import type { DataConfig } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { type Rng, rngStream } from '../lib/rng.ts';
import { type Feistel, feistel, permute, unpermute } from './feistel.ts';
import { fineUniform, rankSampler, type ZipfLaw, zipfEntropy, zipfLaw, zipfNll } from './zipf-law.ts';

export type ZipfConfig = Extract<DataConfig, { corpus: 'zipf-lexicon' }>;

const HALF_BITS = 24;
const NUM_NUMBERS = 2 ** (2 * HALF_BITS);
/** Records of one random substream: long enough that seeding it (2.3 microseconds) is a small part of its cost. */
const BLOCK_RECORDS = 128;

/** A language ready to speak. */
export interface Language {
  /** V */
  alphabet: number;
  /** m, symbols of one record. */
  record_length: number;
  law: ZipfLaw;
  /** w and K2 of the bending variant, else null. */
  late: { share: number; size: number } | null;
  spelling: Feistel;
  drawRank: (rng: Rng) => number;
  /** SHA-256 of the canonical definition: everything that decides a token, in a fixed order. */
  sha256: string;
}

function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new LabError('usage', `invalid ${name}: ${value} is not a whole number of at least 1`);
}

/** The language of a data block. Errors when the two lexicons hold more records than 48 bits can spell. */
export function zipfLanguage(data: ZipfConfig): Language {
  const { tail, alphabet, language_seed } = data;
  const lexicon_size = wholeNumber('lexicon_size', data.lexicon_size);
  const late = data.late_records
    ? { share: data.late_records.share, size: wholeNumber('late_records.size', data.late_records.size) }
    : null;
  if (lexicon_size + (late?.size ?? 0) > NUM_NUMBERS) {
    const what = late
      ? `lexicon_size + late_records.size: ${lexicon_size} + ${late.size}`
      : `lexicon_size: ${lexicon_size}`;
    throw new LabError('usage', `invalid ${what} is above 2^48, the records that 48 bits can spell; make it smaller`);
  }
  const law = zipfLaw(tail, lexicon_size);
  const canonical = { language: 'zipf-lexicon', version: 1, tail, alphabet, lexicon_size, late, language_seed };
  return {
    alphabet,
    record_length: (2 * HALF_BITS) / Math.log2(alphabet),
    law,
    late,
    spelling: feistel(HALF_BITS, rngStream(language_seed, 'zipf-lexicon/spelling')),
    drawRank: rankSampler(law),
    sha256: createHash('sha256').update(JSON.stringify(canonical)).digest('hex'),
  };
}

/** Exact entropy, nats a token: `H / m`. */
export function languageEntropy({ law, late, record_length }: Language): number {
  const common = zipfEntropy(law);
  if (!late) return common / record_length;
  const w = late.share;
  const choice = -w * Math.log(w) - (1 - w) * Math.log1p(-w);
  return ((1 - w) * common + w * Math.log(late.size) + choice) / record_length;
}

/** `-ln p` of the record of `rank`, nats; ranks above K are the late ones. */
export function recordNll({ law, late }: Language, rank: number): number {
  if (!late) return zipfNll(law, rank);
  return rank > law.size ? Math.log(late.size / late.share) : zipfNll(law, rank) - Math.log1p(-late.share);
}

/** Writes the record of `rank` (1 .. 2^48) to `tokens[at .. at + m)`. */
export function spellRecord(language: Language, rank: number, tokens: Uint16Array, at: number): void {
  const number = permute(language.spelling, rank - 1);
  const high = Math.floor(number / 2 ** HALF_BITS);
  const per_half = language.record_length / 2;
  const bits = HALF_BITS / per_half;
  for (let i = 0; i < per_half; i++) {
    const shift = HALF_BITS - bits * (i + 1);
    tokens[at + i] = (high >>> shift) & (language.alphabet - 1);
    tokens[at + per_half + i] = ((number - high * 2 ** HALF_BITS) >>> shift) & (language.alphabet - 1);
  }
}

/** The rank of the record at `tokens[at .. at + m)`: the inverse of `spellRecord`. */
export function readRecord(language: Language, tokens: Uint16Array, at: number): number {
  let number = 0;
  for (let i = 0; i < language.record_length; i++) number = number * language.alphabet + tokens[at + i]!;
  return unpermute(language.spelling, number) + 1;
}

function drawRecord({ law, late, drawRank }: Language, rng: Rng): number {
  if (late && rng() < late.share) return law.size + Math.max(1, Math.ceil(fineUniform(rng) * late.size));
  return drawRank(rng);
}

/** An endless stream: `read(from, count)` gives tokens `from .. from + count - 1`. Reading in order is fastest. */
export interface TokenStream {
  read(from: number, count: number): Uint16Array;
}

/** The stream `name` of `seed` in this language. Keeps the last block it made, nothing else. */
export function tokenStream(language: Language, seed: number, name: string): TokenStream {
  const block_tokens = BLOCK_RECORDS * language.record_length;
  const block = new Uint16Array(block_tokens);
  let block_index = -1;
  const load = (index: number) => {
    if (index === block_index) return;
    const rng = rngStream(seed, `zipf-lexicon/${name}/${index}`);
    for (let i = 0; i < BLOCK_RECORDS; i++) {
      spellRecord(language, drawRecord(language, rng), block, i * language.record_length);
    }
    block_index = index;
  };
  return {
    read(from, count) {
      const tokens = new Uint16Array(count);
      let done = 0;
      while (done < count) {
        const index = Math.floor((from + done) / block_tokens);
        const start = from + done - index * block_tokens;
        const length = Math.min(block_tokens - start, count - done);
        load(index);
        tokens.set(block.subarray(start, start + length), done);
        done += length;
      }
      return tokens;
    },
  };
}

/** Symbols that some record contains. Counted for small lexicons; with more than 65,536 records, all of them. */
export function liveSymbols(language: Language): number {
  const num_records = language.law.size + (language.late?.size ?? 0);
  if (num_records > 65536) return language.alphabet;
  const seen = new Set<number>();
  const record = new Uint16Array(language.record_length);
  for (let rank = 1; rank <= num_records; rank++) {
    spellRecord(language, rank, record, 0);
    for (const symbol of record) seen.add(symbol);
  }
  return seen.size;
}

/** @file Real text made ready for training: tokenizer built, both splits encoded, everything counted.
 * Pure: the same text and settings give the same tokens, tokenizer.json and checksums everywhere.
 */
import type { DataConfig } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { trainBpe } from './bpe-train.ts';
import { byteTokenizer, liveBytes, textOf } from './byte-tokenizer.ts';
import { charTokenizer, liveChars } from './char-tokenizer.ts';
import { type SourceText, sha256, sourceSha256 } from './source.ts';
import { tokenBytes } from './token-file.ts';
import type { Tokenizer } from './tokenizer.ts';
import { tokenizerSha256 } from './tokenizer-file.ts';

export type TextConfig = Exclude<DataConfig, { corpus: 'zipf-lexicon' }>;

/** What summary.json says of a corpus, beside its files. */
export interface CorpusSummary {
  schema_version: 1;
  corpus: string;
  tokenizer: string;
  vocab_size: number;
  /** Token values that occur in training. */
  live_vocab_size: number;
  train_tokens: number;
  val_tokens: number;
  /** Training tokens that exist: all of train.bin for text, null for an endless stream. */
  unique_tokens: number | null;
  /** UTF-8 bytes of the splits; null where there is no text. */
  train_bytes: number | null;
  val_bytes: number | null;
  num_train_documents: number | null;
  num_val_documents: number | null;
  /** UTF-8 bytes a token stands for, on the validation split. */
  bytes_per_token: number | null;
  /** Exact entropy, nats a token, where the language has a known one. */
  entropy_nats: number | null;
  corpus_sha256: string;
  tokenizer_sha256: string;
  train_sha256: string;
  val_sha256: string;
  warnings: string[];
}

/** A corpus as tokens. */
export interface PreparedText {
  summary: CorpusSummary;
  tokenizer: Tokenizer;
  train: Uint16Array;
  val: Uint16Array;
}

function bpeFor(source: SourceText, vocab_size: number | undefined): Tokenizer {
  if (vocab_size === undefined) {
    throw new LabError('usage', 'data.vocab_size is missing: tokenizer bpe needs a number of entries, as 1024 or 4096');
  }
  return trainBpe(textOf(source.train), vocab_size);
}

/** The tokenizer that `data` asks for. Alphabets come from both splits, so that all of validation can be scored;
 * BPE learns from training alone. */
function buildTokenizer(source: SourceText, data: TextConfig): Tokenizer {
  switch (data.tokenizer) {
    case 'byte':
      return byteTokenizer(Array.from({ length: 256 }, (_, byte) => byte));
    case 'live-byte':
      return byteTokenizer(liveBytes(source.train, source.val));
    case 'char':
      return charTokenizer(liveChars(textOf(source.train), textOf(source.val)));
    case 'bpe':
      return bpeFor(source, data.vocab_size);
  }
}

function occurring(tokens: Uint16Array, vocab_size: number): Uint8Array {
  const seen = new Uint8Array(vocab_size);
  for (let i = 0; i < tokens.length; i++) seen[tokens[i]!] = 1;
  return seen;
}

function tokenizerWarnings(tokenizer: Tokenizer, data: TextConfig, in_train: Uint8Array, in_val: Uint8Array): string[] {
  const warnings: string[] = [];
  if (data.tokenizer === 'bpe' && data.vocab_size !== undefined && tokenizer.vocab_size < data.vocab_size) {
    warnings.push(
      `bpe learned ${tokenizer.vocab_size} entries of the ${data.vocab_size} asked for: no pair is left that occurs twice`,
    );
  }
  if (data.tokenizer === 'live-byte' || data.tokenizer === 'char') {
    const unseen = tokenizer.vocab.filter((_, id) => in_val[id] === 1 && in_train[id] === 0);
    if (unseen.length > 0) {
      const list = unseen.slice(0, 10).join(' ') + (unseen.length > 10 ? ' ...' : '');
      warnings.push(`${unseen.length} tokens occur in validation only, their rows are never trained: ${list}`);
    }
  }
  return warnings;
}

/** Tokens, tokenizer and summary of `source`; the warnings are the tokenizer's, not the source's. */
export function prepareText(source: SourceText, data: TextConfig): PreparedText {
  if (data.tokenizer !== 'bpe' && data.vocab_size !== undefined) {
    throw new LabError(
      'usage',
      `data.vocab_size ${data.vocab_size} applies to tokenizer bpe only, not ${data.tokenizer}`,
    );
  }
  const tokenizer = buildTokenizer(source, data);
  const train = tokenizer.encode(source.train);
  const val = tokenizer.encode(source.val);
  const in_train = occurring(train, tokenizer.vocab_size);
  const in_val = occurring(val, tokenizer.vocab_size);
  const summary: CorpusSummary = {
    schema_version: 1,
    corpus: source.name,
    tokenizer: tokenizer.name,
    vocab_size: tokenizer.vocab_size,
    live_vocab_size: in_train.reduce((sum, seen) => sum + seen, 0),
    train_tokens: train.length,
    val_tokens: val.length,
    unique_tokens: train.length,
    train_bytes: source.train.length,
    val_bytes: source.val.length,
    num_train_documents: source.num_train_documents,
    num_val_documents: source.num_val_documents,
    bytes_per_token: val.length > 0 ? source.val.length / val.length : null,
    entropy_nats: null,
    corpus_sha256: sourceSha256(source),
    tokenizer_sha256: tokenizerSha256(tokenizer),
    train_sha256: sha256(tokenBytes(train)),
    val_sha256: sha256(tokenBytes(val)),
    warnings: tokenizerWarnings(tokenizer, data, in_train, in_val),
  };
  return { summary, tokenizer, train, val };
}

/** @file Door of the data stage: opens corpora for training, writes them to files for others.
 * A corpus is State of the Union, a text of the user's, or the synthetic language zipf-lexicon; all come as the same
 * record (corpus.ts), whose batches are pure functions of seed and step and whose facts the planner takes as
 * plain numbers.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataConfig } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import type { Corpus } from './corpus.ts';
import { moveFiles, throughTempFolder, writeJson, writeTokens } from './corpus-files.ts';
import { type CorpusSummary, prepareText, type TextConfig } from './prepare.ts';
import { openTextCorpus, readSource } from './text-corpus.ts';
import { tokenizerJson, tokenizerSha256 } from './tokenizer-file.ts';
import { openZipfCorpus, symbolTokenizer, trainingStream, validationSample } from './zipf-corpus.ts';
import { languageEntropy, liveSymbols, type ZipfConfig, zipfLanguage } from './zipf-lexicon.ts';

export type { Corpus, OutOfDomainWindows } from './corpus.ts';
export type { CorpusSummary } from './prepare.ts';

/** Opens the corpus of a data block for contexts of `n_ctx` tokens.
 * `cache_dir`: where prepared texts are kept; `base_dir`: what data.path is relative to, default the working folder.
 * Errors: `usage` for text that is missing, empty, not UTF-8, malformed or shorter than one context, and for an n_ctx
 * the language cannot align with; `storage` where the cache cannot be written. */
export async function openCorpus(
  data: DataConfig,
  { n_ctx, cache_dir, base_dir = '.' }: { n_ctx: number; cache_dir: string; base_dir?: string },
): Promise<Corpus> {
  if (data.corpus === 'zipf-lexicon') return openZipfCorpus(data, n_ctx);
  return openTextCorpus(data, { n_ctx, cache_dir, base_dir });
}

/** Tokens written at once: 2 MB. */
const CHUNK_TOKENS = 2 ** 20;

/** Writes all but summary.json to a folder. */
type Writer = (dir: string) => CorpusSummary;

function textWriter(data: TextConfig, base_dir: string): Writer {
  const source = readSource(data, base_dir);
  const { summary, tokenizer, train, val } = prepareText(source, data);
  return (dir) => {
    writeTokens(join(dir, 'train.bin'), [train]);
    writeTokens(join(dir, 'val.bin'), [val]);
    writeFileSync(join(dir, 'tokenizer.json'), tokenizerJson(tokenizer));
    return { ...summary, warnings: [...source.warnings, ...summary.warnings] };
  };
}

function zipfWriter(data: ZipfConfig, { train_tokens, seed }: { train_tokens: number; seed: number }): Writer {
  const language = zipfLanguage(data);
  const tokenizer = symbolTokenizer(language);
  const num_tokens = Math.ceil(train_tokens / language.record_length) * language.record_length;
  const stream = trainingStream(language, seed);
  function* chunks() {
    for (let from = 0; from < num_tokens; from += CHUNK_TOKENS) {
      yield stream.read(from, Math.min(CHUNK_TOKENS, num_tokens - from));
    }
  }
  return (dir) => {
    const train = writeTokens(join(dir, 'train.bin'), chunks());
    const val = writeTokens(join(dir, 'val.bin'), [validationSample(language, data)]);
    writeFileSync(join(dir, 'tokenizer.json'), tokenizerJson(tokenizer));
    return {
      schema_version: 1,
      corpus: data.corpus,
      tokenizer: tokenizer.name,
      vocab_size: language.alphabet,
      live_vocab_size: liveSymbols(language),
      train_tokens: train.num_tokens,
      val_tokens: val.num_tokens,
      unique_tokens: null,
      train_bytes: null,
      val_bytes: null,
      num_train_documents: null,
      num_val_documents: null,
      bytes_per_token: null,
      entropy_nats: languageEntropy(language),
      corpus_sha256: language.sha256,
      tokenizer_sha256: tokenizerSha256(tokenizer),
      train_sha256: train.sha256,
      val_sha256: val.sha256,
      warnings: [],
    };
  };
}

/** Writes train.bin and val.bin (nanoGPT's format: 16-bit little-endian, no header), tokenizer.json and summary.json to
 * `out_dir`, and returns the summary. Synthetic language only: `train_tokens` (default 1,000,000, rounded up
 * to whole records) of the stream that runs with data seed `seed` (default 0) read. Errors as `openCorpus`. */
export function writeCorpus(
  data: DataConfig,
  out_dir: string,
  { base_dir = '.', train_tokens = 1e6, seed = 0 }: { base_dir?: string; train_tokens?: number; seed?: number } = {},
): CorpusSummary {
  if (!Number.isFinite(train_tokens) || train_tokens < 1) {
    throw new LabError('usage', `invalid train_tokens: ${train_tokens} is not a number of at least 1`);
  }
  // Everything that can be wrong with the text shows before the folder is made.
  const write = data.corpus === 'zipf-lexicon' ? zipfWriter(data, { train_tokens, seed }) : textWriter(data, base_dir);
  return throughTempFolder(
    out_dir,
    (dir) => {
      const summary = write(dir);
      writeJson(join(dir, 'summary.json'), summary);
      return summary;
    },
    (dir) => moveFiles(dir, out_dir, ['train.bin', 'val.bin', 'tokenizer.json', 'summary.json']),
  );
}

/** @file Prepared texts kept on disk, so that a run opens its corpus in well under a second.
 * One folder a corpus and tokenizer setting, named by the hash of both; its check.json holds the length and CRC-32
 * of every file. A folder that fails the check (damaged, half-deleted, older format) is rebuilt. Workers that prepare
 * the same corpus at the same time each write their own folder and rename it: the first one stays.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { throughTempFolder, writeJson, writeTokens } from './corpus-files.ts';
import type { CorpusSummary, PreparedText, TextConfig } from './prepare.ts';
import { sha256 } from './source.ts';
import { tokensOf } from './token-file.ts';
import { parseTokenizer, tokenizerJson } from './tokenizer-file.ts';

/** Raised whenever tokens or summary of the same text change. */
const FORMAT = 1;
const FILES = ['train.bin', 'val.bin', 'tokenizer.json', 'summary.json'] as const;
const CHECK = 'check.json';

type Checks = Record<string, { bytes: number; crc32: number }>;

/** Folder name of a text (by `corpus_sha256`) under a tokenizer setting. */
function cacheKey(corpus_sha256: string, { tokenizer, vocab_size }: TextConfig): string {
  return sha256(JSON.stringify({ format: FORMAT, corpus_sha256, tokenizer, vocab_size: vocab_size ?? null })).slice(
    0,
    24,
  );
}

function checkOf(bytes: Buffer) {
  return { bytes: bytes.length, crc32: crc32(bytes) };
}

/** The prepared text in `dir`, or null where a file is missing or not as written. */
function readPrepared(dir: string): PreparedText | null {
  try {
    const checks: Checks = JSON.parse(readFileSync(join(dir, CHECK), 'utf8'));
    const [train, val, tokenizer, summary] = FILES.map((name) => {
      const bytes = readFileSync(join(dir, name));
      const { bytes: length, crc32: sum } = checkOf(bytes);
      if (checks[name]?.bytes !== length || checks[name].crc32 !== sum) throw new Error(`${name} is damaged`);
      return bytes;
    }) as [Buffer, Buffer, Buffer, Buffer];
    return {
      summary: JSON.parse(summary.toString('utf8')) as CorpusSummary,
      tokenizer: parseTokenizer(tokenizer.toString('utf8'), join(dir, 'tokenizer.json')),
      train: tokensOf(train),
      val: tokensOf(val),
    };
  } catch {
    // Whatever the reason, preparing the text again mends it; a disk that refuses says so when writing.
    return null;
  }
}

function writePrepared(dir: string, { summary, tokenizer, train, val }: PreparedText): void {
  writeTokens(join(dir, 'train.bin'), [train]);
  writeTokens(join(dir, 'val.bin'), [val]);
  writeFileSync(join(dir, 'tokenizer.json'), tokenizerJson(tokenizer));
  writeJson(join(dir, 'summary.json'), summary);
  const checks: Checks = {};
  for (const name of FILES) checks[name] = checkOf(readFileSync(join(dir, name)));
  writeJson(join(dir, CHECK), checks);
}

const NUM_TRIES = 5;

/** Puts `dir` at `place`; where another worker was first, its folder stays if it is whole. */
function install(dir: string, place: string): void {
  for (let tries = 1; ; tries++) {
    try {
      renameSync(dir, place);
      return;
    } catch (error) {
      if (tries === NUM_TRIES || !existsSync(place)) throw error;
    }
    if (readPrepared(place)) return;
    const damaged = `${dir}-damaged-${tries}`;
    try {
      renameSync(place, damaged);
    } catch (error) {
      // Another worker moved it away in between.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    rmSync(damaged, { recursive: true, force: true });
  }
}

/** The prepared text of `corpus_sha256` from `cache_dir`, or `prepare()` written there for the next time. */
export function throughCache(
  cache_dir: string,
  corpus_sha256: string,
  data: TextConfig,
  prepare: () => PreparedText,
): PreparedText {
  const place = join(cache_dir, cacheKey(corpus_sha256, data));
  const cached = readPrepared(place);
  if (cached) return cached;
  const prepared = prepare();
  throughTempFolder(
    cache_dir,
    (dir) => writePrepared(dir, prepared),
    (dir) => install(dir, place),
  );
  return prepared;
}

/** @file tokenizer.json, written and read.
 * Every tokenizer is written in Hugging Face's format as a BPE model, so that other libraries load it as it is:
 * byte and live-byte without merges over a byte-level pre-tokenizer, char without merges and without pre-tokenizer,
 * bpe as GPT-2's (byte-level, its pattern). The reader tells them apart by just that.
 * Ids are the rows of the embedding table; there are no special tokens.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LabError } from '../lib/errors.ts';
import { bpeTokenizer } from './bpe-tokenizer.ts';
import { byteFromChar, byteTokenizer, charFromByte } from './byte-tokenizer.ts';
import { charTokenizer } from './char-tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

/** The text of tokenizer.json. */
export function tokenizerJson({ vocab, merges, level }: Tokenizer): string {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: level === 'words' };
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: level === 'characters' ? null : byteLevel,
    post_processor: null,
    decoder: level === 'characters' ? { type: 'Fuse' } : byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}

/** SHA-256 of tokenizer.json as written. */
export function tokenizerSha256(tokenizer: Tokenizer): string {
  return createHash('sha256').update(tokenizerJson(tokenizer)).digest('hex');
}

function unreadable(file: string, why: string): LabError {
  return new LabError('usage', `cannot read tokenizer ${file}: ${why}; write it again with \`scaling-lab corpus\``);
}

/** What of a tokenizer.json is read. */
const fileSchema = z.looseObject({
  model: z
    .looseObject({
      vocab: z.record(z.string(), z.int().nonnegative()).optional(),
      merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
    })
    .optional(),
  pre_tokenizer: z.looseObject({ type: z.string().optional(), use_regex: z.boolean().optional() }).nullish(),
});

/** The tokenizer in the text of a tokenizer.json; `file` is for messages. Reads what `tokenizerJson` writes, and
 * GPT-2-like byte-level BPE files of others that hold all 256 bytes. */
export function parseTokenizer(json: string, file: string): Tokenizer {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw unreadable(file, (error as Error).message);
  }
  const checked = fileSchema.safeParse(value ?? {});
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw unreadable(file, `${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
  // As it was: a checked copy would lose a token that is called __proto__.
  const parsed = (value ?? {}) as z.infer<typeof fileSchema>;
  const entries = Object.entries(parsed?.model?.vocab ?? {}).sort((a, b) => a[1] - b[1]);
  if (entries.length === 0) throw unreadable(file, 'model.vocab is missing or empty');
  const gap = entries.findIndex(([, id], i) => id !== i);
  if (gap >= 0) throw unreadable(file, `ids are not 0 .. ${entries.length - 1}: ${gap} is missing or double`);
  const vocab = entries.map(([token]) => token);
  if (!parsed.pre_tokenizer) return charTokenizer(vocab);
  if (parsed.pre_tokenizer.type !== 'ByteLevel') {
    throw unreadable(file, `pre_tokenizer is ${parsed.pre_tokenizer.type}, not ByteLevel`);
  }
  if (parsed.pre_tokenizer.use_regex === false) {
    const bytes = vocab.map(byteFromChar);
    const odd = bytes.indexOf(undefined);
    if (odd >= 0) throw unreadable(file, `entry "${vocab[odd]}" is not a single byte`);
    return byteTokenizer(bytes as number[]);
  }
  const missing = Array.from({ length: 256 }, (_, byte) => byte).find((byte) => !vocab.includes(charFromByte(byte)));
  if (missing !== undefined) throw unreadable(file, `byte ${missing} has no entry`);
  const merges = (parsed.model?.merges ?? []).map((pair) => (typeof pair === 'string' ? pair.split(' ', 2) : pair));
  return bpeTokenizer(vocab, merges as [string, string][]);
}

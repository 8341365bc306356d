/** @file The synthetic language as a corpus: fresh records for ever, a fixed validation sample, a known floor.
 * Training sequence g is tokens g n_ctx .. (g+1) n_ctx of the stream of the data seed, so train.bin of `writeCorpus`
 * is the text itself. Validation is the stream "validation" of the language seed: val_tokens in whole records, and
 * one record more, whose first symbol is the last target.
 * Windows start at record boundaries in both, so the loss of a perfect model over whole windows is the entropy.
 */
import { LabError } from '../lib/errors.ts';
import { charTokenizer, symbolChars } from './char-tokenizer.ts';
import type { Corpus } from './corpus.ts';
import type { Tokenizer } from './tokenizer.ts';
import { tokenizerSha256 } from './tokenizer-file.ts';
import { consecutiveWindows, copyWindow, emptyBatch, repeatedOrder, scoredWindows } from './windows.ts';
import {
  type Language,
  languageEntropy,
  liveSymbols,
  readRecord,
  recordNll,
  type TokenStream,
  tokenStream,
  type ZipfConfig,
  zipfLanguage,
} from './zipf-lexicon.ts';

/** The training stream of `seed`. */
export function trainingStream(language: Language, seed: number): TokenStream {
  return tokenStream(language, seed, 'train');
}

/** The validation sample: `val_tokens` rounded up to whole records, and one record more. */
export function validationSample(language: Language, { language_seed, val_tokens }: ZipfConfig): Uint16Array {
  const m = language.record_length;
  const length = (Math.ceil(val_tokens / m) + 1) * m;
  return tokenStream(language, language_seed, 'validation').read(0, length);
}

/** A tokenizer that shows a symbol as a character. */
export function symbolTokenizer(language: Language): Tokenizer {
  return charTokenizer(symbolChars(language.alphabet), `symbols-${language.alphabet}`);
}

/** Mean `-ln p` a token of the first `num_tokens` (whole records) of `tokens`, in nats: `sum(sigma ln r + ln Z) / n`.
 * Scored targets run one token later, 1 .. n instead of 0 .. n-1: the first symbol of the first record is counted
 * here though no window predicts it, and the first symbol of record n/m is predicted and not counted. One
 * symbol's probability given a part of a record would need a sum over the lexicon; the two differ by one
 * symbol, at most ln V / n (3e-5 nats at 131,072 tokens). */
function trueLoss(language: Language, tokens: Uint16Array, num_tokens: number): number {
  let sum = 0;
  for (let at = 0; at < num_tokens; at += language.record_length) {
    sum += recordNll(language, readRecord(language, tokens, at));
  }
  return sum / num_tokens;
}

function checkContext(n_ctx: number, { record_length: m, alphabet }: Language): void {
  if (n_ctx % m === 0) return;
  const lower = Math.floor(n_ctx / m) * m;
  const nearest = lower > 0 ? `${lower} or ${lower + m}` : `${m}`;
  throw new LabError(
    'usage',
    `invalid n_ctx: ${n_ctx} is no multiple of ${m}, the record length of zipf-lexicon with alphabet ${alphabet} ` +
      `(windows start at record boundaries); use ${nearest}`,
  );
}

/** Opens the synthetic language for contexts of n_ctx, a multiple of the record length. */
export function openZipfCorpus(data: ZipfConfig, n_ctx: number): Corpus {
  const language = zipfLanguage(data);
  checkContext(n_ctx, language);
  const tokenizer = symbolTokenizer(language);
  const val = validationSample(language, data);
  if (val.length <= n_ctx) {
    throw new LabError('usage', `invalid val_tokens: ${data.val_tokens} is less than one context of n_ctx ${n_ctx}`);
  }
  let train = { seed: Number.NaN, stream: null as TokenStream | null };
  const repeated = repeatedOrder();
  // The tokens that a run reads again and again.
  let kept: { seed: number; tokens: Uint16Array } = { seed: Number.NaN, tokens: new Uint16Array(0) };
  return {
    facts: {
      vocab_size: language.alphabet,
      live_vocab_size: liveSymbols(language),
      unique_tokens: null,
      bytes_per_token: null,
      entropy_nats: languageEntropy(language),
      corpus_sha256: language.sha256,
      tokenizer_sha256: tokenizerSha256(tokenizer),
      val_tokens: val.length,
    },
    name: 'zipf-lexicon',
    tokenizer_name: tokenizer.name,
    warnings: [],
    batch({ seed, step, batch_size, unique_tokens }) {
      if (!train.stream || train.seed !== seed) train = { seed, stream: trainingStream(language, seed) };
      if (unique_tokens !== undefined) {
        if (seed !== kept.seed || kept.tokens.length !== unique_tokens + 1) {
          kept = { seed, tokens: train.stream!.read(0, unique_tokens + 1) };
        }
        const batch = emptyBatch(batch_size, n_ctx);
        for (let row = 0; row < batch_size; row++) {
          const window = repeated(seed, step * batch_size + row, unique_tokens / n_ctx);
          copyWindow(batch, row, kept.tokens, window * n_ctx, n_ctx);
        }
        return batch;
      }
      const num_tokens = batch_size * n_ctx;
      const tokens = train.stream!.read(step * num_tokens, num_tokens + 1);
      const { inputs, targets } = consecutiveWindows(tokens, batch_size, n_ctx);
      return { inputs, targets };
    },
    validation({ eval_tokens }) {
      return consecutiveWindows(val, scoredWindows(val.length, eval_tokens, n_ctx), n_ctx);
    },
    true_val_loss: (eval_tokens) => trueLoss(language, val, scoredWindows(val.length, eval_tokens, n_ctx) * n_ctx),
    out_of_domain: () => null,
    repetition: () => ({ epochs: null, warning: null }),
    encode: tokenizer.encode,
    decode: tokenizer.decode,
  };
}

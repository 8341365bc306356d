/** @file Real text as a corpus: State of the Union or a file of the user's, prepared once and kept in the cache. */
import { LabError } from '../lib/errors.ts';
import { mobyDick, stateOfTheUnion } from './bundled-text.ts';
import { textOf } from './byte-tokenizer.ts';
import { throughCache } from './cache.ts';
import type { Corpus, OutOfDomainWindows, Repetition } from './corpus.ts';
import { type PreparedText, prepareText, type TextConfig } from './prepare.ts';
import { type SourceText, sourceSha256 } from './source.ts';
import type { Tokenizer } from './tokenizer.ts';
import { userText } from './user-text.ts';
import { consecutiveWindows, copyWindow, emptyBatch, repeatedOrder, scoredWindows, windowOrder } from './windows.ts';

/** Reads and splits the text of a data block. */
export function readSource(data: TextConfig, base_dir: string): SourceText {
  return data.corpus === 'sotu' ? stateOfTheUnion() : userText(data, base_dir);
}

function checkLength(name: string, split: string, num_tokens: number, n_ctx: number): void {
  if (num_tokens > n_ctx) return;
  const advice = split === 'validation' ? 'lower n_ctx, raise val_fraction or' : 'lower n_ctx or';
  throw new LabError(
    'usage',
    `corpus ${name} is shorter than one context: its ${split} split has ${num_tokens} tokens, ` +
      `n_ctx ${n_ctx} needs ${n_ctx + 1}; ${advice} give more text`,
  );
}

/** Epochs over `unique_tokens`, and what to say about repetition. */
function repetitionOf(num_tokens: number, unique_tokens: number): Repetition {
  const epochs = num_tokens / unique_tokens;
  if (epochs <= 1) return { epochs, warning: null };
  const warning = `${num_tokens} training tokens are ${epochs.toFixed(2)} epochs of the ${unique_tokens} unique ones`;
  return { epochs, warning: epochs > 4 ? `${warning}; beyond 4 epochs repetition costs loss` : warning };
}

/** `text` with each character that `tokenizer` lacks replaced by "?", or left out where "?" is lacking too. */
function replaceUnknown(tokenizer: Tokenizer, text: string): { text: string; num_replaced: number } {
  const known = new Map<string, boolean>();
  const substitute = tokenizer.has('?') ? '?' : '';
  let num_replaced = 0;
  let out = '';
  for (const char of text) {
    let is_known = known.get(char);
    if (is_known === undefined) {
      is_known = tokenizer.has(char);
      known.set(char, is_known);
    }
    if (!is_known) num_replaced++;
    out += is_known ? char : substitute;
  }
  return { text: out, num_replaced };
}

function outOfDomain(tokenizer: Tokenizer, n_ctx: number) {
  let encoded: { tokens: Uint16Array; bytes_per_token: number; num_replaced: number } | null = null;
  return (eval_tokens: number): OutOfDomainWindows => {
    if (!encoded) {
      const { text, num_replaced } = replaceUnknown(tokenizer, textOf(mobyDick()));
      const tokens = tokenizer.encode(text);
      encoded = { tokens, bytes_per_token: Buffer.byteLength(text) / tokens.length, num_replaced };
    }
    const { tokens, ...measured } = encoded;
    const windows = consecutiveWindows(tokens, scoredWindows(tokens.length, eval_tokens, n_ctx), n_ctx);
    return { name: 'moby-dick', ...measured, ...windows };
  };
}

/** Opens real text for contexts of n_ctx; prepares it on first use. */
export function openTextCorpus(
  data: TextConfig,
  { n_ctx, cache_dir, base_dir }: { n_ctx: number; cache_dir: string; base_dir: string },
): Corpus {
  const source = readSource(data, base_dir);
  const prepare = () => prepareText(source, data);
  const { summary, tokenizer, train, val }: PreparedText = throughCache(cache_dir, sourceSha256(source), data, prepare);
  checkLength(source.name, 'training', train.length, n_ctx);
  checkLength(source.name, 'validation', val.length, n_ctx);
  const order = windowOrder(train.length, n_ctx);
  const repeated = repeatedOrder();
  const unique_tokens = order.num_windows * n_ctx;
  const moby = outOfDomain(tokenizer, n_ctx);
  return {
    facts: {
      vocab_size: summary.vocab_size,
      live_vocab_size: summary.live_vocab_size,
      unique_tokens,
      bytes_per_token: summary.bytes_per_token,
      entropy_nats: null,
      corpus_sha256: summary.corpus_sha256,
      tokenizer_sha256: summary.tokenizer_sha256,
      val_tokens: summary.val_tokens,
    },
    name: source.name,
    tokenizer_name: tokenizer.name,
    warnings: [...source.warnings, ...summary.warnings],
    batch({ seed, step, batch_size, unique_tokens }) {
      const batch = emptyBatch(batch_size, n_ctx);
      for (let row = 0; row < batch_size; row++) {
        const sequence = step * batch_size + row;
        const read = unique_tokens === undefined ? sequence : repeated(seed, sequence, unique_tokens / n_ctx);
        copyWindow(batch, row, train, order.start(seed, read), n_ctx);
      }
      return batch;
    },
    validation({ eval_tokens }) {
      return consecutiveWindows(val, scoredWindows(val.length, eval_tokens, n_ctx), n_ctx);
    },
    true_val_loss: () => null,
    out_of_domain: ({ eval_tokens }) => moby(eval_tokens),
    repetition: (num_tokens) => repetitionOf(num_tokens, unique_tokens),
    encode: tokenizer.encode,
    decode: tokenizer.decode,
  };
}

/** @file The door: corpora as training and planning meet them, and the files written for others. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataConfig } from '../../src/config/config.ts';
import { type Corpus, openCorpus, writeCorpus } from '../../src/data/data.ts';
import { parseTokenizer } from '../../src/data/tokenizer-file.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-data-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const zipf: DataConfig = {
  corpus: 'zipf-lexicon',
  tail: 0.5,
  alphabet: 64,
  lexicon_size: 2 ** 40,
  language_seed: 0,
  val_tokens: 131072,
};
const sotu: DataConfig = { corpus: 'sotu', tokenizer: 'live-byte' };

const open = (data: DataConfig, n_ctx: number) =>
  openCorpus(data, { n_ctx, cache_dir: join(folder, 'cache'), base_dir: folder });

function textConfig(name: string, content: string, changes: object = {}): DataConfig {
  writeFileSync(join(folder, name), content);
  const fixed = { corpus: 'text', path: name, format: 'text', text_field: 'text', val_fraction: 0.1 } as const;
  return { ...fixed, tokenizer: 'live-byte', ...changes };
}

function fileTokens(path: string): number[] {
  const bytes = readFileSync(path);
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
}

/** The sequences of `num_steps` batches as strings, one a row. */
function sequences(
  corpus: Corpus,
  n_ctx: number,
  num_steps: number,
  batch_size: number,
  seed = 7,
  unique_tokens?: number,
): string[] {
  const rows: string[] = [];
  for (let step = 0; step < num_steps; step++) {
    const { inputs, targets } = corpus.batch({ seed, step, batch_size, unique_tokens });
    expect([inputs.length, targets.length]).toEqual([batch_size * n_ctx, batch_size * n_ctx]);
    for (let row = 0; row < batch_size; row++) {
      const part = (of: Int32Array) => of.subarray(row * n_ctx, (row + 1) * n_ctx);
      expect(part(inputs).subarray(1).join()).toBe(part(targets).subarray(0, -1).join());
      rows.push(`${part(inputs).join()}>${part(targets).at(-1)}`);
    }
  }
  return rows;
}

describe('a run that repeats its first tokens', () => {
  it.each(['zipf-lexicon', 'sotu'])(
    'reads the same windows in each pass, each time in another order: %s',
    async (name) => {
      const corpus = await open(name === 'sotu' ? { corpus: 'sotu', tokenizer: 'live-byte' } : zipf, 64);
      const fresh = sequences(corpus, 64, 10, 3);
      const repeated = sequences(corpus, 64, 30, 3, 7, 30 * 64);
      expect(repeated.slice(0, 30)).toEqual(fresh);
      for (const pass of [1, 2]) {
        const own = repeated.slice(30 * pass, 30 * (pass + 1));
        expect(own).not.toEqual(fresh);
        expect([...own].sort()).toEqual([...fresh].sort());
      }
      expect(repeated.slice(30, 60)).not.toEqual(repeated.slice(60));
      expect(sequences(corpus, 64, 18, 5, 7, 30 * 64)).toEqual(repeated);
      // Fewer unique tokens are a part of more.
      expect(new Set(sequences(corpus, 64, 2, 10, 7, 10 * 64))).toEqual(new Set(fresh.slice(0, 10)));
      expect(sequences(corpus, 64, 2, 30, 8, 30 * 64)).not.toEqual(repeated.slice(0, 60));
    },
  );
});

describe('zipf-lexicon', () => {
  it('has facts for the planner', async () => {
    const corpus = await open(zipf, 64);
    expect(corpus.facts).toMatchObject({
      vocab_size: 64,
      live_vocab_size: 64,
      unique_tokens: null,
      bytes_per_token: null,
      val_tokens: 131072 + 8,
    });
    expect(corpus.facts.entropy_nats).toBeCloseTo(0.40226, 5);
    expect(corpus.out_of_domain({ eval_tokens: 1000 })).toBeNull();
    expect(corpus.repetition(1e12)).toEqual({ epochs: null, warning: null });
    const other = await open({ ...zipf, language_seed: 1 }, 64);
    expect(other.facts.corpus_sha256).not.toBe(corpus.facts.corpus_sha256);
    expect((await open({ ...zipf, val_tokens: 640 }, 64)).facts.corpus_sha256).toBe(corpus.facts.corpus_sha256);
  });

  it('gives the same sequences whatever the batch size, instance and order of steps', async () => {
    const corpus = await open(zipf, 64);
    const by_one = sequences(corpus, 64, 30, 1);
    expect(sequences(corpus, 64, 5, 6)).toEqual(by_one);
    expect(sequences(await open(zipf, 64), 64, 10, 3)).toEqual(by_one);
    const late = corpus.batch({ seed: 7, step: 29, batch_size: 1 });
    expect(late.inputs.join()).toBe(by_one[29]!.split('>')[0]);
    expect(sequences(corpus, 64, 5, 6, 8)).not.toEqual(by_one);
    expect(new Set(by_one).size).toBe(30);
  });

  it('scores val.bin from its start, all of it', async () => {
    const corpus = await open(zipf, 64);
    const { inputs, targets, num_windows } = corpus.validation({ eval_tokens: 131072 });
    expect(num_windows).toBe(2048);
    expect(corpus.validation({ eval_tokens: 1e9 }).num_windows).toBe(2048);
    expect(targets.subarray(0, -1).join()).toBe(inputs.subarray(1).join());
    const few = corpus.validation({ eval_tokens: 1000 });
    expect([few.num_windows, few.inputs.join()]).toEqual([15, inputs.subarray(0, 15 * 64).join()]);
  });

  it('knows the true loss of its sample, near the entropy', async () => {
    // Five samples of 131,072 tokens; one has standard deviation .003 (16,384 records).
    const losses = await Promise.all(
      [0, 1, 2, 3, 4].map(async (language_seed) => (await open({ ...zipf, language_seed }, 64)).true_val_loss(131072)!),
    );
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / 5;
    expect(Math.abs(mean - 0.40226)).toBeLessThan((4 * 0.003) / Math.sqrt(5));
    expect(new Set(losses).size).toBe(5);
  });

  it('refuses contexts that cut records, and samples below one context', async () => {
    await expect(open(zipf, 60)).rejects.toThrow('invalid n_ctx: 60 is no multiple of 8');
    await expect(open({ ...zipf, alphabet: 8 }, 8)).rejects.toThrow('use 16');
    await expect(open({ ...zipf, val_tokens: 16 }, 64)).rejects.toThrow('invalid val_tokens: 16');
    const corpus = await open(zipf, 64);
    expect(() => corpus.validation({ eval_tokens: 63 })).toThrow('invalid eval_tokens: 63');
    expect(() => corpus.true_val_loss(63)).toThrow('invalid eval_tokens: 63');
  });

  it('writes the very tokens that training and validation read', async () => {
    const out = join(folder, 'zipf-out');
    const summary = writeCorpus(zipf, out, { train_tokens: 2001, seed: 7 });
    expect(readdirSync(out).sort()).toEqual(['summary.json', 'tokenizer.json', 'train.bin', 'val.bin']);
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual(summary);
    expect([summary.train_tokens, summary.val_tokens]).toEqual([2008, 131080]);
    const train = fileTokens(join(out, 'train.bin'));
    const corpus = await open(zipf, 16);
    const { inputs, targets } = corpus.batch({ seed: 7, step: 1, batch_size: 50 });
    expect(Array.from(inputs)).toEqual(train.slice(800, 1600));
    expect(Array.from(targets)).toEqual(train.slice(801, 1601));
    const val = fileTokens(join(out, 'val.bin'));
    expect(corpus.validation({ eval_tokens: 131072 }).targets.join()).toBe(val.slice(1, 131073).join());
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex');
    expect([hash('train.bin'), hash('val.bin'), hash('tokenizer.json')]).toEqual([
      summary.train_sha256,
      summary.val_sha256,
      corpus.facts.tokenizer_sha256,
    ]);
  });
});

describe('State of the Union', () => {
  it('is 10.27M training bytes of 102 values, every 20th address held out', async () => {
    const corpus = await open(sotu, 64);
    expect(corpus.facts).toMatchObject({
      vocab_size: 102,
      live_vocab_size: 102,
      bytes_per_token: 1,
      entropy_nats: null,
    });
    expect(corpus.facts.unique_tokens! / 1e6).toBeCloseTo(10.27, 2);
    expect(corpus.facts.unique_tokens! % 64).toBe(0);
    expect(corpus.facts.val_tokens).toBe(490316);
    expect([corpus.name, corpus.tokenizer_name, corpus.warnings]).toEqual(['sotu', 'live-byte', []]);
    expect(corpus.true_val_loss(1000)).toBeNull();
    const { inputs } = corpus.validation({ eval_tokens: 640 });
    // The 11th address by year is Adams's of 1800.
    expect(corpus.decode(inputs)).toMatch(/^Gentlemen of the Senate and Gentlemen of the House/);
  });

  it('gives the same sequences whatever the batch size, and none twice', async () => {
    const corpus = await open(sotu, 64);
    const by_one = sequences(corpus, 64, 60, 1);
    expect(sequences(await open(sotu, 64), 64, 4, 15)).toEqual(by_one);
    expect(new Set(by_one).size).toBe(60);
    expect(sequences(corpus, 64, 60, 1, 8)).not.toEqual(by_one);
  });

  it('reads Moby-Dick with its tokens', async () => {
    const corpus = await open(sotu, 64);
    const moby = corpus.out_of_domain({ eval_tokens: 6400 })!;
    expect([moby.name, moby.num_windows, moby.bytes_per_token]).toEqual(['moby-dick', 100, 1]);
    expect(moby.num_replaced).toBeGreaterThan(0);
    expect(moby.num_replaced).toBeLessThan(1000);
    expect(corpus.decode(moby.inputs)).toMatch(/^CHAPTER 1\. Loomings\.\s+Call me Ishmael\. Some years ago—never mind/);
  });
});

describe('a text of the user', () => {
  const words = Array.from({ length: 400 }, (_, i) => `word${i} `).join('');

  it('comes with every tokenizer, and bytes a token are those of the validation split', async () => {
    for (const tokenizer of ['byte', 'live-byte', 'char', 'bpe']) {
      const vocab = tokenizer === 'bpe' ? { vocab_size: 300 } : {};
      const corpus = await open(textConfig('words.txt', `${words}€`, { tokenizer, ...vocab }), 8);
      const { inputs, targets } = corpus.validation({ eval_tokens: 1e6 });
      const val = `${words}€`.slice(-500);
      expect(val).toContain(corpus.decode(inputs));
      expect(corpus.decode(corpus.encode('word1 word2'))).toBe('word1 word2');
      expect(Math.max(...targets)).toBeLessThan(corpus.facts.vocab_size);
      if (tokenizer.endsWith('byte')) expect(corpus.facts.bytes_per_token).toBe(1);
      else expect(corpus.facts.bytes_per_token).toBeGreaterThan(1);
    }
  });

  it('tells of bytes that only validation holds, and of a vocabulary that fell short', async () => {
    const late = await open(textConfig('late.txt', `${'ab'.repeat(500)}xyz`), 8);
    expect(late.facts).toMatchObject({ vocab_size: 5, live_vocab_size: 2 });
    expect(late.warnings).toEqual(['3 tokens occur in validation only, their rows are never trained: x y z']);
    const short = await open(textConfig('short.txt', 'abcdefg '.repeat(50), { tokenizer: 'bpe', vocab_size: 5000 }), 2);
    expect(short.facts.vocab_size).toBeLessThan(300);
    expect(short.warnings[0]).toContain('of the 5000 asked for');
  });

  it('counts epochs and warns of repetition', async () => {
    const corpus = await open(textConfig('words.txt', words), 8);
    const unique = corpus.facts.unique_tokens!;
    expect(corpus.repetition(unique)).toEqual({ epochs: 1, warning: null });
    expect(corpus.repetition(unique * 2.5).warning).toContain('2.50 epochs');
    expect(corpus.repetition(unique * 5).warning).toContain('beyond 4 epochs');
    const rows = sequences(corpus, 8, unique / 8, 1);
    expect(new Set(rows).size).toBe(unique / 8);
  });

  it('shorter than one context is refused, by split', async () => {
    const training = open(textConfig('tiny.txt', 'abcdefghij'), 64);
    await expect(training).rejects.toThrow('tiny.txt is shorter than one context: its training split has 9 tokens');
    const validation = open(textConfig('tiny.txt', 'a'.repeat(200)), 64);
    await expect(validation).rejects.toThrow('its validation split has 20 tokens, n_ctx 64 needs 65');
    await expect(open(textConfig('tiny.txt', 'a'.repeat(200)), 19)).resolves.toMatchObject({ name: 'tiny.txt' });
  });

  it('with settings that do not fit its tokenizer is refused', async () => {
    await expect(open(textConfig('words.txt', words, { tokenizer: 'bpe' }), 8)).rejects.toThrow(
      'data.vocab_size is missing',
    );
    await expect(open(textConfig('words.txt', words, { vocab_size: 300 }), 8)).rejects.toThrow(
      'applies to tokenizer bpe only',
    );
  });

  it('is read anew when the file has changed', async () => {
    const before = await open(textConfig('changing.txt', 'ab'.repeat(200)), 8);
    const after = await open(textConfig('changing.txt', 'abc'.repeat(200)), 8);
    expect([before.facts.vocab_size, after.facts.vocab_size]).toEqual([2, 3]);
    expect(after.facts.corpus_sha256).not.toBe(before.facts.corpus_sha256);
  });

  it('is written whole or not at all', () => {
    const out = join(folder, 'text-out');
    const config = textConfig('words.txt', words, { tokenizer: 'bpe', vocab_size: 280 });
    const summary = writeCorpus(config, out, { base_dir: folder });
    const tokenizer = parseTokenizer(readFileSync(join(out, 'tokenizer.json'), 'utf8'), 'tokenizer.json');
    const text = ['train.bin', 'val.bin'].map((name) => tokenizer.decode(fileTokens(join(out, name)))).join('');
    expect(text).toBe(words);
    expect(summary).toMatchObject({ corpus: 'words.txt', tokenizer: 'bpe-280', vocab_size: 280, entropy_nats: null });
    expect(writeCorpus(config, out, { base_dir: folder })).toEqual(summary);
    expect(readdirSync(out)).toHaveLength(4);

    const none = join(folder, 'none');
    expect(() => writeCorpus({ ...config, path: 'nowhere' } as DataConfig, none, { base_dir: folder })).toThrow(
      'does not exist',
    );
    expect(existsSync(none)).toBe(false);
    const below = join(folder, 'words.txt', 'out');
    expect(() => writeCorpus(config, below, { base_dir: folder })).toThrow(
      expect.objectContaining({ exit: 'storage' }),
    );
    expect(() => writeCorpus(config, join(folder, 'words.txt'), { base_dir: folder })).toThrow(
      expect.objectContaining({ exit: 'storage' }),
    );
    expect(() => writeCorpus(zipf, none, { train_tokens: 0 })).toThrow('invalid train_tokens: 0');
  });
});

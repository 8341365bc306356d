/** @file The cache of prepared texts: found again, rebuilt when damaged, safe when two prepare at once. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { throughCache } from '../../src/data/cache.ts';
import { prepareText } from '../../src/data/prepare.ts';
import { sourceSha256 } from '../../src/data/source.ts';

const data = { corpus: 'sotu', tokenizer: 'live-byte' } as const;
const source = {
  name: 'test',
  train: Buffer.from('the cat sat on the mat'),
  val: Buffer.from('the hat'),
  num_train_documents: 1,
  num_val_documents: 1,
  warnings: [],
};
const sha = sourceSha256(source);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens through the cache; says whether the text had to be prepared. */
function open(settings: Parameters<typeof throughCache>[2] = data) {
  let is_prepared = false;
  const prepared = throughCache(folder, sha, settings, () => {
    is_prepared = true;
    return prepareText(source, settings);
  });
  return { is_prepared, prepared };
}

const entry = () => join(folder, readdirSync(folder)[0]!);

describe('cache', () => {
  it('gives back what was prepared', () => {
    const first = open();
    const second = open();
    expect([first.is_prepared, second.is_prepared]).toEqual([true, false]);
    expect(second.prepared.summary).toEqual(first.prepared.summary);
    expect(second.prepared.train).toEqual(first.prepared.train);
    expect(second.prepared.val).toEqual(first.prepared.val);
    expect(second.prepared.tokenizer.encode('that')).toEqual(first.prepared.tokenizer.encode('that'));
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('keeps tokenizer settings apart', () => {
    open();
    expect(open({ corpus: 'sotu', tokenizer: 'char' }).is_prepared).toBe(true);
    expect(open({ corpus: 'sotu', tokenizer: 'bpe', vocab_size: 257 }).is_prepared).toBe(true);
    expect(open({ corpus: 'sotu', tokenizer: 'bpe', vocab_size: 258 }).is_prepared).toBe(true);
    expect(open({ corpus: 'sotu', tokenizer: 'bpe', vocab_size: 257 }).is_prepared).toBe(false);
    expect(readdirSync(folder)).toHaveLength(4);
  });

  it.each(['train.bin', 'val.bin', 'tokenizer.json', 'summary.json', 'check.json'])(
    'rebuilds when %s is changed, cut short or gone',
    (name) => {
      const whole = open().prepared;
      const file = join(entry(), name);
      const damages = [
        () => {
          const bytes = readFileSync(file);
          bytes[bytes.length >> 1]! ^= 1;
          writeFileSync(file, bytes);
        },
        () => truncateSync(file, 3),
        () => rmSync(file),
      ];
      for (const damage of damages) {
        damage();
        const mended = open();
        expect(mended.is_prepared).toBe(true);
        expect(mended.prepared.train).toEqual(whole.train);
        expect(open().is_prepared).toBe(false);
        expect(readdirSync(folder)).toHaveLength(1);
      }
    },
  );

  it('takes the folder of another worker that was first', () => {
    const prepared = throughCache(folder, sha, data, () => {
      open();
      return prepareText(source, data);
    });
    expect(prepared.summary.train_tokens).toBe(22);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(open().is_prepared).toBe(false);
  });

  it('leaves nothing behind when preparing fails, and names a folder it cannot write', () => {
    const fail = () => {
      throw new Error('broken');
    };
    expect(() => throughCache(folder, sha, data, fail)).toThrow('broken');
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(join(folder, 'file'), '');
    const below = join(folder, 'file');
    expect(() => throughCache(below, sha, data, () => prepareText(source, data))).toThrow(
      expect.objectContaining({ exit: 'storage', message: expect.stringContaining(below) }),
    );
  });
});

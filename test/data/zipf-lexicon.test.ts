/** @file The synthetic language: its entropy as published, its records, its stream. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  languageEntropy,
  liveSymbols,
  readRecord,
  recordNll,
  spellRecord,
  tokenStream,
  type ZipfConfig,
  zipfLanguage,
} from '../../src/data/zipf-lexicon.ts';

const base: ZipfConfig = {
  corpus: 'zipf-lexicon',
  tail: 0.5,
  alphabet: 64,
  lexicon_size: 2 ** 40,
  language_seed: 0,
  val_tokens: 131072,
};
const ALPHABETS = [8, 16, 64, 256, 4096] as const;

describe('entropy', () => {
  it.each([
    [0.25, 2 ** 40, 0.728426],
    [0.5, 2 ** 40, 0.40226],
    [1, 2 ** 40, 0.204703],
    [0.25, 1000, 0.49835],
    [0.5, 1000, 0.36477],
    [1, 1000, 0.20351],
  ])('at tail %s and %s records is %s nats a token', (tail, lexicon_size, printed) => {
    const digits = lexicon_size === 1000 ? 5 : 6;
    const entropy = languageEntropy(zipfLanguage({ ...base, tail, lexicon_size }));
    expect(Math.abs(entropy - printed)).toBeLessThanOrEqual(0.51 * 10 ** -digits);
  });

  it.each(ALPHABETS)('stays the same a record for alphabet %s', (alphabet) => {
    const language = zipfLanguage({ ...base, alphabet });
    expect(language.record_length).toBe(48 / Math.log2(alphabet));
    const per_record = languageEntropy(language) * language.record_length;
    expect(per_record).toBeCloseTo(languageEntropy(zipfLanguage(base)) * 8, 12);
  });

  it('of the late variant is (1-w) H + w ln K2 + h(w), and equals the sum over all records', () => {
    const [share, size] = [0.3, 7];
    const late = zipfLanguage({ ...base, lexicon_size: 5, late_records: { share, size } });
    const plain = languageEntropy(zipfLanguage({ ...base, lexicon_size: 5 })) * 8;
    const h = -share * Math.log(share) - (1 - share) * Math.log(1 - share);
    expect(languageEntropy(late) * 8).toBeCloseTo((1 - share) * plain + share * Math.log(size) + h, 12);
    const nlls = Array.from({ length: 5 + size }, (_, i) => recordNll(late, i + 1));
    expect(nlls.reduce((sum, nll) => sum + Math.exp(-nll), 0)).toBeCloseTo(1, 12);
    expect(nlls.reduce((sum, nll) => sum + nll * Math.exp(-nll), 0)).toBeCloseTo(languageEntropy(late) * 8, 12);
  });
});

describe('records', () => {
  it('read back to their ranks in every alphabet', () => {
    const rank = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }).map((x) => 1 + Math.floor(x * 2 ** 48));
    fc.assert(
      fc.property(rank, fc.constantFrom(...ALPHABETS), fc.nat(100), (r, alphabet, language_seed) => {
        const language = zipfLanguage({ ...base, alphabet, language_seed });
        const tokens = new Uint16Array(language.record_length + 2).fill(9999);
        spellRecord(language, r, tokens, 1);
        expect([tokens[0], tokens.at(-1)]).toEqual([9999, 9999]);
        expect(Math.max(...tokens.subarray(1, -1))).toBeLessThan(alphabet);
        expect(readRecord(language, tokens, 1)).toBe(r);
      }),
      { numRuns: 60 },
    );
  });

  it('of different ranks differ, late ones included', () => {
    const language = zipfLanguage({ ...base, lexicon_size: 500, late_records: { share: 0.5, size: 500 } });
    const spelled = new Set<string>();
    const record = new Uint16Array(8);
    for (let rank = 1; rank <= 1000; rank++) {
      spellRecord(language, rank, record, 0);
      spelled.add(record.join());
    }
    expect(spelled.size).toBe(1000);
  });

  it('are counted for live symbols', () => {
    const one = zipfLanguage({ ...base, lexicon_size: 1 });
    const record = new Uint16Array(8);
    spellRecord(one, 1, record, 0);
    expect(liveSymbols(one)).toBe(new Set(record).size);
    expect(liveSymbols(zipfLanguage(base))).toBe(64);
    const thin = zipfLanguage({ ...base, alphabet: 4096, lexicon_size: 1000 });
    // 4,000 symbols thrown into 4,096 boxes leave about e^-.977 of them empty.
    expect(Math.abs(liveSymbols(thin) / 4096 - (1 - Math.exp(-4000 / 4096)))).toBeLessThan(0.03);
  });
});

describe('stream', () => {
  it('gives the same token at an index however it is read', () => {
    const language = zipfLanguage(base);
    const whole = tokenStream(language, 5, 'train').read(0, 5000);
    const read = tokenStream(language, 5, 'train');
    fc.assert(
      fc.property(fc.nat(4000), fc.nat(999), (from, count) => {
        expect(read.read(from, count)).toEqual(whole.subarray(from, from + count));
      }),
    );
  });

  it('differs between seeds and names, but not with the length of the validation sample', () => {
    const language = zipfLanguage(base);
    const first = (seed: number, name: string) => tokenStream(language, seed, name).read(0, 800).join();
    expect(new Set([first(0, 'train'), first(1, 'train'), first(0, 'validation')]).size).toBe(3);
    expect(
      tokenStream(zipfLanguage({ ...base, val_tokens: 64 }), 0, 'train')
        .read(0, 800)
        .join(),
    ).toBe(first(0, 'train'));
  });

  it('has the realised loss its entropy predicts, with and without late records', () => {
    for (const late_records of [undefined, { share: 0.1, size: 2 ** 41 }]) {
      const language = zipfLanguage({ ...base, ...(late_records ? { late_records } : {}) });
      const num_records = 40_000;
      const tokens = tokenStream(language, 1, 'train').read(0, num_records * 8);
      const nlls = Array.from({ length: num_records }, (_, i) =>
        recordNll(language, readRecord(language, tokens, 8 * i)),
      );
      const mean = nlls.reduce((sum, nll) => sum + nll, 0) / num_records;
      const variance = nlls.reduce((sum, nll) => sum + (nll - mean) ** 2, 0) / num_records;
      const error = mean - 8 * languageEntropy(language);
      expect(Math.abs(error)).toBeLessThan(4 * Math.sqrt(variance / num_records));
    }
  });

  it('is bit for bit what it was: checksum of the first 65,536 tokens', () => {
    const tokens = tokenStream(zipfLanguage(base), 0, 'train').read(0, 65536);
    const bytes = Buffer.alloc(2 * tokens.length);
    tokens.forEach((token, i) => {
      bytes.writeUInt16LE(token, 2 * i);
    });
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      'fc9e87ab835c56dcf8ee09b4b867dfe7f416d918cde86738f66179be0f4697a1',
    );
  });
});

describe('bad settings', () => {
  it('are refused by name', () => {
    expect(() => zipfLanguage({ ...base, lexicon_size: 2 ** 48 + 2 })).toThrow('above 2^48');
    expect(() => zipfLanguage({ ...base, lexicon_size: 2 ** 48, late_records: { share: 0.5, size: 1 } })).toThrow(
      'lexicon_size + late_records.size',
    );
    expect(() => zipfLanguage({ ...base, lexicon_size: 10.5 })).toThrow('invalid lexicon_size: 10.5');
  });
});

/** @file Checkpoints and tokenizer files under fuzz: whole and as written, or damage named with its file. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainBpe } from '../../src/data/bpe-train.ts';
import { byteTokenizer } from '../../src/data/byte-tokenizer.ts';
import { charTokenizer } from '../../src/data/char-tokenizer.ts';
import { parseTokenizer, tokenizerJson } from '../../src/data/tokenizer-file.ts';
import { decodeCheckpoint, readCheckpoint } from '../../src/log/checkpoint.ts';
import { listCheckpoints } from '../../src/log/log.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/log/safetensors.ts';
import { bentBytes, bentJson, bentText, documented, FUZZ_TIMEOUT, fuzz } from './hostile.ts';

const RUN = fileURLToPath(new URL('../fixtures/record-v1/tiny-d4-915dccacda', import.meta.url));

describe('checkpoints', () => {
  const [{ path } = { path: '' }] = listCheckpoints(RUN);
  const bytes = readFileSync(path);
  const whole = readCheckpoint(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as Record<string, unknown>;
  const data = bytes.subarray(8 + headerBytes);

  it(
    'of bent bytes are damage, or the same bits',
    () => {
      fuzz(6, bentBytes(bytes, bytes.subarray(0, 8 + headerBytes)), (bent) => {
        const read = documented(() => decodeCheckpoint(bent, 'c'));
        // Spaces in the header do not count; anything else must have been found.
        if (read !== undefined) expect(read).toEqual(whole);
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'of a bent header are damage, whatever it promises',
    () => {
      fuzz(6, bentJson(header), (bent) => {
        const json = Buffer.from(JSON.stringify(bent) ?? '');
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(json.length));
        documented(() => decodeSafetensors(Buffer.concat([length, json, data]), 'c'));
        documented(() => decodeCheckpoint(Buffer.concat([length, json, data]), 'c'));
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'of a bent state with its right checksum are damage, not a crash',
    () => {
      const { tensors, metadata } = decodeSafetensors(bytes, path);
      const state = JSON.parse(metadata['state']!);
      const texts = fc.oneof(
        bentJson(state).map((value) => JSON.stringify(value) ?? ''),
        bentText(metadata['state']!),
      );
      fuzz(3, texts, (text) => {
        const hash = createHash('sha256').update(text);
        for (const [name, { values }] of Object.entries(tensors)) {
          hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        }
        const signed = { ...metadata, state: text, sha256: hash.digest('hex') };
        documented(() => decodeCheckpoint(encodeSafetensors({ tensors, metadata: signed }), 'c'));
      });
    },
    FUZZ_TIMEOUT,
  );
});

describe('tokenizer files', () => {
  const text = 'the theory of the thing, and then the other thing. '.repeat(20);
  const files = [
    byteTokenizer(Array.from({ length: 256 }, (_, byte) => byte)),
    byteTokenizer([10, 32, 97, 98, 99, 116]),
    charTokenizer(['\n', ' ', 'a', 'b', 'é', '🎉']),
    trainBpe(text, 270),
  ].map(tokenizerJson);
  const bent = fc.oneof(
    bentText(...files),
    ...files.map((file) => bentJson(JSON.parse(file)).map((value) => JSON.stringify(value) ?? '')),
  );

  it(
    'give a tokenizer, or say what is wrong; and a tokenizer encodes, or says what it lacks',
    () => {
      fuzz(9, bent, (json) => {
        const tokenizer = documented(() => parseTokenizer(json, 'tokenizer.json'));
        if (tokenizer === undefined) return;
        const ids = documented(() => tokenizer.encode('abc the thing\n'));
        for (const id of ids ?? []) expect(id).toBeLessThan(tokenizer.vocab_size);
        if (ids !== undefined) documented(() => tokenizer.decode(ids));
        documented(() => tokenizer.encode(Uint8Array.from([0xff, 0xc0, 0x80, 97])));
        documented(() => tokenizer.decode([0, 65535, -1]));
        documented(() => tokenizerJson(tokenizer));
      });
    },
    FUZZ_TIMEOUT,
  );

  it('encode a megabyte of anything in a second', () => {
    const bpe = parseTokenizer(files[3]!, 'tokenizer.json');
    for (const piece of ['a', ' ', 'th', '\n', 'é', '🎉', '0', '!', "'s", '\0', 'ab ', 'the']) {
      documented(() => bpe.encode(piece.repeat(1e6 / piece.length)));
    }
  });
});

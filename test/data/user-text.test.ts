/** @file Texts of the user's: what is read, how it is split, and what every bad file is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userText } from '../../src/data/user-text.ts';
import { LabError } from '../../src/lib/errors.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-user-text-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = {
  corpus: 'text',
  path: 'corpus',
  format: 'text',
  text_field: 'text',
  val_fraction: 0.05,
  tokenizer: 'byte',
} as const;

function read(content: string | Uint8Array, changes: object = {}) {
  writeFileSync(join(folder, 'corpus'), content);
  return userText({ ...settings, ...changes }, folder);
}

function errorOf(action: () => unknown): LabError {
  try {
    action();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('text files', () => {
  it('hold out their tail, never inside a character', () => {
    const source = read('€'.repeat(100), { val_fraction: 0.1 });
    expect(text(source.train) + text(source.val)).toBe('€'.repeat(100));
    expect(text(source.val)).toBe('€'.repeat(10));
    expect(text(read('€'.repeat(9), { val_fraction: 0.28 }).val)).toBe('€€');
  });

  it('drop a byte order mark and keep line ends', () => {
    expect(text(read('\ufeffab\r\ncd', { val_fraction: 0.25 }).train)).toBe('ab\r\n');
  });

  it('warn when they look like JSONL', () => {
    writeFileSync(join(folder, 'x.jsonl'), '{"text":"a"}\n');
    expect(userText({ ...settings, path: 'x.jsonl' }, folder).warnings[0]).toContain('data.format: jsonl');
    expect(read('abc').warnings).toEqual([]);
  });
});

describe('jsonl files', () => {
  const jsonl = { format: 'jsonl' };
  const rows = (...values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n');

  it('hold out whole documents, spread evenly', () => {
    const documents = Array.from({ length: 40 }, (_, i) => ({ text: `d${i}` }));
    const source = read(rows(...documents), jsonl);
    expect(text(source.val)).toBe('d19\n\nd39');
    expect(text(source.train).split('\n\n')).toHaveLength(38);
    expect([source.num_train_documents, source.num_val_documents]).toEqual([38, 2]);
    expect(text(read(rows(...documents.slice(0, 4)), { ...jsonl, val_fraction: 0.25 }).val)).toBe('d3');
  });

  it('hold out the last document when the share is less than one', () => {
    const source = read(rows({ text: 'a' }, { text: 'b' }, { text: 'c' }), jsonl);
    expect([text(source.train), text(source.val)]).toEqual(['a\n\nb', 'c']);
  });

  it('skip blank lines and empty documents, take another field and CRLF', () => {
    const source = read('{"body":"a"}\r\n\r\n{"body":""}\r\n{"body":"b"}\r\n', { ...jsonl, text_field: 'body' });
    expect([text(source.train), text(source.val)]).toEqual(['a', 'b']);
  });

  it.each([
    [
      'a missing field',
      rows({ text: 'a' }, { body: 'b', id: 1 }),
      ':2: field "text" is missing (fields here: body, id)',
    ],
    ['a number', rows({ text: 'a' }, { text: 'b' }, { text: 3 }), ':3: field "text" is a number (3), not a string'],
    ['null', rows({ text: null }), ':1: field "text" is null'],
    ['a list', rows({ text: ['a'] }), ':1: field "text" is a list (["a"])'],
    ['an inherited name', rows({ a: 1 }), ':1: field "toString" is missing'],
    ['not an object', '{"text":"a"}\n[1]', ':2: a list ([1]) where a JSON object with the field "text" is needed'],
    ['broken JSON', '{"text":"a"}\n\n{"text":', ':3: not JSON'],
  ])('with %s are refused with file and line', (what, content, message) => {
    const field = what === 'an inherited name' ? { text_field: 'toString' } : {};
    const error = errorOf(() => read(content, { ...jsonl, ...field }));
    expect(error.exit).toBe('usage');
    expect(error.message).toContain(join(folder, 'corpus') + message);
  });

  it('need two documents', () => {
    expect(errorOf(() => read('\n{"text":"a"}\n{"text":""}\n', jsonl)).message).toContain('has 1 documents');
  });
});

describe('files that cannot be read', () => {
  it.each([
    ['missing', 'nowhere.txt', 'does not exist'],
    ['below a file', 'corpus/x', 'does not exist'],
    ['a folder', '.', 'is a folder'],
  ])('%s', (_, path, message) => {
    read('abc');
    const error = errorOf(() => userText({ ...settings, path }, folder));
    expect(error.exit).toBe('usage');
    expect(error.message).toContain(message);
    expect(error.message).toContain(join(folder, path));
  });

  it('empty, or only a byte order mark', () => {
    expect(errorOf(() => read('')).message).toContain('is empty');
    expect(errorOf(() => read('\ufeff')).message).toContain('is empty');
  });

  it('not UTF-8, with the line', () => {
    const latin1 = Buffer.from('good\nall right\ncaf\xe9\n', 'latin1');
    expect(errorOf(() => read(latin1)).message).toContain(`${join(folder, 'corpus')}:3: not UTF-8`);
    expect(errorOf(() => read(Buffer.from('\ufeffab', 'utf16le'))).message).toContain(':1: not UTF-8');
    expect(errorOf(() => read(Buffer.concat([Buffer.from('a\nb'), Buffer.from([0xe2, 0x82])]))).message).toContain(
      ':2:',
    );
  });
});

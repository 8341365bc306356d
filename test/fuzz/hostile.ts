/** @file Hostile input for the fuzz tests: whole files bent, cut and spliced, with keys, numbers and characters that break
 * parsers; and what every reader owes for it: an answer or an error for people, within a second, and no trace left on
 * Object.prototype. `FUZZ_CASES` is the number of cases over all of test/fuzz; without it a few thousand.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { LabError } from '../../src/lib/errors.ts';

/** Cases of a run of test/fuzz, shared out by the shares of the properties, which sum to 100. */
const CASES = Number(process.env['FUZZ_CASES'] ?? 2000);

/** Seed of the long run's cases; a failure prints its own. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** Longest that one case may compute, milliseconds of this process's CPU time: other work must not fail it. */
const MAX_MS = 1000;

/** Longest message: it may quote the input, not repeat it. */
const MAX_MESSAGE = 20_000;

/** Test timeout that the long version needs, milliseconds. */
export const FUZZ_TIMEOUT = 60_000 + CASES * 30;

const TEXTS = [
  ...['__proto__', '"__proto__":{"polluted":1},', 'constructor', 'prototype', 'toString', 'hasOwnProperty'],
  ...[
    '{',
    '}',
    '[',
    ']',
    '[[[[[[[[',
    ':',
    ': ',
    ',',
    '"',
    "'",
    '\\',
    '\\u0000',
    '\\ud800',
    '#',
    '|\n',
    '>-\n',
    '- ',
    '? ',
  ],
  ...[
    '\n',
    '\r',
    '\t',
    ' ',
    '\0',
    '\uFEFF',
    '\uD800',
    '\u2028',
    'é',
    '🎉',
    '%',
    '!',
    '!!js/function ',
    '<<: ',
    '---\n',
  ],
  ...[
    '&a ',
    '*a',
    '*a, *a',
    '1e999',
    '-1',
    '-0',
    '0',
    '0x10',
    '1_000',
    '.5',
    'NaN',
    '.inf',
    'null',
    'true',
    '~',
    '1e308',
  ],
  ...['9007199254740993', '9'.repeat(400), 'a'.repeat(1000), ' '.repeat(1000), '../', '../../etc/passwd', '/', 'C:\\'],
];

const VALUES: unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -1e308, 2 ** 53, 5e-324, '', ' ', 'x', '__proto__', 'constructor', '../..'],
  ...[[], {}, [null], [[]], { a: 1 }, '9'.repeat(50), '\u0000', [1, 2, 3], JSON.parse('{"__proto__":{"polluted":1}}')],
];

interface Bend {
  at: number;
  length: number;
  how: 'insert' | 'replace' | 'delete' | 'double' | 'cut' | 'flip';
  text: string;
}

const bends = fc.array(
  fc.record<Bend>({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(12),
    how: fc.constantFrom('insert', 'replace', 'replace', 'delete', 'double', 'cut', 'flip'),
    text: fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 8 })),
  }),
  { minLength: 1, maxLength: 6 },
);

function bendText(text: string, { at, length, how, text: piece }: Bend): string {
  const i = Math.floor(at * (text.length + 1));
  const [before, after] = [text.slice(0, i), text.slice(i)];
  if (how === 'insert') return before + piece + after;
  if (how === 'replace') return before + piece + after.slice(length);
  if (how === 'delete') return before + after.slice(length);
  if (how === 'double') return before + after.slice(0, length * 8) + after;
  if (how === 'cut') return before;
  return `${before}${String.fromCharCode((after.charCodeAt(0) || 0) ^ (1 << (length % 8)))}${after.slice(1)}`;
}

/** One of `bases` with up to six bends; now and then any text at all. */
export function bentText(...bases: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    {
      weight: 9,
      arbitrary: fc.tuple(fc.constantFrom(...bases), bends).map(([base, all]) => all.reduce(bendText, base)),
    },
    { weight: 1, arbitrary: fc.oneof(fc.string({ maxLength: 200 }), fc.json(), fc.constantFrom(...TEXTS)) },
  );
}

/** Bytes with up to six bends. */
export function bentBytes(...bases: Uint8Array[]): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.constantFrom(...bases), bends).map(([base, all]) => {
    const text = all.reduce(bendText, Buffer.from(base).toString('latin1'));
    return Buffer.from(text, 'latin1');
  });
}

/** `base` with one to three values anywhere inside replaced, removed or joined by others; still JSON. */
export function bentJson(base: unknown): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.nat(),
    how: fc.constantFrom('set', 'set', 'set', 'delete', 'add'),
    value: fc.oneof(fc.constantFrom(...VALUES), fc.jsonValue({ maxDepth: 2 })),
    key: fc.constantFrom('__proto__', 'constructor', 'x', '0', ''),
  });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const root = { value: structuredClone(base) };
    for (const { at, how, value, key } of changes) {
      const places = placesIn(root);
      const [holder, name] = places[at % places.length]!;
      if (how === 'set') put(holder, name, structuredClone(value));
      else if (how === 'delete' && holder !== root) delete holder[name];
      else put(holder, key, structuredClone(value));
    }
    return root.value;
  });
}

type Holder = Record<string, unknown>;

const put = (holder: Holder, key: string, value: unknown) =>
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });

/** Every place in `holder`, as the object that holds it and its key there. */
function placesIn(holder: object): [Holder, string][] {
  return Object.keys(holder).flatMap((key): [Holder, string][] => {
    const value = (holder as Holder)[key];
    const own: [Holder, string] = [holder as Holder, key];
    return typeof value === 'object' && value !== null ? [own, ...placesIn(value)] : [own];
  });
}

/** What `run` gives; undefined where it throws an error for people. Any other error, a second of computing, or a trace on
 * a prototype fails the test. */
export function documented<T>(run: () => T): T | undefined {
  const start = process.cpuUsage();
  let result: T | undefined;
  try {
    result = run();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    expectReadable(error.message);
  }
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000, 'milliseconds of CPU time').toBeLessThan(MAX_MS);
  expectClean();
  return result;
}

/** A message for people: no stack, no flood. */
export function expectReadable(message: string): void {
  expect(message).not.toMatch(/\n {4}at \S/);
  expect(message.length).toBeLessThan(MAX_MESSAGE);
  expect(message.length).toBeGreaterThan(0);
}

/** No input has reached a prototype. */
export function expectClean(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}

/** Runs `check` on `share` percent of all cases. */
export function fuzz<T>(share: number, input: fc.Arbitrary<T>, check: (value: T) => void): void {
  fc.assert(fc.property(input, check), parameters(share));
}

/** As `fuzz`, for a check that waits. */
export async function fuzzAsync<T>(share: number, input: fc.Arbitrary<T>, check: (value: T) => Promise<void>) {
  await fc.assert(fc.asyncProperty(input, check), parameters(share));
}

const parameters = (share: number) => ({ numRuns: Math.max(5, Math.round((CASES * share) / 100)), seed: SEED });

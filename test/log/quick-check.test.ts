/** @file The quick check of records: a yes only where the schema says yes, and then the schema's own content. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Parser, quickly } from '../../src/log/quick-check.ts';
import { runRecordSchema } from '../../src/log/record.ts';
import { bentJson } from '../fuzz/hostile.ts';
import { makeRecord } from '../support/run-record.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/record-v1', import.meta.url));
const record = readdirSync(FIXTURE, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => JSON.parse(readFileSync(join(FIXTURE, name, 'run.json'), 'utf8')) as unknown);

/** Both answers agree; whether the value was taken as it is. */
function isTakenAsIs<T>(schema: z.ZodType<T>, value: unknown, quick: Parser<T> = quickly(schema)): boolean {
  const [own, whole] = [quick.safeParse(value), schema.safeParse(value)];
  expect(own.success).toBe(whole.success);
  if (own.success) expect(own.data).toEqual(whole.data);
  else expect(own.error.issues).toEqual(whole.error!.issues);
  return own.success && own.data === value;
}

describe('quickly', () => {
  it('takes whole records as they are', () => {
    for (const one of [makeRecord(), ...record]) expect(isTakenAsIs(runRecordSchema, one)).toBe(true);
  });

  it('says of bent records what the schema says', () => {
    const quick = quickly(runRecordSchema);
    fc.assert(
      fc.property(bentJson(makeRecord()), (bent) => {
        // As it would come from a file: lists have no holes and no names.
        isTakenAsIs(runRecordSchema, JSON.parse(JSON.stringify(bent)), quick);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a number that is none', '{ "x": 1e999 }'],
    ['a key that reaches a prototype', '{ "x": 1, "__proto__": { "y": 1 } }'],
    ['a list', '[1]'],
  ])('leaves %s to the schema', (_, text) => {
    const value: unknown = JSON.parse(text);
    for (const schema of [z.looseObject({ x: z.number() }), z.record(z.string(), z.unknown())])
      if (isTakenAsIs(schema, value)) expect(text).toContain('1e999');
    expect(isTakenAsIs(z.looseObject({ x: z.number() }), value)).toBe(false);
  });

  it('leaves all values to a schema that it does not know', () => {
    expect(isTakenAsIs(z.object({ x: z.number() }), { x: 1, y: 2 })).toBe(false);
    expect(isTakenAsIs(z.looseObject({ x: z.number().max(2) }), { x: 1 })).toBe(false);
    expect(isTakenAsIs(z.looseObject({ x: z.string().min(1) }), { x: 'a' })).toBe(false);
  });
});

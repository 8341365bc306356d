/** @file The column list against the record's schema: nothing forgotten, nothing invented, everything explained. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Column,
  dataDictionary,
  METRIC_COLUMNS,
  metricRows,
  type Row,
  RUN_COLUMNS,
  runRow,
} from '../../../src/log/export/columns.ts';
import { metricRowSchema, runRecordSchema } from '../../../src/log/record.ts';
import { makeRecord } from '../../support/run-record.ts';

/** Dotted paths of the leaves of an object schema; records and arrays count as leaves. An object that may be null or
 * absent is looked into. */
function leavesOf(schema: z.ZodObject, prefix = ''): string[] {
  return Object.entries(schema.shape).flatMap(([key, field]) => {
    let inner = field as z.ZodType & { shape?: unknown };
    while (inner instanceof z.ZodNullable || inner instanceof z.ZodOptional) inner = inner.unwrap() as z.ZodType;
    return inner.shape === undefined ? [prefix + key] : leavesOf(inner as unknown as z.ZodObject, `${prefix}${key}.`);
  });
}

const named = (columns: readonly Column[], row: Row) =>
  Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]));

describe('columns', () => {
  it('are exactly the leaves of the record', () => {
    expect(RUN_COLUMNS.map(({ field }) => field).sort()).toEqual(leavesOf(runRecordSchema).sort());
  });

  it('of metrics are the fields of a row after those of the run', () => {
    expect(
      METRIC_COLUMNS.slice(4)
        .map(({ field }) => field)
        .sort(),
    ).toEqual(leavesOf(metricRowSchema).sort());
  });

  it.each([
    ['runs', RUN_COLUMNS],
    ['metrics', METRIC_COLUMNS],
  ])('of %s have unique plain names and a meaning', (_, columns) => {
    expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
    for (const { name, meaning } of columns) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(meaning.length).toBeGreaterThan(4);
    }
  });

  it('take their values from the record', () => {
    expect(named(RUN_COLUMNS, runRow(makeRecord({ error: null })))).toMatchObject({
      run_id: 'a1b2c3d4e5f6',
      n_layer: 2,
      num_params_non_embedding_head: 26_624,
      learning_rate: 0.004,
      tie_embeddings: false,
      error: null,
      host_memory_bytes: null,
      versions: '{"node":"20.20.2","@tensorflow/tfjs":"4.22.0"}',
    });
    const rows = metricRows(makeRecord(), [{ kind: 'eval', step: 5, tokens: 320, loss: 2 }]);
    expect([...rows].map((row) => named(METRIC_COLUMNS, row))).toEqual([
      {
        run_id: 'a1b2c3d4e5f6',
        group: 'isoflop',
        num_params_total: 31_008,
        num_tokens: 1_048_576,
        kind: 'eval',
        step: 5,
        tokens: 320,
        loss: 2,
        nonfinite: null,
        learning_rate: null,
        grad_norm: null,
        tokens_per_second: null,
      },
    ]);
  });

  it('make the data dictionary', () => {
    const lines = dataDictionary('runs').split('\n');
    expect(lines).toHaveLength(RUN_COLUMNS.length + 2);
    expect(lines[0]).toBe('| column | field | type | unit | meaning |');
    expect(lines).toContain(
      '| `val_loss` | `val_loss` | number | nats/token | Final validation loss; empty unless finished |',
    );
  });
});

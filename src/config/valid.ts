/** @file The part of a study that is valid by itself: fields that parse, defaults filled in, the rest left out.
 * The rules that span fields work on it, so that they can speak although some other field is wrong.
 */
import type { z } from 'zod';
import { type SweepConfig, sweepSchema } from './schema.ts';

/** Plain data as it came from YAML. */
export type Raw = Record<string, unknown>;

/** The fields of `value` that are valid by themselves, defaults filled in. */
export function validFields<S extends z.ZodObject>(schema: S, value: unknown): Partial<z.output<S>> {
  const raw = asMap(value);
  const valid: Raw = {};
  for (const [key, field] of Object.entries(schema.shape)) {
    const result = (field as z.ZodType).safeParse(raw[key]);
    if (result.success && result.data !== undefined) valid[key] = result.data;
  }
  return valid as Partial<z.output<S>>;
}

/** `value` if it is a mapping, else an empty one. */
export function asMap(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

/** `value` if it is a list, else an empty one. */
export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A block with its fields valid by themselves; of `set`, `grid` and `list` the valid entries. */
export function validSweep(value: unknown): Partial<SweepConfig> {
  const raw = asMap(value);
  const sweep = validFields(sweepSchema, raw);
  const { set, grid, list } = sweepSchema.shape;
  if (raw.set !== undefined) sweep.set = validFields(set.unwrap(), raw.set);
  if (raw.grid !== undefined) sweep.grid = validFields(grid.unwrap(), raw.grid);
  if (raw.list !== undefined) {
    sweep.list = asArray(raw.list).map((entry) => validFields(list.unwrap().element, entry));
  }
  return sweep;
}

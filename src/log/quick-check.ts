/** @file Whether a value from a JSON file plainly fits a schema: the schema's own checks without its copy of the value and
 * its lists of faults, a tenth of the time. Only a yes is an answer. Anything that is not known here, of the schema or of
 * the value, is a no, and the schema itself is then asked: it alone says what is wrong.
 */
import type { z } from 'zod';

type Check = (value: unknown) => boolean;

/** What is read of zod's definitions. */
interface Definition {
  type: string;
  checks?: readonly { _zod: { def: { check: string; value?: unknown; inclusive?: boolean } } }[];
  shape?: Record<string, Schema>;
  catchall?: Schema;
  element?: Schema;
  innerType?: Schema;
  keyType?: Schema;
  valueType?: Schema;
  values?: readonly unknown[];
  entries?: Record<string, string>;
}

interface Schema {
  _zod: { def: Definition };
}

const never: Check = () => false;

/** What reads a value as a `T`, or says why it is none: a schema. */
export interface Parser<T> {
  safeParse(value: unknown): z.ZodSafeParseResult<T>;
}

/** The same as `schema`, which must be one that changes no value (it has no defaults and no transforms), save that a sound
 * value is given back itself, with its keys in their own order. */
export function quickly<T>(schema: z.ZodType<T>): Parser<T> {
  const isSound = compiled(schema as unknown as Schema);
  return {
    safeParse: (value) => (isSound(value) ? { success: true, data: value as T } : schema.safeParse(value)),
  };
}

function compiled({ _zod: { def } }: Schema): Check {
  const { type, checks = [] } = def;
  if (type === 'number') return numberCheck(checks);
  if (checks.length > 0) return never;
  if (type === 'string' || type === 'boolean') return (value) => typeof value === type;
  if (type === 'unknown') return () => true;
  if (type === 'literal') return (value) => def.values!.includes(value);
  if (type === 'enum') {
    const known = new Set<unknown>(Object.values(def.entries!));
    return (value) => known.has(value);
  }
  if (type === 'nullable' || type === 'optional') {
    const inner = compiled(def.innerType!);
    const none = type === 'nullable' ? null : undefined;
    return (value) => value === none || inner(value);
  }
  if (type === 'array') {
    const element = compiled(def.element!);
    // Holes are undefined.
    return (value) => Array.isArray(value) && Array.from(value).every(element);
  }
  if (type === 'record') return recordCheck(def);
  return type === 'object' && def.catchall?._zod.def.type === 'unknown' ? objectCheck(def.shape!) : never;
}

function numberCheck(checks: NonNullable<Definition['checks']>): Check {
  const defs = checks.map((check) => check._zod.def);
  if (defs.length === 0) return Number.isFinite;
  const [first] = defs;
  const is_nonnegative = defs.length === 1 && first!.check === 'greater_than' && first!.inclusive && first!.value === 0;
  return is_nonnegative ? (value) => Number.isFinite(value) && (value as number) >= 0 : never;
}

/** An object without the key that reaches its prototype elsewhere. */
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');

function recordCheck({ keyType, valueType }: Definition): Check {
  if (keyType!._zod.def.type !== 'string' || keyType!._zod.def.checks?.length) return never;
  if (valueType!._zod.def.type === 'unknown') return isPlain;
  const value = compiled(valueType!);
  return (all) => isPlain(all) && Object.values(all).every(value);
}

function objectCheck(shape: Record<string, Schema>): Check {
  const keys = Object.keys(shape);
  const checks = keys.map((key) => compiled(shape[key]!));
  return (value) => {
    if (!isPlain(value)) return false;
    for (let i = 0; i < keys.length; i++) if (!checks[i]!(value[keys[i]!])) return false;
    return true;
  };
}

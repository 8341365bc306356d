/** @file Whether a fit that was read from a file is one: everything that a prediction computes with must be a number.
 * A file that was cut, edited or made by something else is named with what is wrong, in place of an answer of NaN or a
 * search that never ends.
 */
import { z } from 'zod';
import { LabError } from '../lib/errors.ts';

const numbers = z.record(z.string(), z.number());
/** A number that was not finite is null in JSON. */
const range = z.tuple([z.number().nullable(), z.number().nullable()]);
const draws = z
  .record(z.string(), z.array(z.number().nullable()))
  .refine((all) => new Set(Object.values(all).map(({ length }) => length)).size <= 1, 'they are not of one length');

const fitSchema = z.looseObject({
  params: numbers,
  range: z.record(z.string(), range).optional(),
  intervals: z.record(z.string(), range.nullable()).nullish(),
  draws: draws.optional(),
  exponents: z.record(z.string(), z.number().nullable()).nullish(),
  residuals: z.looseObject({ rms: z.number() }).optional(),
  num_points: z.int().nonnegative().optional(),
  num_free: z.int().nonnegative().optional(),
  bootstrap: z
    .looseObject({ replicates: z.int().nonnegative().max(1e6), cluster: z.string(), level: z.number().gt(0).lt(1) })
    .nullish(),
  diagnostics: z.array(z.looseObject({ name: z.string(), severity: z.string(), message: z.string() })).nullish(),
});

/** What any fit of a file may have; of a law also its constants. */
const partSchema = fitSchema.partial();

const groupsSchema = z.array(
  z.looseObject({
    name: z.string(),
    fits: z.array(
      z.looseObject({
        counting: z.looseObject({
          params: z.enum(['total', 'non_embedding', 'non_embedding_head', 'live']),
          flops: z.enum(['6nd', 'exact']),
        }),
        // What its draws are made again with.
        chinchilla: z
          .looseObject({
            dropped: z.array(z.looseObject({})),
            loss: z.looseObject({ name: z.enum(['huber', 'lad', 'mse']), delta: z.number().nullish() }),
          })
          .nullable(),
        chinchilla_refused: z.string().nullish(),
      }),
    ),
  }),
);

/** `fit` itself where it can be predicted from, with all constants that `params` names; without them a part of one.
 * Throws `usage`, naming `file` and what is wrong. */
export function requireFit<T>(file: string, fit: T, params?: readonly string[]): T {
  const schema = params === undefined ? partSchema : fitSchema;
  const found = faultsOf(schema, fit);
  const constants = (fit as { params?: object } | null)?.params ?? {};
  const missing = (params ?? []).filter((name) => !Object.hasOwn(constants, name));
  return required(file, fit, found.length > 0 ? found : missing.map((name) => `params has no ${name}`));
}

/** The groups of a study's fit.json. Throws `usage`, naming `file` and what is wrong. */
export function requireGroups<T>(file: string, groups: T): T {
  return required(file, groups, faultsOf(groupsSchema, groups));
}

function faultsOf(schema: z.ZodType, value: unknown): string[] {
  const issues = schema.safeParse(value).error?.issues ?? [];
  return issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
}

function required<T>(file: string, value: T, faults: readonly string[]): T {
  if (faults.length === 0) return value;
  const listed = faults.slice(0, 3).join('; ');
  throw new LabError('usage', `${file} is not a whole fit: ${listed}; make it again with fit --out, or with report`);
}

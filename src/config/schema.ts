/** @file The study file's schema: every key a user may write, its unit, its default and the default's reason.
 * Objects are strict: an unknown key is an error. Rules that span several fields live in `rules.ts`,
 * since zod stays silent about them as soon as one field fails. `schema` on the command line prints the
 * JSON Schema made from this file; editors read it through the first line of every config.
 */
import { z } from 'zod';
import { claimSchema, powerSchema, switchesSchema } from './claims.ts';
import { forecastSchema } from './forecasts.ts';
import { BATCH_RECIPES, BETA2_RECIPES, LEARNING_RATE_RECIPES, recipeNames, WARMUP_RECIPES } from './recipes.ts';

/** Decimal suffixes of a count, as powers of ten. */
const EXPONENT: Record<string, number> = { k: 3, K: 3, M: 6, G: 9, B: 9, T: 12 };

/** A number with a suffix, read through its decimal digits so that 1.1M is exactly 1100000. */
function parseAmount(value: number | string): number {
  if (typeof value === 'number') return value;
  const exponent = EXPONENT[value.slice(-1)];
  return exponent === undefined ? Number(value) : Number(`${value.slice(0, -1)}e${exponent}`);
}

const SUFFIXED = /^\d+(\.\d+)?([eE][+-]?\d+|[kKMGBT])?$/;

/** A number, or a text with a decimal suffix; `error` says what is expected of both. */
function suffixed(error: string) {
  return z.union([z.number(), z.string().regex(SUFFIXED, error)], { error }).transform(parseAmount);
}

/** A positive amount as a number or with a decimal suffix: 4e10, 40G. */
const amount = suffixed('expected a number, or one with a suffix k, M, B or T (64k, 2.5M)').pipe(z.number().positive());

/** A positive whole count as a number or with a decimal suffix: 64k = 64,000, 2M = 2,000,000, 1.5B, 1e6. */
const count = suffixed('expected a count: a whole number, or one with a suffix k, M, B or T (2M)').pipe(
  z.number().int().positive(),
);

const int = z.number().int();

/** A number, or the name of a recipe from `table`. */
function orRecipe<N extends z.ZodType, T extends Record<string, unknown>>(number: N, what: string, table: T) {
  const names = recipeNames(table);
  return z.union([number, z.enum(names)], {
    error: `expected ${what}, or ${names.length > 1 ? 'one of the recipes' : 'the recipe'} ${names.join(', ')}`,
  });
}

/** Transformer shape: GPT-2's decoder with learned positions and pre-LayerNorm. */
export const modelSchema = z.strictObject({
  n_layer: int
    .min(1)
    .max(64)
    .default(2)
    .describe('Blocks. Default 2: one depth for the whole ladder keeps the curves smooth.'),
  d_model: int.min(1).max(4096).optional().describe('Width of the residual stream. No default: a sweep varies it.'),
  d_head: int
    .min(1)
    .max(256)
    .default(16)
    .describe(
      'Target width of one head where n_head is not given: n_head is the divisor of d_model nearest to ' +
        'd_model / d_head. Default 16: one head at d_model 8 to 20, ten at 160.',
    ),
  n_head: int.min(1).max(128).optional().describe('Heads; must divide d_model. Default: from d_head.'),
  d_ff: int.min(1).max(65536).optional().describe('Width of the MLP; default 4 x d_model (GPT-2).'),
  n_ctx: int
    .min(1)
    .max(4096)
    .default(64)
    .describe('Context length in tokens. Default 64: the length the default rates were measured at.'),
  tie_embeddings: z
    .boolean()
    .default(false)
    .describe('Use the token embedding as output layer. Default false: countings with and without the head differ.'),
  bias: z.boolean().default(false).describe('Biases in the linear layers. LayerNorm always has gain and bias.'),
  init_std: z
    .number()
    .positive()
    .default(0.02)
    .describe("Normal init of the blocks' weights (GPT-2); residual projections are scaled by 1/sqrt(2 n_layer)."),
  embedding_init_std: z
    .number()
    .positive()
    .default(0.2)
    .describe('Normal init of both embeddings. Default .2, from a pilot; .02 does as well on text at D = 1M.'),
});

const zipfLexicon = z.strictObject({
  corpus: z
    .literal('zipf-lexicon')
    .describe(
      'A synthetic language of records with Zipf-distributed ranks and exactly known entropy, streamed without end.',
    ),
  tail: z.number().positive().max(4).default(0.5).describe('s > 0: p(rank) ~ rank^-(1+s). Predicted a = 1/(2+s).'),
  alphabet: z
    .literal([8, 16, 64, 256, 4096])
    .default(64)
    .describe('Symbols V; a record is 48 bits written in log2(V)-bit symbols (V 64: 8 symbols).'),
  lexicon_size: count
    .default(2 ** 40)
    .describe('Records K that exist, at most 2^48. Default 2^40: never exhausted. 1000 gives a plateau.'),
  late_records: z
    .strictObject({
      share: z.number().gt(0).lt(1).describe('Probability w that a record comes from the second lexicon.'),
      size: count.describe('K2 equally likely records of the second lexicon, learned late.'),
    })
    .optional()
    .describe('A bending variant: entropy (1-w) H + w ln K2 + h(w).'),
  language_seed: int
    .min(0)
    .default(0)
    .describe('Seeds the permutation that spells the records and the validation sample.'),
  val_tokens: count.default(131072).describe('Tokens of the validation sample.'),
});

const tokenizerFields = {
  tokenizer: z
    .enum(['live-byte', 'byte', 'char', 'bpe'])
    .default('live-byte')
    .describe(
      'live-byte: a token for each byte value that occurs (102 on State of the Union), so no embedding row is dead.',
    ),
  vocab_size: int.min(257).max(65535).optional().describe('bpe only: entries, 256 bytes included.'),
};

const sotu = z.strictObject({
  corpus: z
    .literal('sotu')
    .describe('US State of the Union addresses 1790-2021 (CC0), split by whole addresses, every 20th held out.'),
  ...tokenizerFields,
});

const text = z.strictObject({
  corpus: z.literal('text').describe("A UTF-8 file of the user's."),
  path: z.string().min(1).describe('Path, relative to the config file that gives it.'),
  format: z.enum(['text', 'jsonl']).default('text').describe('jsonl: one JSON object a line, one document each.'),
  text_field: z.string().min(1).default('text').describe('jsonl only: the field that holds the text.'),
  val_fraction: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.05)
    .describe('Share held out: whole documents of a jsonl file, the tail of a text file.'),
  ...tokenizerFields,
});

/** Where tokens come from: a synthetic language, the bundled corpus, or a file of the user's. */
export const dataSchema = z.discriminatedUnion('corpus', [zipfLexicon, sotu, text]);

const warmup = z
  .union(
    [
      z.strictObject({ steps: int.min(0) }),
      z.strictObject({ tokens: count }),
      z.strictObject({ fraction: z.number().min(0).max(1) }),
      z.enum(recipeNames(WARMUP_RECIPES)),
    ],
    {
      error:
        'expected {steps: n}, {tokens: n}, {fraction: x} or one of the recipes ' +
        recipeNames(WARMUP_RECIPES).join(', '),
    },
  )
  .describe(
    "Linear warmup: steps, tokens, a fraction of the run's steps, or a recipe ('params': warmup tokens = N; " +
      'Porian et al. 2024). Default 2%: part of the protocol the default rates were measured with.',
  );

/** How one run is trained. Numbers, or the name of a recipe that computes them from N and D. */
export const trainSchema = z.strictObject({
  num_tokens: count
    .optional()
    .describe('D, training tokens, rounded to whole steps; an isoflop block solves it from the budget instead.'),
  unique_tokens: count
    .optional()
    .describe(
      "Train on so many tokens only, the first ones of the run's order, in whole windows; each further pass reads the " +
        'same windows in another order. Default: all that the corpus has.',
    ),
  batch_tokens: orRecipe(count, 'a count of tokens', BATCH_RECIPES)
    .default('pilot')
    .describe('Tokens a step, rounded to whole sequences, or a recipe. Default: measured at these sizes.'),
  learning_rate: orRecipe(z.number().positive(), 'a number above 0', LEARNING_RATE_RECIPES)
    .default('pilot')
    .describe('Peak rate, or a recipe. Default: measured at these sizes.'),
  learning_rate_scale: z.number().positive().default(1).describe('Multiplies the rate; for sensitivity runs.'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('First-moment decay (Kingma & Ba).'),
  beta2: orRecipe(z.number().min(0).lt(1), 'a number from 0 to below 1', BETA2_RECIPES)
    .default(0.95)
    .describe('Second-moment decay, or a recipe. Default .95, as GPT-3 and Chinchilla.'),
  eps: z.number().positive().default(1e-8).describe("Added to the root of the second moment (Adam's default)."),
  weight_decay: z
    .number()
    .min(0)
    .default(0)
    .describe('Decoupled decay of the matrices. Default 0: one pass over data needs none at these sizes.'),
  grad_clip: z.number().min(0).default(1).describe('Global gradient norm bound; 0 = off. Default 1 (GPT-3).'),
  schedule: z
    .enum(['constant', 'cosine', 'linear', 'wsd', 'fixed_cosine'])
    .default('cosine')
    .describe(
      "Rate over steps. Default cosine to the run's own end (Chinchilla). fixed_cosine: Kaplan's, one length for " +
        'all runs (horizon_tokens).',
    ),
  horizon_tokens: count
    .optional()
    .describe('fixed_cosine only: where the cosine ends; at least the longest num_tokens.'),
  decay_fraction: z.number().gt(0).max(1).default(0.2).describe('wsd only: share of the steps in the final decay.'),
  final_fraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('Rate at the end as a share of the peak. Default .02: the protocol of the default rates.'),
  warmup: warmup.default({ fraction: 0.02 }),
  eval_tokens: count
    .default(32768)
    .describe('Validation tokens an evaluation scores: the first ones of val.bin, in whole windows of n_ctx.'),
  num_evals: int.min(1).max(1000).default(12).describe('Log-spaced evaluations, the last at the end.'),
  init_seed: int.min(0).optional().describe('Seeds the parameters; default: the run seed.'),
  data_seed: int.min(0).optional().describe('Seeds the batch order; default: the run seed.'),
});

const isoflop = z.strictObject({
  budgets: z.array(amount).min(1).describe('Training FLOPs C, by the counting that `flops` names.'),
  d_model: z.array(int.min(1).max(4096)).min(1).optional().describe('Widths, each trained at each budget.'),
  sizes: z
    .array(count)
    .min(1)
    .optional()
    .describe('Target parameter counts N, of the kind that `flops` counts; the ladder finds the nearest shape.'),
  flops: z
    .enum(['six_n_total', 'six_n_non_embedding', 'exact'])
    .default('six_n_total')
    .describe('The counting by which D is solved from C. Default: 6 N D with all parameters.'),
  keep: z
    .strictObject({
      min_tokens: count.optional().describe('D at least.'),
      max_tokens: count.optional().describe('D at most.'),
      min_tokens_per_param: z.number().positive().optional().describe('D / N total at least.'),
      max_tokens_per_param: z.number().positive().optional().describe('D / N total at most.'),
    })
    .optional()
    .describe('Cells outside these bounds are dropped and counted.'),
});

/** The schema of `field` without its default: in an override an absent key means "as before". */
function withoutDefault(field: z.ZodType): z.ZodType {
  let inner = field;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap() as z.ZodType;
  return field.description === undefined ? inner : inner.describe(field.description);
}

/** A strict object with one optional key for each dotted path that a sweep may set (`model.d_model`,
 * `train.num_tokens`, ...), its values read by `wrap(schema of that field)`. */
function dotted(wrap: (field: z.ZodType) => z.ZodType, extra: Record<string, z.ZodType> = {}) {
  const shape: Record<string, z.ZodType> = {};
  for (const [section, schema] of Object.entries({ model: modelSchema, train: trainSchema })) {
    for (const [key, field] of Object.entries(schema.shape)) {
      shape[`${section}.${key}`] = wrap(withoutDefault(field as z.ZodType)).optional();
    }
  }
  return z.strictObject({ ...shape, ...extra });
}

/** Values to set by dotted path, as in `{ model.d_model: 32 }`. */
const assignments = dotted((field) => field);

export const sweepSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, - and _')
    .describe('Group of the runs: fits never mix groups.'),
  data: dataSchema.optional().describe("Replaces the study's data block."),
  set: assignments.optional().describe('Overrides for this block by dotted path (model.*, train.*).'),
  grid: dotted((field) => z.array(field).min(1))
    .optional()
    .describe('Dotted path -> values; all combinations.'),
  list: z.array(assignments).min(1).optional().describe('Explicit runs, each a set of dotted paths.'),
  isoflop: isoflop.optional().describe('Budgets x sizes, D solved from the budget. Instead of grid or list.'),
  seeds: z.array(int.min(0)).min(1).default([0]).describe('Each run is repeated with each seed.'),
  exclude: z
    .array(dotted((field) => field, { budget: amount.optional().describe('isoflop only: the budget of the cell.') }))
    .default([])
    .describe('Runs whose values equal all of an entry are left out.'),
  max_runs: int.min(1).max(100000).default(10000).describe('More planned runs than this is an error.'),
});

/** What `study` fits and reports. */
const fitSchema = z.strictObject({
  bootstrap: int.min(0).max(100000).default(200).describe('Replicates an interval is drawn from; 0 = no intervals.'),
  cluster: z
    .enum(['sizes', 'runs'])
    .default('sizes')
    .describe(
      'What the bootstrap resamples. Default sizes: what all runs of a size share is invisible to a run bootstrap.',
    ),
  min_tokens: count.optional().describe('Leave out runs with fewer tokens.'),
});

export const studySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, - and _')
    .describe('Folder under the runs folder.'),
  description: z.string().optional().describe('One line for the report.'),
  backend: z
    .enum(['auto', 'cuda', 'webgpu', 'native', 'tensorflow', 'wasm', 'cpu'])
    .default('auto')
    .describe('auto: the fastest that starts.'),
  workers: int.min(1).max(256).optional().describe('Worker processes; default one a core.'),
  seed: int.min(0).default(0).describe('Base seed of the bootstrap.'),
  data: dataSchema.describe('The corpus of all sweeps that do not give their own.'),
  model: modelSchema.prefault({}).describe('Shape and initialisation.'),
  train: trainSchema.prefault({}).describe('How a run is trained.'),
  sweeps: z.array(sweepSchema).min(1).describe('Blocks of runs, each a group of its own.'),
  fit: fitSchema.prefault({}).describe('What is fitted, and how intervals are drawn.'),
  claims: z.array(claimSchema).default([]).describe("Papers' statements to judge; frozen before the first run."),
  switches: z
    .array(switchesSchema)
    .default([])
    .describe('Sequences of protocols or countings, each with its exponent and the difference from the one before.'),
  forecasts: z
    .array(forecastSchema(amount))
    .default([])
    .describe('Runs to predict from the smaller ones before they are trained.'),
  power: powerSchema.optional().describe('What `power` simulates before the runs.'),
});

export type ModelConfig = z.output<typeof modelSchema>;
export type DataConfig = z.output<typeof dataSchema>;
export type TrainConfig = z.output<typeof trainSchema>;
export type SweepConfig = z.output<typeof sweepSchema>;
export type StudyConfig = z.output<typeof studySchema>;
export type FitConfig = z.output<typeof fitSchema>;

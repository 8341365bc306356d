/** @file Named rules for the peak learning rate, the batch, the warmup and beta2: pure functions of the
 * run's size, so that a ladder of models is tuned by one word in a study file.
 * Each rule names its source, the parameter count it is stated in, and the range it was fitted on. None of the
 * published rules was fitted below 1e6 parameters: at the sizes of this lab they are extrapolations, there to
 * repeat a paper's protocol; `pilot`, `lexicon` and `tuned_lexicon` were measured at these sizes. The planner calls them
 * after the shape and D are known.
 */
import { LabError } from '../lib/errors.ts';
import type { NumParams } from '../log/record.ts';

/** What a rule may depend on. `num_tokens` is D before rounding to whole steps. */
export interface RecipeInput {
  num_params: NumParams;
  num_tokens: number;
  d_model: number;
  n_ctx: number;
}

/** Reference N of the rules of Porian et al. 2024: parameters without embeddings but with head. */
const PORIAN_N = 108e6;

/** `min(.015, .2 / d_model)`. Measured at n_layer 2, d_model 8 to 64, D .6M, batch 512 tokens on State of the
 * Union bytes (optima .012-.035 at d 8, .006-.012 at d 32, .003 at d 64); extrapolated above d_model 64. */
function pilotRate({ d_model }: RecipeInput): number {
  return Math.min(0.015, 0.2 / d_model);
}

/** `.01 sqrt(32 / d_model)`. Used for the zipf-lexicon grids at d_model 8 to 96, D 6e4 to 8e6, batch 512 tokens;
 * there it is a working choice, not a tuned optimum. */
function lexiconRate({ d_model }: RecipeInput): number {
  return 0.01 * Math.sqrt(32 / d_model);
}

/** `.04 (8 / d_model)^.9`. Measured on zipf-lexicon (tail .5) at n_layer 2, d_model 8 to 64, D 1M, batch 256 and 512
 * tokens (study learning-rate: vertices .035-.044, .016-.019, .008-.013, .005-.007); extrapolated beyond. */
function tunedLexiconRate({ d_model }: RecipeInput): number {
  return 0.04 * (8 / d_model) ** 0.9;
}

/** `.0047 (N / 108e6)^(-1/3)`, N non-embedding with head (Porian et al. 2024, arXiv 2406.19146).
 * Fitted on 25M to 110M parameters only: at N = 3e3 it gives .155, ten times what trains. */
function porianRate({ num_params }: RecipeInput): number {
  return 0.0047 * (num_params.non_embedding_head / PORIAN_N) ** (-1 / 3);
}

/** `.003239 - .0001395 ln N`, N non-embedding (Kaplan et al. 2020, arXiv 2001.08361, appendix D.6), for batches of
 * 2^19 tokens and N from 768 to 1.5e9; not positive above N = 1.2e10, which is an error. */
function kaplanRate({ num_params }: RecipeInput): number {
  const rate = 0.003239 - 0.0001395 * Math.log(num_params.non_embedding);
  if (rate > 0) return rate;
  throw new LabError(
    'usage',
    `invalid train.learning_rate: the kaplan recipe gives ${rate} at ${num_params.non_embedding} non-embedding ` +
      'parameters; it holds below 1.2e10, give a number instead',
  );
}

/** Peak learning rate. */
export const LEARNING_RATE_RECIPES = {
  pilot: pilotRate,
  lexicon: lexiconRate,
  tuned_lexicon: tunedLexiconRate,
  porian: porianRate,
  kaplan: kaplanRate,
} as const;

/** 256 tokens a step below D = 1M, 512 to 4M, 1,024 above. From the pilot at d_model 8 to 64 and D .1M to 8M:
 * small runs need steps more than they need quiet gradients. */
function pilotBatch({ num_tokens }: RecipeInput): number {
  if (num_tokens < 1e6) return 256;
  return num_tokens <= 4e6 ? 512 : 1024;
}

/** `160 (N / 108e6)^(2/3)` sequences of 2,048 tokens, N non-embedding with head (Porian et al. 2024).
 * Fitted on 25M to 110M parameters; extrapolated it gives 300 tokens at N = 3e3. */
function porianBatch({ num_params }: RecipeInput): number {
  return 160 * 2048 * (num_params.non_embedding_head / PORIAN_N) ** (2 / 3);
}

/** 2^19 tokens, one batch for all sizes (Kaplan et al. 2020, section 2.2). More than most runs here see in all. */
function kaplanBatch(): number {
  return 2 ** 19;
}

/** Tokens a step, before rounding to whole sequences. */
export const BATCH_RECIPES = { pilot: pilotBatch, porian: porianBatch, kaplan: kaplanBatch } as const;

/** `.99` (Porian et al. 2024): their value for small models, whose small batches make the second moment
 * noisy. All models of this lab are below the 25M to 110M parameters it was tuned on. */
function porianBeta2(): number {
  return 0.99;
}

/** Decay of AdamW's second moment. */
export const BETA2_RECIPES = { porian: porianBeta2 } as const;

/** Warmup tokens = N, non-embedding with head (Porian et al. 2024). At these sizes a few steps. */
function paramsWarmup({ num_params }: RecipeInput, tokensPerStep: number): number {
  return num_params.non_embedding_head / tokensPerStep;
}

/** 3,000 steps whatever the size (Kaplan et al. 2020, section 2.2): with 2^19 tokens a step, 1.6e9 tokens, as long
 * as the best run of the smallest budgets. To repeat that here, scale it: give tokens instead. */
function kaplanWarmup(): number {
  return 3000;
}

/** Warmup in steps, before rounding. */
export const WARMUP_RECIPES = { params: paramsWarmup, kaplan: kaplanWarmup } as const;

/** The names of a table of recipes, as zod's enum wants them. */
export function recipeNames<T extends Record<string, unknown>>(table: T): [keyof T & string, ...(keyof T & string)[]] {
  return Object.keys(table) as [keyof T & string, ...(keyof T & string)[]];
}

/** @file The schema of a claim: a paper's statement, the exact recipe of our number beside it, and what decides.
 * Claims stand in the study file and are frozen, with their hash, before the study's first run; `study/` judges them.
 */
import { z } from 'zod';

/** Every number that some fit gives. */
const QUANTITIES = [
  ...['a', 'b', 'E', 'alpha', 'beta'],
  ...['alpha_N', 'alpha_D', 'alpha_S', 'stop_above'],
  ...['slope', 'bend'],
  ...['B_star', 'alpha_B', 'growth'],
] as const;

/** One number of ours: a fit of one group under one counting. A claim's estimate is a sum of terms. */
const termSchema = z.strictObject({
  times: z.number().default(1).describe('Factor of this term in the sum: 1 and -1 make a difference.'),
  study: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected the name of a study')
    .optional()
    .describe('Study whose runs are fitted, trained beside this one; default: this study.'),
  group: z.string().describe('Block of the study whose runs are fitted.'),
  rows: z
    .enum(['final', 'curves'])
    .optional()
    .describe(
      "final (default): each run's last loss. curves: every evaluation, as where one run a size is read at all budgets, " +
        'or stopped where it was best; approach 2, line, and approach 3 with kaplan_ns, which takes those after warmup.',
    ),
  approach: z
    .literal([1, 2, 3, 'line', 'critical_batch'])
    .default(2)
    .describe(
      '1: envelope of learning curves. 2: isoFLOP valleys. 3: a law over all runs. line: a straight line in logs along ' +
        'one variable. critical_batch: steps against tokens to equal loss at several batches, each at its best rate.',
    ),
  quantity: z
    .enum(QUANTITIES)
    .default('a')
    .describe(
      'Exponents a and b by approaches 1, 2 and 3 (chinchilla, power_mean), and by 3 the constants of the law; ' +
        'kaplan_ns: stop_above = alpha_N/alpha_S, the share above the converged loss at which training should stop. ' +
        'line: slope, -d ln L/d ln x, and bend, its greatest distance from the curve in log loss. critical_batch: B_star, ' +
        'alpha_B, and growth = 1/alpha_B, -d ln B_crit/d ln L.',
    ),
  along: z
    .enum(['N', 'D', 'C'])
    .optional()
    .describe(
      'line only: N, the runs of most tokens of each size; D, the best loss at each amount of unique tokens; C, those ' +
        'that nothing cheaper beats. With rows curves a run along N and D is stopped where it was best.',
    ),
  floor: z
    .literal('exact')
    .optional()
    .describe(
      "line and kaplan_ns only: the language's exact entropy is taken off every loss, so that the rest is reducible.",
    ),
  critical_batch: z
    .string()
    .optional()
    .describe(
      'Block whose runs at several batches give the critical batch: C becomes C_min, and S S_min, as far above or below ' +
        'it; approach 2 with rows curves, a line along C with them, and approach 3 with kaplan_ns.',
    ),
  params: z.enum(['total', 'non_embedding', 'non_embedding_head', 'live']).default('total').describe('What N counts.'),
  flops: z.enum(['6nd', 'exact']).default('6nd').describe('What C counts.'),
  law: z
    .enum(['chinchilla', 'power_mean', 'kaplan_nd', 'kaplan_ns'])
    .default('chinchilla')
    .describe('approach 3 only.'),
  loss: z.enum(['huber', 'mse', 'lad']).default('huber').describe('approach 3 only: loss function of the fit.'),
  min_tokens: z.number().int().positive().optional().describe('Leave out runs with fewer tokens.'),
});

/** Variants of the analysis that must agree with the primary one. */
const SPECIFICATIONS = [
  'window_5',
  'without_smallest_budget',
  'without_largest_budget',
  'min_tokens_x2',
  'delta_x10',
  'other_law',
] as const;

export const claimSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, - and _')
    .describe('Name of the row.'),
  statement: z.string().min(1).describe("The paper's statement, in one sentence."),
  source: z.string().min(1).describe('Paper, section or equation.'),
  kind: z
    .enum(['number', 'direction', 'form', 'constant'])
    .describe(
      'number: equal to `value` within `margin`. direction: above 0. form: a straight line within `margin`, and no law ' +
        'with a floor predicts runs left out better. constant: of a corpus, never judged.',
    ),
  ours: z.array(termSchema).min(1).describe('Our number: the sum of these terms.'),
  value: z.number().optional().describe("number and constant: the paper's value."),
  value_se: z.number().min(0).default(0).describe("The paper's own standard error; 0 where none is printed."),
  margin: z.number().positive().optional().describe('number and form: the difference that no longer counts as equal.'),
  minimal_effect: z.number().min(0).default(0.03).describe('direction: the least effect that counts.'),
  exploratory: z
    .literal(true)
    .optional()
    .describe(
      'Simulated before the runs, it was decided in less than 80% of the studies: no verdict, only the number.',
    ),
  specifications: z
    .array(z.enum(SPECIFICATIONS))
    .default([...SPECIFICATIONS])
    .describe('Variants that must agree; those that mean nothing for the approach are left out.'),
});

/** A sequence of protocols that differ by one thing each, with the exponent that each gives. */
export const switchesSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, - and _')
    .describe('Name of the table and figure.'),
  title: z.string().min(1).describe('What is followed from step to step.'),
  steps: z
    .array(
      z.strictObject({
        label: z.string().min(1).describe('What this step changes.'),
        ours: termSchema.omit({ times: true, quantity: true }).describe('The fit whose exponent a is followed.'),
        theirs: z.number().optional().describe("A paper's number for the same step."),
      }),
    )
    .min(2),
});

export type Switches = z.output<typeof switchesSchema>;
export type Claim = z.output<typeof claimSchema>;
export type ClaimTerm = z.output<typeof termSchema>;
export type Specification = (typeof SPECIFICATIONS)[number];

/** What the simulation of a study's power starts from. */
export const powerSchema = z.strictObject({
  surfaces: z
    .record(
      z.string(),
      z.strictObject({
        E: z.number().min(0),
        A: z.number().positive(),
        B: z.number().positive(),
        alpha: z.number().positive(),
        beta: z.number().positive(),
      }),
    )
    .describe('Block -> L = E + A/N^alpha + B/D^beta with all parameters: the truth of the simulation.'),
  seed_sd: z.number().min(0).describe('Spread of log loss from run to run.'),
  size_sd: z.number().min(0).describe('Spread of the offset of log loss that all runs of a size share.'),
  draws: z.number().int().min(1).max(10000).default(100).describe('Studies simulated.'),
});

export type PowerConfig = z.output<typeof powerSchema>;

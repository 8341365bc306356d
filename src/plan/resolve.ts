/** @file One cell of a sweep block and one seed -> one RunSpec, every number resolved.
 * The order matters: shape, then D (given, or solved from the budget), then the recipes that depend on both, then whole
 * sequences and steps, then the schedule in steps. What rounding or a short corpus changes is told in notes.
 */
import {
  BATCH_RECIPES,
  BETA2_RECIPES,
  type CorpusFacts,
  type DataConfig,
  type EvalSpec,
  LEARNING_RATE_RECIPES,
  type ModelConfig,
  type ModelSpec,
  type OptimizerSpec,
  type RecipeInput,
  type RunSpec,
  type ScheduleSpec,
  type TrainConfig,
  WARMUP_RECIPES,
} from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { formatCount, formatFlops } from '../lib/format.ts';
import { countParams } from '../model/size.ts';
import { BUDGET_TOLERANCE, type Counting, fitBudget, tokensForBudget } from './isoflop.ts';
import { modelSpec, nearestWidth } from './ladder.ts';

/** Repetitions beyond which repeated tokens cost more than the seed noise (Muennighoff et al. 2023: about 4). */
export const MAX_EPOCHS = 4;

/** What a run is resolved from. `budget` comes with `counting`; `size` is a target N in place of model.d_model. */
export interface RunRequest {
  model: ModelConfig;
  train: TrainConfig;
  data: DataConfig;
  facts: CorpusFacts;
  seed: number;
  counting: Counting;
  budget?: number | undefined;
  size?: number | undefined;
}

/** A resolved run, with how far its FLOPs are from the budget (null without one) and what rounding changed. */
export interface ResolvedRun {
  spec: RunSpec;
  budget_error: number | null;
  notes: string[];
}

/** Resolves one run. Throws a `usage` error where no run can be made: a budget or D below one step, heads that do not
 * divide the width, a horizon before the end, a validation set shorter than one window. */
export function resolveRun(request: RunRequest): ResolvedRun {
  const { train, data, facts, seed } = request;
  const notes: string[] = [];
  const model = resolveModel(request);
  const { n_ctx } = model;
  const wanted_tokens = wantedTokens(request, model);
  const sizes: RecipeInput = {
    num_params: countParams(model, facts.live_vocab_size),
    num_tokens: wanted_tokens,
    d_model: model.d_model,
    n_ctx,
  };
  const { batch_size, num_steps, budget_error } = resolveSteps(request, sizes, notes);
  const num_tokens = num_steps * batch_size * n_ctx;
  const schedule = resolveSchedule(train, sizes, num_steps, batch_size * n_ctx, notes);
  const unique_tokens = resolveUnique(train, n_ctx, facts.unique_tokens, notes);
  noteEpochs(num_tokens, unique_tokens ?? facts.unique_tokens, notes);
  const spec: RunSpec = {
    model,
    data,
    corpus_sha256: facts.corpus_sha256,
    tokenizer_sha256: facts.tokenizer_sha256,
    batch_size,
    num_steps,
    num_tokens,
    ...(unique_tokens === null ? {} : { unique_tokens }),
    optimizer: resolveOptimizer(train, sizes),
    schedule,
    eval: resolveEval(train, n_ctx, facts.val_tokens, notes),
    init_seed: train.init_seed ?? seed,
    data_seed: train.data_seed ?? seed,
  };
  return { spec, budget_error, notes };
}

function resolveModel({ model, facts, size, counting }: RunRequest): ModelSpec {
  const d_model = size === undefined ? model.d_model : nearestWidth(model, facts.vocab_size, size, counting);
  if (d_model === undefined) throw new LabError('usage', 'no model.d_model; give one, or let an isoflop block choose');
  const spec = modelSpec(model, d_model, facts.vocab_size);
  if (d_model % spec.n_head !== 0) {
    throw new LabError('usage', `invalid n_head: ${spec.n_head} does not divide d_model ${d_model}`);
  }
  return spec;
}

/** D before rounding. */
function wantedTokens({ budget, counting, train }: RunRequest, model: ModelSpec): number {
  if (budget !== undefined) return tokensForBudget(model, budget, counting);
  if (train.num_tokens !== undefined) return train.num_tokens;
  throw new LabError('usage', 'no train.num_tokens; give it, or an isoflop block');
}

function resolveSteps(
  { train, budget }: RunRequest,
  sizes: RecipeInput,
  notes: string[],
): { batch_size: number; num_steps: number; budget_error: number | null } {
  const { num_tokens, n_ctx } = sizes;
  const { batch_tokens } = train;
  const batchTokens = typeof batch_tokens === 'number' ? batch_tokens : BATCH_RECIPES[batch_tokens](sizes);
  const wanted_batch = Math.max(1, Math.round(batchTokens / n_ctx));
  const step = `one step of ${wanted_batch} x ${n_ctx} tokens`;
  if (num_tokens < wanted_batch * n_ctx) {
    throw new LabError(
      'usage',
      budget === undefined
        ? `num_tokens ${num_tokens} is less than ${step}; raise it or lower train.batch_tokens`
        : `the budget buys ${Math.floor(num_tokens)} tokens, less than ${step}; raise it, drop this size, or lower ` +
            'train.batch_tokens',
    );
  }
  if (budget === undefined) {
    const num_steps = Math.round(num_tokens / (wanted_batch * n_ctx));
    const planned = num_steps * wanted_batch * n_ctx;
    if (Math.abs(planned / num_tokens - 1) > BUDGET_TOLERANCE) {
      notes.push(`num_tokens ${num_tokens} rounded to ${planned}: whole steps of ${wanted_batch} x ${n_ctx} tokens`);
    }
    return { batch_size: wanted_batch, num_steps, budget_error: null };
  }
  const fit = fitBudget(num_tokens, wanted_batch, n_ctx);
  if (fit.batch_size !== wanted_batch) {
    notes.push(
      `batch of ${fit.batch_size} sequences in place of ${wanted_batch}: ${fit.num_steps} whole steps meet the budget`,
    );
  }
  if (Math.abs(fit.budget_error) > BUDGET_TOLERANCE) {
    const percent = (100 * fit.budget_error).toFixed(1);
    notes.push(
      `misses the budget ${formatFlops(budget)} by ${percent}%: ${formatCount(num_tokens)} tokens are not a whole ` +
        `number of steps for any batch of ${Math.ceil(wanted_batch / 2)} to ${2 * wanted_batch} sequences`,
    );
  }
  return fit;
}

function resolveOptimizer(train: TrainConfig, sizes: RecipeInput): OptimizerSpec {
  const { learning_rate, beta2 } = train;
  const rate = typeof learning_rate === 'number' ? learning_rate : LEARNING_RATE_RECIPES[learning_rate](sizes);
  return {
    learning_rate: rate * train.learning_rate_scale,
    beta1: train.beta1,
    beta2: typeof beta2 === 'number' ? beta2 : BETA2_RECIPES[beta2](),
    eps: train.eps,
    weight_decay: train.weight_decay,
    grad_clip: train.grad_clip,
  };
}

function resolveSchedule(
  train: TrainConfig,
  sizes: RecipeInput,
  num_steps: number,
  tokensPerStep: number,
  notes: string[],
): ScheduleSpec {
  const warmup_steps = warmupSteps(train.warmup, sizes, num_steps, tokensPerStep);
  const horizon_steps =
    train.schedule === 'fixed_cosine' && train.horizon_tokens !== undefined
      ? Math.round(train.horizon_tokens / tokensPerStep)
      : num_steps;
  if (horizon_steps < num_steps) {
    throw new LabError(
      'usage',
      `horizon_tokens ${train.horizon_tokens} ends before the run: ${num_steps * tokensPerStep} tokens; raise it to ` +
        'the tokens of the longest run',
    );
  }
  if (warmup_steps >= num_steps) {
    notes.push(`warmup of ${warmup_steps} steps does not end within the run of ${num_steps}`);
  }
  const decay_steps = train.schedule === 'wsd' ? Math.max(1, Math.round(train.decay_fraction * num_steps)) : 0;
  if (warmup_steps < num_steps && warmup_steps + decay_steps > num_steps) {
    notes.push(`warmup of ${warmup_steps} and decay of ${decay_steps} steps overlap in a run of ${num_steps}`);
  }
  return { kind: train.schedule, warmup_steps, horizon_steps, decay_steps, final_fraction: train.final_fraction };
}

/** Warmup in whole steps. */
function warmupSteps(
  warmup: TrainConfig['warmup'],
  sizes: RecipeInput,
  num_steps: number,
  tokensPerStep: number,
): number {
  if (typeof warmup === 'string') return Math.round(WARMUP_RECIPES[warmup](sizes, tokensPerStep));
  if ('steps' in warmup) return warmup.steps;
  return Math.round('tokens' in warmup ? warmup.tokens / tokensPerStep : warmup.fraction * num_steps);
}

/** Whole windows of n_ctx within the validation set, one token being left as the last target. */
function resolveEval(train: TrainConfig, n_ctx: number, val_tokens: number, notes: string[]): EvalSpec {
  const num_windows = Math.floor(Math.min(train.eval_tokens, val_tokens - 1) / n_ctx);
  if (num_windows < 1) {
    throw new LabError(
      'usage',
      `the validation set has ${val_tokens} tokens, less than one window of n_ctx ${n_ctx} and its last target`,
    );
  }
  if (val_tokens - 1 < train.eval_tokens) {
    notes.push(`scores ${num_windows * n_ctx} validation tokens, not ${train.eval_tokens}: there are ${val_tokens}`);
  }
  return { eval_tokens: num_windows * n_ctx, num_evals: train.num_evals };
}

/** Whole windows of the tokens that a run may repeat; null where it takes all that the corpus has. */
function resolveUnique(
  { unique_tokens }: TrainConfig,
  n_ctx: number,
  available: number | null,
  notes: string[],
): number | null {
  if (unique_tokens === undefined) return null;
  const whole = Math.floor(unique_tokens / n_ctx) * n_ctx;
  if (whole === 0) {
    throw new LabError('usage', `unique_tokens ${unique_tokens} is less than one window of n_ctx ${n_ctx}; raise it`);
  }
  if (available !== null && whole > available) {
    notes.push(`takes all ${available} unique tokens of the corpus, not ${unique_tokens}`);
    return null;
  }
  return whole;
}

function noteEpochs(num_tokens: number, unique_tokens: number | null, notes: string[]): void {
  if (unique_tokens === null || num_tokens <= unique_tokens) return;
  const epochs = num_tokens / unique_tokens;
  const warning = epochs > MAX_EPOCHS ? `, more than ${MAX_EPOCHS}: the loss is no longer that of fresh tokens` : '';
  notes.push(`repeats its ${formatCount(unique_tokens)} unique tokens: ${epochs.toFixed(1)} epochs${warning}`);
}

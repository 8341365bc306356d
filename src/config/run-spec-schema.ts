/** @file Whether a value from a file is a RunSpec: what a check of a record, or a run trained again from it, needs to know
 * before it trusts the numbers. The bounds are those of a study file; unknown keys are let through, since a later
 * version may add some and they are part of a run's identity.
 */
import { z } from 'zod';
import { runHash } from './identity.ts';
import type { RunSpec } from './run-spec.ts';
import { dataSchema, modelSchema } from './schema.ts';

const whole = z.int().nonnegative();
const positive = z.int().positive();
const { n_layer, d_ff, n_ctx, init_std, embedding_init_std } = modelSchema.shape;

const runSpecSchema = z
  .looseObject({
    model: z.looseObject({
      n_layer: n_layer.unwrap(),
      n_head: positive.max(4096),
      d_model: positive.max(4096),
      d_ff: d_ff.unwrap(),
      n_ctx: n_ctx.unwrap(),
      vocab_size: positive.max(65536),
      tie_embeddings: z.boolean(),
      bias: z.boolean(),
      init_std: init_std.unwrap(),
      embedding_init_std: embedding_init_std.unwrap(),
    }),
    data: dataSchema,
    corpus_sha256: z.string(),
    tokenizer_sha256: z.string(),
    batch_size: positive,
    num_steps: positive,
    num_tokens: positive,
    unique_tokens: positive.optional(),
    optimizer: z.looseObject({
      learning_rate: z.number().positive(),
      beta1: z.number().min(0).lt(1),
      beta2: z.number().min(0).lt(1),
      eps: z.number().positive(),
      weight_decay: z.number().min(0),
      grad_clip: z.number().min(0),
    }),
    schedule: z.looseObject({
      kind: z.enum(['constant', 'cosine', 'linear', 'wsd', 'fixed_cosine']),
      warmup_steps: whole,
      horizon_steps: positive,
      decay_steps: whole,
      final_fraction: z.number().min(0).max(1),
    }),
    eval: z.looseObject({ eval_tokens: positive, num_evals: positive.max(1000) }),
    init_seed: whole,
    data_seed: whole,
  })
  .superRefine(({ model, num_tokens, num_steps, batch_size }, context) => {
    if (model.d_model % model.n_head !== 0) {
      context.addIssue({
        code: 'custom',
        path: ['model', 'n_head'],
        message: `does not divide d_model ${model.d_model}`,
      });
    }
    const product = num_steps * batch_size * model.n_ctx;
    if (num_tokens !== product) {
      context.addIssue({
        code: 'custom',
        path: ['num_tokens'],
        message: `${num_tokens} is not num_steps x batch_size x n_ctx = ${product}`,
      });
    }
  });

/** `value` itself where it is a RunSpec, with its identity, else what is wrong with it, as `model.n_head: ...`, at most
 * three faults. */
export function checkRunSpec(value: unknown): { spec: RunSpec; hash: string } | { faults: string[] } {
  const checked = runSpecSchema.safeParse(value);
  if (checked.success) {
    const spec = value as RunSpec;
    try {
      return { spec, hash: runHash(spec) };
    } catch {
      // JSON text may hold 1e999, which no number is.
      return { faults: ['spec: a number is too large'] };
    }
  }
  return {
    faults: checked.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'spec'}: ${message}`),
  };
}

/** @file Counts of a transformer, from its shape alone: parameters by group, training FLOPs by three
 * countings, training memory. Pure arithmetic, so that the planner needs no tensor library.
 * `paramShapes` is the single list of variables: `gpt.ts` creates them from it, and the counts sum it.
 * Sources: Kaplan et al. 2020, table 1 (N = the blocks' weight matrices, C = 6 N D); Hoffmann et al. 2022,
 * appendix F (every product counted); Porian et al. 2024 (the head belongs to N). Unlike appendix F,
 * attention counts as its causal half and softmax not at all: only matrix products are counted.
 */
import type { ModelSpec } from '../config/config.ts';
import type { Flops, NumParams } from '../log/record.ts';

/** Name -> shape of every trained tensor, in the order the model creates them. Weights are [inputs, outputs]. */
export function paramShapes(model: ModelSpec): Record<string, number[]> {
  const { n_layer, d_model, d_ff, n_ctx, vocab_size } = model;
  const shapes: Record<string, number[]> = { wte: [vocab_size, d_model], wpe: [n_ctx, d_model] };
  const linear = (name: string, inputs: number, outputs: number) => {
    shapes[`${name}.w`] = [inputs, outputs];
    if (model.bias) shapes[`${name}.b`] = [outputs];
  };
  const layerNorm = (name: string) => {
    shapes[`${name}.g`] = [d_model];
    shapes[`${name}.b`] = [d_model];
  };
  for (let i = 0; i < n_layer; i++) {
    layerNorm(`h.${i}.ln_1`);
    for (const name of ['c_q', 'c_k', 'c_v', 'c_proj']) linear(`h.${i}.attn.${name}`, d_model, d_model);
    layerNorm(`h.${i}.ln_2`);
    linear(`h.${i}.mlp.c_fc`, d_model, d_ff);
    linear(`h.${i}.mlp.c_proj`, d_ff, d_model);
  }
  layerNorm('ln_f');
  if (!model.tie_embeddings) shapes['lm_head.w'] = [d_model, vocab_size];
  return shapes;
}

/** Parameters by group, summed over `paramShapes`.
 * `live_vocab_size` is how many of the `vocab_size` token values occur in training; the embedding and head
 * rows of the others never see data and are left out of `live`. */
export function countParams(model: ModelSpec, live_vocab_size: number): NumParams {
  const groups = { token_embedding: 0, position_embedding: 0, transformer: 0, norm_and_bias: 0, lm_head: 0 };
  for (const [name, shape] of Object.entries(paramShapes(model))) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (name === 'wte') groups.token_embedding += size;
    else if (name === 'wpe') groups.position_embedding += size;
    else if (name === 'lm_head.w') groups.lm_head += size;
    else if (name.endsWith('.w')) groups.transformer += size;
    else groups.norm_and_bias += size;
  }
  const total =
    groups.token_embedding + groups.position_embedding + groups.transformer + groups.norm_and_bias + groups.lm_head;
  const deadRows = (model.vocab_size - live_vocab_size) * (model.tie_embeddings ? 1 : 2);
  return {
    total,
    ...groups,
    non_embedding: groups.transformer,
    non_embedding_head: groups.transformer + model.vocab_size * model.d_model,
    live: total - deadRows * model.d_model,
  };
}

/** FLOPs of every matrix product for one token, forward and backward; a multiply-add counts as 2.
 * `3 [ 2 n_layer (4 d_model^2 + 2 d_model d_ff) + 2 n_layer d_model (n_ctx + 1) + 2 d_model vocab_size ]`:
 * block weights, then Q K^T and A V over the `(n_ctx + 1) / 2` keys that a query sees on average
 * (`2 x 2 d_model x (n_ctx + 1) / 2` a layer), then the output head. Backward is twice forward.
 * Embedding look-ups are free. */
export function exactFlopsPerToken(model: ModelSpec): number {
  const { n_layer, d_model, d_ff, n_ctx, vocab_size } = model;
  const blocks = 2 * n_layer * (4 * d_model * d_model + 2 * d_model * d_ff);
  const attention = 2 * n_layer * d_model * (n_ctx + 1);
  const head = 2 * d_model * vocab_size;
  return 3 * (blocks + attention + head);
}

/** Training FLOPs of `num_tokens` tokens by each counting: `6 N D` with N total or non-embedding, and exact. */
export function countFlops(model: ModelSpec, num_tokens: number): Flops {
  const { total, non_embedding } = countParams(model, model.vocab_size);
  return {
    six_n_total: 6 * total * num_tokens,
    six_n_non_embedding: 6 * non_embedding * num_tokens,
    exact: exactFlopsPerToken(model) * num_tokens,
  };
}

/** Bytes that training holds at its peak, float32: weights, gradients and two moments (`16 N`), and the
 * activations kept for the backward pass, with the logits and their gradient.
 * An estimate: a backend's buffers, the runtime and transient copies come on top. */
export function trainingMemoryBytes(model: ModelSpec, batch_size: number): number {
  const { n_layer, n_head, d_model, d_ff, n_ctx, vocab_size } = model;
  const { total } = countParams(model, vocab_size);
  // A token keeps in each block: its input, ln_1, q, k, v, the attention output, the residual, ln_2 (8 d_model),
  // the MLP before and after GELU (2 d_ff), and a row of attention weights a head.
  const perToken = n_layer * (8 * d_model + 2 * d_ff + n_head * n_ctx) + 2 * d_model + 3 * vocab_size;
  return 4 * (4 * total + batch_size * n_ctx * perToken);
}

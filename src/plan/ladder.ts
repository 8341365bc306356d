/** @file The ladder of model shapes: from a config to one shape, and from a target parameter count to the nearest
 * shape. Depth and head size stay fixed while the width grows, because a depth that jumps between sizes bends the curves
 * of loss against N (measured: one-layer models do not lie on the curve of two-layer ones). So N is not free: a target
 * gets the nearest width.
 */
import type { ModelConfig, ModelSpec } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import { countParams } from '../model/size.ts';
import type { Counting } from './isoflop.ts';

/** Widths of the ladder: multiples of 4 from 8 to 64, of 8 to 160. */
const WIDTHS: readonly number[] = [
  ...Array.from({ length: 15 }, (_, i) => 8 + 4 * i),
  ...Array.from({ length: 12 }, (_, i) => 72 + 8 * i),
];

/** A ladder shape's heads are at most this far from the target head size, as a factor (d_model 24: two of 12 for 16);
 * not asked of widths of one head. */
const HEAD_TOLERANCE = 1.34;

/** How far a target N may lie beyond either end of the ladder, as a factor. */
const REACH = 1.25;

/** Heads for a width: the divisor of `d_model` nearest to `d_model / d_head` in ratio, the smaller on a tie. */
export function chooseHeads(d_model: number, d_head: number): number {
  const wanted = d_model / d_head;
  let best = 1;
  for (let n = 2; n <= d_model; n++) {
    if (d_model % n === 0 && Math.abs(Math.log(n / wanted)) < Math.abs(Math.log(best / wanted)) - 1e-12) best = n;
  }
  return best;
}

/** The shape of a model block at one width. Unless given, `d_ff` is 4 x d_model and `n_head` comes from `d_head`. */
export function modelSpec(model: ModelConfig, d_model: number, vocab_size: number): ModelSpec {
  const { n_layer, n_ctx, tie_embeddings, bias, init_std, embedding_init_std } = model;
  const n_head = model.n_head ?? chooseHeads(d_model, model.d_head);
  const d_ff = model.d_ff ?? 4 * d_model;
  return { n_layer, n_head, d_model, d_ff, n_ctx, vocab_size, tie_embeddings, bias, init_std, embedding_init_std };
}

/** Widths at which heads divide the width and are near the target size. */
function ladderWidths({ n_head, d_head }: ModelConfig): number[] {
  return WIDTHS.filter((d_model) => {
    if (n_head !== undefined) return d_model % n_head === 0;
    const size = d_model / chooseHeads(d_model, d_head);
    return d_model <= d_head || Math.abs(Math.log(size / d_head)) <= Math.log(HEAD_TOLERANCE);
  });
}

/** The width whose parameter count is nearest to `target` in log; the count is total, or non-embedding where the
 * compute is counted so. Throws a `usage` error when the target lies beyond the ladder's ends. */
export function nearestWidth(model: ModelConfig, vocab_size: number, target: number, counting: Counting): number {
  const sizes = ladderWidths(model).map((d_model) => {
    const counts = countParams(modelSpec(model, d_model, vocab_size), vocab_size);
    return { d_model, N: counting === 'six_n_non_embedding' ? counts.non_embedding : counts.total };
  });
  const [first, last] = [sizes[0], sizes.at(-1)];
  if (first === undefined || last === undefined) {
    throw new LabError('usage', `invalid model.n_head: ${model.n_head} divides no width of the ladder, 8 to 160`);
  }
  if (target < first.N / REACH || target > last.N * REACH) {
    throw new LabError(
      'usage',
      `invalid isoflop.sizes: ${target} parameters lie outside the ladder, ${first.N} (d_model ${first.d_model}) to ` +
        `${last.N} (d_model ${last.d_model}) at n_layer ${model.n_layer}; give d_model instead`,
    );
  }
  const distance = (N: number) => Math.abs(Math.log(N / target));
  return sizes.reduce((best, size) => (distance(size.N) < distance(best.N) ? size : best), first).d_model;
}

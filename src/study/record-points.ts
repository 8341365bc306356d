/** @file Run records -> the points that laws are fitted to, under a counting chosen now and not when training.
 * Only finished runs become points. N is one of the record's counts; C is 6 N D with that N, or every matrix product.
 */
import type { FitPoint } from '../fit/fit.ts';
import type { RunRecord } from '../log/record.ts';

/** What N counts: fields of the record's `num_params`. */
export type ParamsCounting = 'total' | 'non_embedding' | 'non_embedding_head' | 'live';

/** What C counts: 6 N D with the chosen N, or every matrix product of training. */
export type FlopsCounting = '6nd' | 'exact';

export interface Counting {
  params: ParamsCounting;
  flops: FlopsCounting;
}

/** Every counting of N with each of C. */
export const ALL_COUNTINGS: readonly Counting[] = (['6nd', 'exact'] as const).flatMap((flops) =>
  (['total', 'non_embedding', 'non_embedding_head', 'live'] as const).map((params) => ({ params, flops })),
);

/** One point a finished run: N and C by the counting, D and the final validation loss in nats a token; S its steps, B
 * its tokens a step, U its unique tokens where the stream ends. */
export function pointsOf(records: readonly RunRecord[], { params, flops }: Counting): FitPoint[] {
  return records.flatMap((record): FitPoint[] => {
    if (record.status !== 'finished' || record.val_loss === null) return [];
    const N = record.num_params[params];
    const D = record.num_tokens;
    const C = flops === 'exact' ? record.flops.exact : 6 * N * D;
    const { num_steps: S, unique_tokens: U } = record;
    const point = { N, D, C, L: record.val_loss, group: record.group, id: record.run_id };
    return [{ ...point, ...(S > 0 ? { S, B: D / S } : {}), ...(U === null ? {} : { U }) }];
  });
}

/** `total`, or `non_embedding, exact FLOPs`: a counting in words. */
export function countingName({ params, flops }: Counting): string {
  return flops === 'exact' ? `${params}, exact FLOPs` : params;
}

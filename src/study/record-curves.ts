/** @file Run records -> training curves for Approach 1 and the critical batch, under a counting chosen now and not when
 * training. A curve is the validation losses of one run after its warmup; its C a token is that of the whole run.
 */
import type { BatchCurve, FitPoint, TrainingCurve } from '../fit/fit.ts';
import type { RunRecord } from '../log/record.ts';
import type { Counting } from './record-points.ts';

/** One curve a finished run that was evaluated more than once after warmup. */
export function curvesOf(records: readonly RunRecord[], { params, flops }: Counting): TrainingCurve[] {
  return records.flatMap((record): TrainingCurve[] => {
    if (record.status !== 'finished') return [];
    const { eval_curve, schedule, num_tokens, run_id } = record;
    const points = eval_curve.flatMap(({ step, tokens, val_loss }) =>
      step > schedule.warmup_steps && val_loss !== null ? [{ D: tokens, L: val_loss }] : [],
    );
    if (points.length < 2) return [];
    const N = record.num_params[params];
    const flops_per_token = flops === 'exact' ? record.flops.exact / num_tokens : 6 * N;
    // A fixed_cosine decays at the longest run's horizon, beyond its own last step.
    const decays_at = (num_tokens * schedule.horizon_steps) / record.num_steps;
    return [{ N, flops_per_token, points, decays_at: schedule.kind === 'constant' ? null : decays_at, id: run_id }];
  });
}

/** Every evaluation of every run as a point of its own: what a run would have given, had it been stopped there under the
 * same schedule. Those in the warmup count: what a long warmup does to short runs belongs to the protocol; not with
 * `is_warm`. */
export function curvePointsOf(
  records: readonly RunRecord[],
  { params, flops }: Counting,
  { is_warm = false } = {},
): FitPoint[] {
  return records.flatMap((record): FitPoint[] => {
    const { status, eval_curve, num_params, num_tokens, num_steps, unique_tokens: U, run_id, schedule } = record;
    if (status !== 'finished') return [];
    const N = num_params[params];
    const flops_per_token = flops === 'exact' ? record.flops.exact / num_tokens : 6 * N;
    const first = is_warm ? schedule.warmup_steps + 1 : 1;
    return eval_curve.flatMap(({ step: S, tokens: D, val_loss: L }) => {
      if (!(D > 0) || L === null || S < first) return [];
      const batch = { S, B: num_tokens / num_steps, ...(U === null ? {} : { U }) };
      return [{ N, D, C: flops_per_token * D, L, ...batch, id: `${run_id} at ${D} tokens` }];
    });
  });
}

/** One curve over steps a finished run that was evaluated more than once after warmup, with its tokens a batch. */
export function batchCurvesOf(records: readonly RunRecord[], { params }: Counting): BatchCurve[] {
  return records.flatMap((record): BatchCurve[] => {
    const { status, eval_curve, schedule, num_tokens, num_steps } = record;
    if (status !== 'finished' || num_steps === 0) return [];
    const points = eval_curve.flatMap(({ step, val_loss }) =>
      step > schedule.warmup_steps && val_loss !== null ? [{ S: step, L: val_loss }] : [],
    );
    return points.length < 2 ? [] : [{ N: record.num_params[params], B: num_tokens / num_steps, points }];
  });
}

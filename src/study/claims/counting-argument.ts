/** @file What exponent a counting of parameters must give, from the law of the same runs with all parameters counted.
 * Source: the argument of Pearce and Song 2024 (arXiv 2406.12907): the loss knows nothing of how N is counted, so a law
 * L(N, D) in all parameters fixes which size is best at each C = 6 N_c D of another counting N_c, and the slope of that
 * size in C. We differ: N_c is worked out from the shapes of the ladder, not from a power of N, and the slope is that over the
 * budgets that were measured.
 */

import { checkRunSpec } from '../../config/config.ts';
import { type FitPoint, fitLaw, fitPowerLaw, predictLoss } from '../../fit/fit.ts';
import { attempt } from '../../lib/attempt.ts';
import type { RunRecord } from '../../log/record.ts';
import { countParams, exactFlopsPerToken } from '../../model/size.ts';
import type { Counting } from '../record-points.ts';

/** Budgets between the smallest and the largest at which the best size is worked out. */
const NUM_BUDGETS = 25;
/** Widths tried for each, evenly in log from a quarter of the smallest to four times the largest: steps of .3%. */
const NUM_WIDTHS = 2000;
const MARGIN = 4;

/** The exponent a of N_opt ~ C^a that `counting` must give between the budgets `from` and `to`; null where no law holds for
 * the points, or the runs are not one ladder of widths.
 * @param points the runs with all parameters counted
 */
export function exponentByCounting(
  points: readonly FitPoint[],
  records: readonly RunRecord[],
  counting: Counting,
  [from, to]: readonly [number, number],
): number | null {
  const countAt = ladderOf(records);
  const fit = countAt && attempt(() => fitLaw(points, { law: 'chinchilla' })).value;
  if (!fit || fit.diagnostics.some(({ name }) => name === 'lack_of_fit' || name === 'bound_hit')) return null;
  const widths = records.map(({ model }) => model.d_model);
  const [least, most] = [Math.min(...widths) / MARGIN, Math.max(...widths) * MARGIN];
  const sizes = Array.from({ length: NUM_WIDTHS }, (_, i) =>
    countAt(least * (most / least) ** (i / (NUM_WIDTHS - 1)), counting),
  );
  const best = Array.from({ length: NUM_BUDGETS }, (_, i) => {
    const C = from * (to / from) ** (i / (NUM_BUDGETS - 1));
    const losses = sizes.map(({ total, flops_per_token }) => predictLoss(fit, { N: total, D: C / flops_per_token }));
    const lowest = losses.indexOf(Math.min(...losses));
    return { x: C, y: sizes[lowest]!.counted, is_inside: lowest > 0 && lowest < NUM_WIDTHS - 1 };
  });
  if (!best.every(({ is_inside }) => is_inside)) return null;
  return fitPowerLaw(best.map(({ x, y }) => ({ x, y }))).exponent;
}

/** Parameters in all and by the counting, and FLOPs a token, at a width that need not be whole; null where the runs differ
 * in more than their width. */
function ladderOf(records: readonly RunRecord[]) {
  const [first] = records;
  if (!first) return null;
  const checked = checkRunSpec(first.spec);
  if (!('spec' in checked)) return null;
  const { model } = checked.spec;
  const { num_params } = first;
  const ratio = model.d_ff / model.d_model;
  const num_dead = (num_params.total - num_params.live) / model.d_model / (model.tie_embeddings ? 1 : 2);
  const shapeAt = (d_model: number) => ({ ...model, d_model, d_ff: ratio * d_model });
  const paramsAt = (d_model: number) => countParams(shapeAt(d_model), model.vocab_size - num_dead);
  const is_one_ladder = records.every(
    ({ model: { d_model }, num_params: own }) => paramsAt(d_model).total === own.total,
  );
  if (!is_one_ladder) return null;
  return (d_model: number, { params, flops }: Counting) => {
    const { total, [params]: counted } = paramsAt(d_model);
    return { total, counted, flops_per_token: flops === 'exact' ? exactFlopsPerToken(shapeAt(d_model)) : 6 * counted };
  };
}

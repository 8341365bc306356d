/** @file Refuses a plan that costs more than the user allows, before anything is trained. */
import { LabError } from '../lib/errors.ts';
import { formatCount, formatFlops } from '../lib/format.ts';
import type { Plan } from './plan.ts';

/** What the user allows. Hours are wall time: the work divided by the workers, at least the longest run.
 * FLOPs are counted as 6 N D with all parameters. */
export interface Limits {
  max_hours?: number | undefined;
  max_flops?: number | undefined;
  /** Workers that share the hours. Default 1. */
  workers?: number | undefined;
}

/** Throws an `over_budget` error when the plan's cost is above a limit, or when hours are limited and the speed of some
 * run was never measured. */
export function checkLimits({ runs, totals }: Plan, { max_hours, max_flops, workers = 1 }: Limits): void {
  if (max_flops !== undefined && totals.flops.six_n_total > max_flops) {
    throw new LabError(
      'over_budget',
      `the plan costs ${formatFlops(totals.flops.six_n_total, 3)} FLOPs (6 N D, all parameters), more than --max-flops ` +
        `${formatFlops(max_flops, 3)}; plan fewer or smaller runs, or raise the limit`,
    );
  }
  if (max_hours === undefined) return;
  if (totals.num_unmeasured > 0) {
    throw new LabError(
      'over_budget',
      `cannot hold --max-hours ${max_hours}: the speed of ${totals.num_unmeasured} of ${runs.length} runs is unmeasured; ` +
        'train one run of each shape in this folder first (a finished run is the measurement), or limit --max-flops',
    );
  }
  const longest = runs.reduce((most, run) => Math.max(most, run.estimated_minutes ?? 0), 0);
  const hours = Math.max((totals.estimated_minutes ?? 0) / workers, longest) / 60;
  if (hours > max_hours) {
    throw new LabError(
      'over_budget',
      `the plan takes about ${formatCount(hours)} hours on ${workers} workers, more than --max-hours ${max_hours}; plan ` +
        'fewer or smaller runs, add workers, or raise the limit',
    );
  }
}

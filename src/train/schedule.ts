/** @file Learning rate as a function of the step.
 * Linear warmup, then one of: constant; cosine or linear decay to `final_fraction` of the peak at the horizon; WSD
 * (warmup, stable, linear decay over the last `decay_steps`; Hu et al. 2024, arXiv 2404.06395). `fixed_cosine` is
 * the cosine whose horizon is the longest run of the study, not this one: Kaplan's protocol, and what Hoffmann et
 * al. 2022 name as the cause of its exponent.
 */
import type { ScheduleSpec } from '../config/config.ts';

/** Rate of update `step`, counted from 1, for a peak of `learning_rate`: in `(0, learning_rate]` while warming up,
 * never below `final_fraction x learning_rate` afterwards. */
export function learningRateAt(step: number, learning_rate: number, schedule: ScheduleSpec): number {
  const { warmup_steps, horizon_steps } = schedule;
  if (step <= warmup_steps) return (learning_rate * step) / warmup_steps;
  const span = Math.max(1, horizon_steps - warmup_steps);
  const progress = Math.min(1, (step - warmup_steps) / span);
  return learning_rate * decay(progress, step, schedule);
}

/** Share of the peak after warmup; `progress` runs from 0 to 1 at the horizon. */
function decay(progress: number, step: number, schedule: ScheduleSpec): number {
  const { kind, final_fraction, horizon_steps, decay_steps } = schedule;
  switch (kind) {
    case 'constant':
      return 1;
    case 'cosine':
    case 'fixed_cosine':
      return final_fraction + (1 - final_fraction) * 0.5 * (1 + Math.cos(Math.PI * progress));
    case 'linear':
      return 1 - (1 - final_fraction) * progress;
    case 'wsd': {
      const into = Math.min(1, Math.max(0, step - (horizon_steps - decay_steps)) / Math.max(1, decay_steps));
      return 1 - (1 - final_fraction) * into;
    }
  }
}

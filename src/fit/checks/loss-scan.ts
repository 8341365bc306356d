/** @file One law under several losses: what the Huber corner, absolute and squared error make of the same points.
 * An exponent that moves with the corner by more than its interval rests on a few outlying runs, or on a form that does
 * not hold; the published delta of 1e-3 suits the noise of one paper. Kept as a table, since people must see it.
 */
import { type FitOptions, fitLaw } from '../approach3.ts';
import type { LawParams } from '../laws/law.ts';
import type { LossName } from '../minimise/loss.ts';
import type { FitPoint } from '../point.ts';

export interface LossScanRow {
  loss: LossName;
  delta: number | null;
  params: LawParams;
  exponents: { a: number; b: number } | null;
  /** Root mean square error of log loss. */
  rms: number;
  converged: boolean;
}

/** The law under absolute error, Huber's with each of `deltas` ascending, and squared error; without intervals.
 * @throws LabError as `fitLaw`.
 */
export function scanLosses(points: readonly FitPoint[], deltas: readonly number[], options: FitOptions): LossScanRow[] {
  const { loss: _, delta: __, ...rest } = options;
  return scanBy(deltas, (loss) => {
    const { params, exponents, residuals, converged } = fitLaw(points, {
      ...{ ...rest, ...loss },
      ...{ bootstrap: 0, keep_draws: false },
    });
    return { params, exponents, rms: residuals.rms, converged };
  });
}

/** The same of whatever `refit` makes of a loss. */
export function scanBy(
  deltas: readonly number[],
  refit: (loss: { loss: LossName; delta?: number }) => Omit<LossScanRow, 'loss' | 'delta'>,
): LossScanRow[] {
  const huber = [...new Set(deltas)].sort((x, y) => x - y).map((delta) => ({ loss: 'huber' as const, delta }));
  return [{ loss: 'lad' as const }, ...huber, { loss: 'mse' as const }].map((loss) => ({
    loss: loss.loss,
    delta: 'delta' in loss ? loss.delta : null,
    ...refit(loss),
  }));
}

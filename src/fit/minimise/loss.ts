/** @file The loss of one residual `r = log L_predicted - log L`, and what the minimisers need of it.
 * Huber: `r^2/2` where |r| <= delta, else `delta (|r| - delta/2)`, summed over points, never averaged: with the
 * mean, the optimiser of Hoffmann et al. 2022 stopped early (Besiroglu et al. 2024, arXiv 2404.10102).
 * `mse` is the same with delta = infinity, so its objective is half the sum of squares; `lad` is the same with
 * delta = 4.7e-9, so its objective is 4.7e-9 times the sum of |r|, less a part in 1e8.
 */
import { LabError } from '../../lib/errors.ts';

export type LossName = 'huber' | 'lad' | 'mse';

/** A loss with its corner; `delta` is Infinity for mse. */
export interface RobustLoss {
  name: LossName;
  delta: number;
}

/** Hoffmann's delta; with a seed noise of 1-3% scale it to the measured spread. */
const HUBER_DELTA = 1e-3;
/** Small enough that only the points passed through exactly lie inside the corner. */
const LAD_DELTA = 4.7e-9;

/** The loss by name. @throws LabError('usage') for an unknown name or a delta that is not positive. */
export function robustLoss(name: LossName = 'huber', delta?: number): RobustLoss {
  if (delta !== undefined && !(delta > 0 && Number.isFinite(delta)))
    throw new LabError('usage', `invalid delta: ${delta} is not a positive number (residuals of log loss)`);
  if (name === 'huber') return { name, delta: delta ?? HUBER_DELTA };
  if (delta !== undefined)
    throw new LabError('usage', `invalid delta: the loss ${name} has none; leave it out, or choose the loss huber`);
  if (name === 'lad') return { name, delta: LAD_DELTA };
  if (name === 'mse') return { name, delta: Number.POSITIVE_INFINITY };
  throw new LabError('usage', `invalid loss: ${String(name)} is not one of huber, lad, mse`);
}

/** Derivative of the loss by r: r clipped to [-delta, delta]. */
export function psi(r: number, delta: number): number {
  return Math.min(delta, Math.max(-delta, r));
}

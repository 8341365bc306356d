/** @file What a fitted law says of one more run, and how far beyond the data it says it.
 * Two intervals: of the law's own loss there (the bootstrap draws of its constants), and of a run's, which has the
 * scatter of the residuals besides: the ends of the mixture of normals around the draws, without random numbers.
 * Neither holds the error of a wrong form, which grows with the distance; that distance is said in decades.
 */
import type { LawFit } from '../approach3.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { lawByName } from '../laws/registry.ts';
import { increasingRoot, normalCdf } from '../math/normal.ts';
import { type Interval, percentileInterval } from '../resample/bootstrap.ts';
import { type FittedLaw, lossOf, predictLoss, type RunValues } from './optimum.ts';
import { reachOf } from './reach.ts';

export interface Prediction {
  /** Nats a token. */
  L: number;
  /** Of the law's mean, and of a single run; null without bootstrap draws. */
  intervals: { law: Interval; run: Interval } | null;
  /** Decades beyond the fitted range by column; null where the fit does not say. */
  decades_beyond: Record<string, number> | null;
  diagnostics: Diagnostic[];
}

/** What a fit knows of the scatter about its law. */
type Scatter = Pick<LawFit, 'residuals' | 'num_points' | 'num_free'>;

/** Predicts the loss of one run, with both intervals at the level of the fit's bootstrap.
 * @throws LabError('usage') where a value that the law reads is missing or not positive.
 */
export function predictRun(fit: FittedLaw & Partial<Scatter>, run: RunValues): Prediction {
  const law = lawByName(fit.law);
  const L = predictLoss(fit, run);
  const level = fit.bootstrap?.level ?? 0.9;
  const losses = drawnFits(fit).map((drawn) => lossOf(law, drawn)(run));
  const reach = fit.range ? reachOf(fit.range, run) : { decades: null, diagnostics: [] };
  return {
    L,
    intervals:
      losses.length < 2 ? null : { law: percentileInterval(losses, level), run: ofRun(losses, residualSd(fit), level) },
    decades_beyond: reach.decades,
    diagnostics: reach.diagnostics,
  };
}

/** The fit with the constants of each bootstrap replicate in turn; a constant that was held has no draws. */
export function drawnFits(fit: FittedLaw): FittedLaw[] {
  const { draws = {}, ...plain } = fit;
  const count = Math.max(0, ...Object.values(draws).map((values) => values.length));
  return Array.from({ length: count }, (_, i) => ({
    ...plain,
    params: Object.fromEntries(Object.entries(fit.params).map(([name, value]) => [name, draws[name]?.[i] ?? value])),
  }));
}

/** Standard deviation of log residuals about the law, the constants' degrees of freedom taken off. */
function residualSd({ residuals, num_points, num_free = 0 }: Partial<Scatter>): number {
  if (!residuals || num_points === undefined) return 0;
  return residuals.rms * Math.sqrt(num_points / Math.max(1, num_points - num_free));
}

/** Ends at `level` of a log-normal scatter `sd` around losses drawn with equal weight. */
function ofRun(losses: readonly number[], sd: number, level: number): Interval {
  if (!(sd > 0)) return percentileInterval(losses, level);
  const centres = losses.map(Math.log);
  const low = Math.min(...centres) - 8 * sd;
  const high = Math.max(...centres) + 8 * sd;
  const end = (p: number): number =>
    Math.exp(
      increasingRoot(
        (x) => centres.reduce((sum, centre) => sum + normalCdf((x - centre) / sd), 0) / centres.length - p,
        low,
        high,
      ),
    );
  return [end((1 - level) / 2), end((1 + level) / 2)];
}

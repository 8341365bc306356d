/** @file What only a second fit can say of a first one: does another approach, half the data or another resampling
 * agree. Each check costs fits of its own, so it is asked for and not part of every fit.
 * `shape_offset`: intervals over whole sizes far wider than over runs: errors that the runs of a size share.
 * `approaches_disagree`: exponents of two approaches further apart than their errors. `break_suspected`: the law of
 * the small half misses the large half on one side, which no residual of the small half announces. `phase_change`:
 * exponents that move when the shortest runs are left out (`phase-change.ts`).
 */

import { attempt } from '../../lib/attempt.ts';
import { formatFlops } from '../../lib/format.ts';
import { groupBy } from '../../lib/group-by.ts';
import { lossOf } from '../answers/optimum.ts';
import { type FitOptions, fitLaw, type LawFit } from '../approach3.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { holdOut } from '../holdout.ts';
import { lawByName } from '../laws/registry.ts';
import { sampleOf } from '../minimise/sample.ts';
import { type FitPoint, selectPoints, sizeOf } from '../point.ts';
import type { Interval } from '../resample/bootstrap.ts';
import type { IsoflopFit } from '../valleys/isoflop.ts';
import { upperTail } from './lack-of-fit.ts';
import { judgeScan, scanMinTokens } from './phase-change.ts';

/** Width of the interval over sizes in widths of that over runs, beyond which a size's runs share their errors. */
const WIDER = 2;
/** Probability of size means this large by chance: with six sizes the interval over sizes alone is twice as wide in a
 * quarter of sound draws. */
const SHARED = 0.05;
/** Exponents nearer than this agree for all purposes: the margin by which claims are judged. */
const MARGIN = 0.05;
/** Standard errors of the difference beyond which two exponents disagree: a two-sided 90%. */
const STANDARD_ERRORS = 1.645;
/** Coverage of the mean error's interval. */
const BREAK_LEVEL = 0.98;
/** Replicates of a second bootstrap, which only asks about its width. */
const REPLICATES = 100;

/** Points that say whether an exponent moves or a trend breaks, by margins that more of them would not change: the checks of
 * more look at so many, spread over all, and their fits start from the constants of all: what several hundred points say
 * of a law has one optimum near those, or another that a coarse projection finds. */
const ENOUGH_POINTS = 512;

/** All that second fits say of `fit`, made from `points` with `options`; `valleys` are those of the same runs, where
 * there are any. */
export function crossCheck(
  points: readonly FitPoint[],
  fit: LawFit,
  { valleys, ...options }: FitOptions & { valleys?: Pick<IsoflopFit, 'exponents' | 'standard_errors'> | null },
): Diagnostic[] {
  const some = sampleOf(points.length, ENOUGH_POINTS).map((i) => points[i]!);
  const starts = options.starts ?? (points.length > ENOUGH_POINTS ? { near: fit.params } : 'screened');
  const second = { ...options, starts, diagnose: false };
  const scan = judgeScan(scanMinTokens(some, second));
  const approaches = [
    { approach: 'Approach 2', ...valleys },
    { approach: 'Approach 3', ...fit },
  ].flatMap(({ approach, exponents, standard_errors }) =>
    // Without a bootstrap nobody knows how far apart two exponents may be.
    exponents && standard_errors ? [{ approach, a: exponents.a, standard_error: standard_errors['a'] ?? null }] : [],
  );
  return [...judgeOffsets(points, fit, second), ...judgeBreak(some, second), ...scan, ...judgeApproaches(approaches)];
}

/** Whether the errors of a size's runs hang together: refits by runs what `fit` resampled by sizes. Nothing where
 * the fit's own bootstrap is not over sizes. */
export function judgeOffsets(points: readonly FitPoint[], fit: LawFit, options: FitOptions): Diagnostic[] {
  if (fit.bootstrap?.cluster !== 'sizes' || !fit.intervals) return [];
  const name = fit.exponents ? 'a' : (lawByName(fit.law).plausible[0]?.param ?? '');
  const bySizes = fit.intervals[name];
  if (!bySizes) return [];
  // Of sound data most need no second bootstrap.
  const p = sharedErrors(selectPoints(points, options).kept, fit);
  if (!(p < SHARED)) return [];
  const bootstrap = Math.min(fit.bootstrap.replicates, REPLICATES);
  const byRuns = fitLaw(points, { ...options, bootstrap, cluster: 'runs', keep_draws: false }).intervals?.[name];
  if (!byRuns) return [];
  const ratio = width(bySizes) / width(byRuns);
  if (!(ratio > WIDER)) return [];
  return [
    warn(
      'shape_offset',
      `the interval of ${name} over sizes is ${ratio.toFixed(1)} times that over runs: the runs of a size share ` +
        'errors (its shape, its learning rate), and only intervals over sizes hold them',
      { ratio, limit: WIDER, p, param: name, by_sizes: bySizes, by_runs: byRuns },
    ),
  ];
}

/** P of size means of the residuals as large as these, were every run's error its own: F of means against runs within
 * sizes. The law's own terms in N have taken two means. */
function sharedErrors(points: readonly FitPoint[], fit: LawFit): number {
  const loss = lossOf(lawByName(fit.law), fit);
  const sizes = sizeOf(points.map(({ N }) => N));
  const bySize = groupBy(
    points.map((p) => Math.log(loss(p) / p.L)),
    (_, i) => sizes[i]!,
  );
  const df = [bySize.size - 2, points.length - bySize.size] as const;
  if (df[0] < 1 || df[1] < 1) return 1;
  let [between, within] = [0, 0];
  for (const own of bySize.values()) {
    const mean = own.reduce((sum, r) => sum + r, 0) / own.length;
    between += own.length * mean ** 2;
    within += own.reduce((sum, r) => sum + (r - mean) ** 2, 0);
  }
  return within > 0 ? upperTail(between / df[0] / (within / df[1]), ...df) : 1;
}

const width = ([low, high]: Interval): number => high - low;

/** The exponent of one approach, for comparison. */
export interface ApproachExponent {
  approach: string;
  a: number;
  standard_error: number | null;
}

/** Every pair of approaches whose `a` differ by more than .05 and by more than their errors. */
export function judgeApproaches(approaches: readonly ApproachExponent[]): Diagnostic[] {
  return approaches.flatMap((first, i) =>
    approaches.slice(i + 1).flatMap((second) => {
      const difference = second.a - first.a;
      const error = Math.hypot(first.standard_error ?? 0, second.standard_error ?? 0);
      if (Math.abs(difference) <= Math.max(MARGIN, STANDARD_ERRORS * error)) return [];
      return [
        warn(
          'approaches_disagree',
          `${first.approach} gives a = ${first.a.toFixed(3)}, ${second.approach} ${second.a.toFixed(3)}: further apart ` +
            'than their errors, so one of the forms does not hold',
          { first: first.approach, second: second.approach, difference, standard_error: error, limit: MARGIN },
        ),
      ];
    }),
  );
}

/** Whether the law of the runs below the median compute misses the others on one side: by more than its own scatter,
 * with a 98% interval that leaves out zero. Nothing where the small half cannot be fitted. */
export function judgeBreak(points: readonly FitPoint[], options: FitOptions): Diagnostic[] {
  const { kept } = selectPoints(points, options);
  const sorted = kept.map(({ C }) => C).sort((x, y) => x - y);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  if (!(middle < (sorted.at(-1) ?? 0))) return [];
  const { drop_highest: _, min_tokens: __, ...rest } = options;
  const half = { ...rest, holdout: `C>${middle}`, level: BREAK_LEVEL, keep_draws: false };
  const { value: held } = attempt(() => holdOut(kept, { ...half, bootstrap: 0 }));
  if (!held) return [];
  const { windows, mean } = held;
  const { fitted_rms } = windows[0]!;
  // An interval is only asked for where it decides.
  if (Math.abs(mean) <= Math.max(fitted_rms, 1e-6)) return [];
  const intervals = attempt(() => holdOut(kept, { ...half, bootstrap: REPLICATES })).value?.intervals;
  if (!intervals || intervals.mean[0] * intervals.mean[1] <= 0) return [];
  const share = (x: number): string => `${(100 * x).toFixed(1)}%`;
  const side = mean < 0 ? 'low' : 'high';
  return [
    warn(
      'break_suspected',
      `fitted to the runs up to C = ${formatFlops(middle)} (rms ${share(fitted_rms)}), the law comes out ` +
        `${share(Math.abs(mean))} too ${side} on the larger ones: the trend changes there, and the smaller runs do not show it`,
      { C: middle, mean, interval: intervals.mean, fitted_rms },
    ),
  ];
}

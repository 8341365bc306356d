/** @file L(N), L(D) and L(C) of a group, each from the runs that nothing else distinguishes: one horizon, one size, the
 * best at their compute. L(N) is the group's own; the others are fitted here, for the report, where there are enough runs.
 */
import { type CurveFit, type CurvePoint, fitCurve, rowsAlong } from '../fit/fit.ts';
import { attempt } from '../lib/attempt.ts';
import { formatCount } from '../lib/format.ts';
import type { AnalyseOptions, GroupAnalysis } from './analyse.ts';

/** A law in one variable and the runs it went through. */
export interface OneVariable {
  symbol: 'N' | 'D' | 'C';
  /** What the runs have in common. */
  held: string;
  points: CurvePoint[];
  fit: CurveFit;
}

/** Distinct values from which a law with three constants says more than its constants. */
const MIN_DISTINCT = 5;
const REPLICATES = 50;

/** The laws that the group's runs carry under its first counting, N before D before C. */
export function oneVariableLaws({ fits, size_curve }: GroupAnalysis, options: AnalyseOptions): OneVariable[] {
  const points = fits[0]?.points ?? [];
  const fitted = (symbol: 'D' | 'C', held: string, runs: CurvePoint[]): OneVariable[] => {
    if (new Set(runs.map(({ x }) => x)).size < MIN_DISTINCT) return [];
    const bootstrap = Math.min(options.bootstrap, REPLICATES);
    const { value: fit } = attempt(() =>
      fitCurve(runs, { bootstrap, cluster: 'x', seed: options.seed, keep_draws: true }),
    );
    return fit ? [{ symbol, held, points: runs, fit }] : [];
  };
  const sizes = [...new Set(points.map(({ N }) => N))];
  const horizonsOf = (N: number): number => new Set(points.filter((p) => p.N === N).map(({ D }) => D)).size;
  const size = sizes.sort((x, y) => horizonsOf(y) - horizonsOf(x) || y - x)[0];
  const bySize = size_curve?.curve.fit;
  return [
    ...(size_curve && bySize
      ? [
          {
            symbol: 'N' as const,
            held: `all at ${formatCount(size_curve.D)} tokens`,
            points: points.filter(({ D }) => D === size_curve.D).map(({ N, L }) => ({ x: N, L })),
            fit: bySize,
          },
        ]
      : []),
    ...(size === undefined
      ? []
      : fitted(
          'D',
          `all of ${formatCount(size)} parameters`,
          points.filter(({ N }) => N === size).map(({ D, L }) => ({ x: D, L })),
        )),
    ...fitted(
      'C',
      'the best at their compute',
      bestOfBudgets(rowsAlong(points, 'C').map(({ x, point }) => ({ x, L: point.L }))),
    ),
  ];
}

/** Of runs within 5% of compute, the best: whole steps round a budget. */
function bestOfBudgets(runs: readonly CurvePoint[]): CurvePoint[] {
  const sorted = [...runs].sort((p, q) => p.x - q.x);
  return sorted.filter((p) => sorted.every((q) => q === p || q.x > 1.05 * p.x || q.L > p.L));
}

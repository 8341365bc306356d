/** @file Cuts isoFLOPs anew after a change of counting.
 * Runs planned at equal C by one counting have unequal C by another, so their valleys must be cut again: for each
 * size, C is followed along ln D and the loss is interpolated where C meets the new budget, never extrapolated.
 * Budgets, where not given, are chosen so that as many as possible have an interior minimum. A change of counting moves
 * the minima along the sizes, so a ladder that brackets them in one cut may not in the other: `recut_not_interior`.
 */
import { formatFlops } from '../../lib/format.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { monotoneCubic } from '../math/interpolate.ts';
import { type FitPoint, type SelectOptions, selectPoints, sizeOf } from '../point.ts';
import { fitValley, groupByBudget } from './valley.ts';

export interface RecutOptions extends SelectOptions {
  /** The new budgets, by the counting of the points. Chosen where absent. */
  budgets?: readonly number[];
  /** How many budgets to choose. Default: as many as the points show, at least 3. */
  num_budgets?: number;
  /** Sizes a chosen budget must at least have. Default 4. */
  min_sizes?: number;
}

/** Points at exact budgets, ready for `fitIsoflop(points, { budgets })`. */
export interface Recut {
  points: FitPoint[];
  budgets: number[];
  /** For each budget: sizes it has, and whether its parabola's minimum lies inside them. */
  cells: { C: number; num_sizes: number; interior: boolean }[];
  diagnostics: Diagnostic[];
}

/** One size: its N and what is known along ln D. */
interface Ladder {
  N: number;
  group: string | undefined;
  /** Unique tokens, where all its runs have as many. */
  U: number | undefined;
  /** D at which C is spent, and the loss there; null outside what was trained. */
  at(C: number): { D: number; L: number } | null;
  C_range: [number, number];
}

/** Candidate budgets a decade. */
const RESOLUTION = 24;

/** Interpolates every size at the given or chosen budgets. Runs of one N (within .1%) and group are one size;
 * repeated horizons are averaged. A size with one horizon serves only a budget that equals its C.
 * @throws LabError('usage') for bad options.
 */
export function recutIsoflops(points: readonly FitPoint[], options: RecutOptions = {}): Recut {
  const { kept } = selectPoints(points, options);
  const ladders = makeLadders(kept);
  const budgets = options.budgets ? [...options.budgets].sort((x, y) => x - y) : chooseBudgets(kept, ladders, options);
  const cuts = budgets.map((C) => cut(ladders, C));
  const cells = cuts.map((own, i) => ({
    C: budgets[i]!,
    num_sizes: own.length,
    interior: hasMinimum(budgets[i]!, own),
  }));
  return { points: cuts.flat(), budgets, cells, diagnostics: judgeCells(cells) };
}

/** Any budget whose minimum is not between its sizes, once for all: no exponent can rest on it. */
function judgeCells(cells: Recut['cells']): Diagnostic[] {
  const outside = cells.filter(({ interior }) => !interior);
  if (outside.length === 0) return [];
  const budgets = outside.map(({ C }) => C);
  return [
    warn(
      'recut_not_interior',
      `cut anew in this counting, ${outside.length} of ${cells.length} budgets (${budgets.map((C) => formatFlops(C)).join(', ')}) ` +
        'have no minimum between their sizes: this counting puts the best size elsewhere; add sizes on that side, or ' +
        'choose budgets that are interior in both countings',
      { budgets, num_sizes: outside.map(({ num_sizes }) => num_sizes), of: cells.length },
    ),
  ];
}

function makeLadders(points: readonly FitPoint[]): Ladder[] {
  const sizes = sizeOf(points.map((p) => p.N));
  const families = new Map<string, FitPoint[]>();
  points.forEach((p, i) => {
    const key = `${sizes[i]}/${p.group ?? ''}`;
    families.set(key, [...(families.get(key) ?? []), p]);
  });
  return [...families.values()].map((family) => {
    const horizons = sizeOf(family.map((p) => p.D));
    const mean = (column: (p: FitPoint) => number, horizon: number): number => {
      const own = family.filter((_, i) => horizons[i] === horizon);
      const total = own.reduce((sum, p) => sum + (p.weight ?? 1), 0);
      return own.reduce((sum, p) => sum + (p.weight ?? 1) * column(p), 0) / total;
    };
    const labels = [...new Set(horizons)].sort((x, y) => x - y);
    const logD = labels.map((h) => mean((p) => Math.log(p.D), h));
    const logC = labels.map((h) => mean((p) => Math.log(p.C), h));
    const loss = monotoneCubic(
      logD,
      labels.map((h) => mean((p) => p.L, h)),
    );
    const spent = monotoneCubic(logC, logD);
    const edge = 1e-9;
    return {
      N: Math.exp(mean((p) => Math.log(p.N), labels[0]!)),
      group: family[0]!.group,
      U: family.every((p) => p.U === family[0]!.U) ? family[0]!.U : undefined,
      C_range: [Math.exp(logC[0]!), Math.exp(logC.at(-1)!)],
      at(C) {
        // A budget that equals an end of the range up to rounding belongs to it.
        const x = Math.log(C);
        const inside = Math.min(Math.max(x, logC[0]!), logC.at(-1)!);
        if (Math.abs(inside - x) > edge) return null;
        const d = spent(inside);
        const L = d === null ? null : loss(Math.min(Math.max(d, logD[0]!), logD.at(-1)!));
        return d === null || L === null ? null : { D: Math.exp(d), L };
      },
    };
  });
}

function cut(ladders: readonly Ladder[], C: number): FitPoint[] {
  return ladders.flatMap(({ N, group, U, at }) => {
    const found = at(C);
    if (!found) return [];
    const id = `N ${formatFlops(N, 3)} cut at C ${formatFlops(C, 3)}`;
    const rest = { ...(group === undefined ? {} : { group }), ...(U === undefined ? {} : { U }) };
    return [{ N, D: found.D, C, L: found.L, id, ...rest }];
  });
}

function hasMinimum(C: number, own: readonly FitPoint[]): boolean {
  return fitValley(C, own, [], {}).interior;
}

/** Log-spaced budgets within the longest stretch of compute whose valleys all have an interior minimum; where no
 * valley has one, within the stretch that enough sizes cover. */
function chooseBudgets(points: readonly FitPoint[], ladders: readonly Ladder[], options: RecutOptions): number[] {
  const { min_sizes = 4, num_budgets = Math.max(3, groupByBudget(points, {}).length) } = options;
  const low = Math.log(Math.min(...ladders.map((l) => l.C_range[0])));
  const high = Math.log(Math.max(...ladders.map((l) => l.C_range[1])));
  const steps = Math.ceil(((high - low) / Math.LN10) * RESOLUTION);
  const candidates = Array.from({ length: steps + 1 }, (_, i) =>
    Math.exp(low + ((high - low) * i) / Math.max(1, steps)),
  );
  const cuts = candidates.map((C) => cut(ladders, C));
  const covered = cuts.map((own) => own.length >= min_sizes);
  const interior = cuts.map((own, i) => covered[i]! && hasMinimum(candidates[i]!, own));
  const stretch = longestStretch(interior) ?? longestStretch(covered);
  if (!stretch) return [];
  const [first, last] = stretch;
  const count = Math.min(num_budgets, last - first + 1);
  return Array.from(
    { length: count },
    (_, i) => candidates[Math.round(first + ((last - first) * i) / Math.max(1, count - 1))]!,
  );
}

/** First and last index of the longest run of true; null where there is none. */
function longestStretch(flags: readonly boolean[]): [number, number] | null {
  let best: [number, number] | null = null;
  let start = 0;
  flags.forEach((flag, i) => {
    if (!flag) start = i + 1;
    else if (!best || i - start > best[1] - best[0]) best = [start, i];
  });
  return best;
}

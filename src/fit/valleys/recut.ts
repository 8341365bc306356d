/** @file Cuts isoFLOPs anew after a change of counting.
 * Runs planned at equal C by one counting have unequal C by another, so their valleys must be cut again: for each
 * size, C is followed along ln D and the loss is interpolated where C meets the new budget, never extrapolated.
 * Budgets, where not given, are chosen so that as many as possible have an interior minimum. A change of counting moves
 * the minima along the sizes, so a ladder that brackets them in one cut may not in the other: `recut_not_interior`.
 */

import { formatFlops } from '../../lib/format.ts';
import { groupBy } from '../../lib/group-by.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { monotoneCubic } from '../math/interpolate.ts';
import { type FitPoint, type SelectOptions, selectPoints, sizeOf } from '../point.ts';
import { fitValley, groupByBudget } from './valley.ts';

export interface RecutOptions extends SelectOptions {
  /** The new budgets, by the counting of the points. Chosen where absent. */
  budgets?: readonly number[];
  /** How many budgets to choose. Default: as many as the points show, at least 4, where so many can be told apart. */
  num_budgets?: number;
  /** Sizes a chosen budget must at least have. Default 5 with the minimum well inside, else 4, else 3. */
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

/** Candidate budgets a decade, and steps between two that are chosen: a factor of 1.6, since nearer ones would rest on
 * the same runs. */
const RESOLUTION = 24;
const GAP = 5;
/** Budgets that an exponent should rest on. */
const ADVISED_BUDGETS = 4;

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
  const families = groupBy(points, (p, i) => `${sizes[i]}/${p.group ?? ''}`);
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

/** Log-spaced budgets within the longest stretch of compute whose valleys all have a minimum, of the kind that the data
 * have in number: well inside five sizes or more, else inside four, else inside three, the strictest of them of which
 * `ADVISED_BUDGETS` can be had, else the one of which most can. Where no valley has a minimum, within the stretch that
 * enough sizes cover, which the diagnostics then say. */
function chooseBudgets(points: readonly FitPoint[], ladders: readonly Ladder[], options: RecutOptions): number[] {
  const { min_sizes, num_budgets = Math.max(ADVISED_BUDGETS, groupByBudget(points, {}).length) } = options;
  const low = Math.log(Math.min(...ladders.map((l) => l.C_range[0])));
  const high = Math.log(Math.max(...ladders.map((l) => l.C_range[1])));
  const steps = Math.ceil(((high - low) / Math.LN10) * RESOLUTION);
  const candidates = Array.from({ length: steps + 1 }, (_, i) =>
    Math.exp(low + ((high - low) * i) / Math.max(1, steps)),
  );
  const cuts = candidates.map((C) => cut(ladders, C));
  const depths = cuts.map((own, i) => depthOf(candidates[i]!, own));
  const kinds = min_sizes === undefined ? KINDS : [{ num_sizes: min_sizes, depth: 1 }];
  const choices = kinds.map(({ num_sizes, depth }) => {
    const stretch = longestStretch(cuts.map((own, i) => own.length >= num_sizes && depths[i]! >= depth));
    return spread(stretch, num_budgets);
  });
  // Three sizes are a parabola without a residue: of use where there is a line to draw through several.
  if (min_sizes === undefined && choices.at(-1)!.length < 2) choices.pop();
  const most = Math.max(...choices.map((own) => own.length));
  const chosen = choices.find((own) => own.length >= Math.min(most, ADVISED_BUDGETS, num_budgets))!;
  const least = kinds[choices.length - 1]!.num_sizes;
  const places = most > 0 ? chosen : spread(longestStretch(cuts.map((own) => own.length >= least)), num_budgets);
  return places.map((i) => candidates[i]!);
}

/** Kinds of valleys, the best first: so many sizes, and the minimum so many of them from the edge. */
const KINDS = [
  { num_sizes: 5, depth: 2 },
  { num_sizes: 4, depth: 1 },
  { num_sizes: 3, depth: 1 },
];

/** Sizes on the side of the minimum that has fewer; 0 where there is no minimum. */
function depthOf(C: number, own: readonly FitPoint[]): number {
  const { N_opt } = fitValley(C, own, [], {});
  if (N_opt === null) return 0;
  const below = own.filter(({ N }) => N < N_opt).length;
  return Math.min(below, own.length - below);
}

/** Evenly spaced indices of a stretch, both ends among them, at least `GAP` apart; none without one. */
function spread(stretch: [number, number] | null, most: number): number[] {
  if (!stretch) return [];
  const [first, last] = stretch;
  const count = Math.min(most, Math.floor((last - first) / GAP) + 1);
  if (count === 1) return [Math.round((first + last) / 2)];
  return Array.from({ length: count }, (_, i) => Math.round(first + ((last - first) * i) / (count - 1)));
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

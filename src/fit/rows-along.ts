/** @file The runs that speak of one variable alone, for the laws L(N), L(D) and L(C).
 * A law in one variable holds where nothing else limits the loss: L(N) at ample data, L(D) at ample size with early
 * stopping, L(C) on the frontier of the best runs (Kaplan et al. 2020, arXiv 2001.08361, sections 3.2 and 3.3). Of a
 * table or ladder these are: each size's rows of most tokens; each amount of unique data's best cell over sizes and
 * lengths; each cell that no cell of as little compute beats. A cell is the runs of one N and D: its seeds stay together,
 * and cells are compared by their mean, so that no single lucky seed is picked.
 */
import { groupBy } from '../lib/group-by.ts';
import { type FitPoint, sizeOf } from './point.ts';

/** What a law in one variable can be a law of. */
export type CurveColumn = 'N' | 'D' | 'C' | 'S' | 'U' | 'B';

/** A run and its value on the axis. */
export interface RowAlong {
  x: number;
  point: FitPoint;
}

interface Cell {
  x: number;
  D: number;
  /** Mean log loss. */
  mean: number;
  rows: RowAlong[];
}

/** The value of a run on the axis: D is the unique tokens where a run repeats them. */
function valueAlong(point: FitPoint, column: CurveColumn): number {
  return column === 'D' ? Math.min(point.D, point.U ?? point.D) : (point[column] ?? Number.NaN);
}

/** Every run with its value on the axis; those without a positive one are left out. */
export function allRows(points: readonly FitPoint[], column: CurveColumn): RowAlong[] {
  return points
    .map((point) => ({ x: valueAlong(point, column), point }))
    .filter(({ x, point }) => [x, point.L].every((v) => v > 0 && Number.isFinite(v)));
}

/** The runs that speak of the column alone; every run for S, U and B, and where N or D is not known. */
export function rowsAlong(points: readonly FitPoint[], column: CurveColumn): RowAlong[] {
  const rows = allRows(points, column);
  const is_known = rows.every(({ point: { N, D } }) => N > 0 && D > 0);
  if (!is_known || !(column === 'N' || column === 'D' || column === 'C')) return rows;
  const cells = cellsOf(rows);
  if (column === 'C') return frontier(cells);
  const places = sizeOf(cells.map(({ x }) => x));
  const better = (one: Cell, other: Cell): boolean => (column === 'N' ? one.D > other.D : one.mean < other.mean);
  const chosen = new Map<number, Cell>();
  cells.forEach((cell, i) => {
    const before = chosen.get(places[i]!);
    if (!before || better(cell, before)) chosen.set(places[i]!, cell);
  });
  return [...chosen.values()].sort((a, b) => a.x - b.x).flatMap((cell) => cell.rows);
}

/** Runs of one N and D; two amounts of unique data are two cells. */
function cellsOf(rows: readonly RowAlong[]): Cell[] {
  const [sizes, horizons] = [sizeOf(rows.map(({ point }) => point.N)), sizeOf(rows.map(({ point }) => point.D))];
  const unique = sizeOf(rows.map(({ point }) => Math.min(point.D, point.U ?? point.D)));
  const groups = groupBy(rows, (_, i) => `${sizes[i]}/${horizons[i]}/${unique[i]}`);
  return [...groups.values()].map((own) => ({
    x: own[0]!.x,
    D: own[0]!.point.D,
    mean: own.reduce((sum, { point }) => sum + Math.log(point.L), 0) / own.length,
    rows: own,
  }));
}

/** Cells that no cell of as little compute beats, by increasing compute. */
function frontier(cells: readonly Cell[]): RowAlong[] {
  let lowest = Number.POSITIVE_INFINITY;
  return [...cells]
    .sort((a, b) => a.x - b.x || a.mean - b.mean)
    .filter(({ mean }) => {
      if (mean >= lowest) return false;
      lowest = mean;
      return true;
    })
    .flatMap((cell) => cell.rows);
}

/** @file Many points of few distinct inputs (a grid of sizes and tokens, repeated with seeds) by these: what a law says of
 * a cell it says of all its points, so that it and its derivatives are worked out once a cell. The sums are the same but for
 * the order of their terms, hence only where there are many points: the fits of a usual study keep their last bit.
 */
import { groupBy } from '../../lib/group-by.ts';

/** Points by distinct inputs. */
export interface Cells {
  /** The inputs of each cell, as in a problem. */
  u: readonly Float64Array[];
  columns: readonly Float64Array[];
  /** The points of cell c are starts[c] .. starts[c + 1] - 1 of the next three, by increasing loss: their residuals then
   * pass the corner of the loss function twice in a cell, and a processor guesses right which side they are on.
   * `members` are their places among all. */
  starts: Int32Array;
  members: Int32Array;
  log_loss: Float64Array;
  weight: Float64Array;
}

/** Points as rows. */
type Rows = Omit<Cells, 'starts' | 'members'>;

/** Points from which on cells are looked for, and points a cell at least, on the average, for which they pay. */
const MANY = 1024;
const PER_CELL = 2;

/** The cells of these points, in the order in which they are met; null where points are few or hardly repeated. */
export function cellsOf({ u, columns, log_loss, weight }: Rows): Cells | null {
  if (log_loss.length < MANY) return null;
  const places = groupBy(u.keys(), (i) => u[i]!.join());
  if (places.size * PER_CELL > log_loss.length) return null;
  const groups = [...places.values()];
  for (const own of groups) own.sort((i, j) => log_loss[i]! - log_loss[j]!);
  const members = Int32Array.from(groups.flat());
  const starts = new Int32Array(groups.length + 1);
  groups.forEach((own, cell) => {
    starts[cell + 1] = starts[cell]! + own.length;
  });
  return {
    u: groups.map(([first]) => u[first!]!),
    columns: columns.map((column) => Float64Array.from(groups, ([first]) => column[first!]!)),
    starts,
    members,
    log_loss: Float64Array.from(members, (i) => log_loss[i]!),
    weight: Float64Array.from(members, (i) => weight[i]!),
  };
}

/** The same cells with other weights, by the factor of each of all points; without points and cells of weight zero. One
 * result is valid until the next. */
export function cellReweighter(cells: Cells): (factor: ArrayLike<number>) => Cells {
  const { u, columns, starts, members, log_loss, weight } = cells;
  const kept = {
    columns: columns.map((column) => new Float64Array(column.length)),
    starts: new Int32Array(starts.length),
    members: new Int32Array(members.length),
    log_loss: new Float64Array(members.length),
    weight: new Float64Array(members.length),
  };
  return (factor) => {
    const own: Float64Array[] = [];
    let at = 0;
    for (let cell = 0; cell < u.length; cell++) {
      const start = at;
      for (let i = starts[cell]!; i < starts[cell + 1]!; i++) {
        const times = factor[members[i]!]!;
        if (!(times > 0)) continue;
        kept.members[at] = members[i]!;
        kept.log_loss[at] = log_loss[i]!;
        kept.weight[at++] = weight[i]! * times;
      }
      if (at === start) continue;
      columns.forEach((column, j) => {
        kept.columns[j]![own.length] = column[cell]!;
      });
      own.push(u[cell]!);
      kept.starts[own.length] = at;
    }
    return {
      u: own,
      columns: kept.columns.map((column) => column.subarray(0, own.length)),
      starts: kept.starts.subarray(0, own.length + 1),
      members: kept.members.subarray(0, at),
      log_loss: kept.log_loss.subarray(0, at),
      weight: kept.weight.subarray(0, at),
    };
  };
}

/** @file What a parametric fit minimises over: points as columns, and the same points with other weights.
 * A table of points and a law -> logs of the law's inputs, centred, log losses, weights; where many points share cells, the
 * cells too. A bootstrap resample is a problem with other weights and costs no new column.
 */
import { LabError } from '../../lib/errors.ts';
import type { Law } from '../laws/law.ts';
import { type Cells, cellReweighter, cellsOf } from './cells.ts';
import { sampleOf } from './sample.ts';

/** What the objective reads of a point: the law's inputs, the loss, the weight (1 where absent). */
export type LawPoint<Input extends string> = { readonly [input in Input]?: number } & {
  L: number;
  weight?: number;
  id?: string;
};

/** What a column is, for messages. */
const COLUMNS: Readonly<Record<string, string>> = {
  N: 'parameters',
  D: 'training tokens',
  C: 'FLOPs',
  S: 'training steps',
  U: 'unique tokens',
  B: 'tokens a batch',
};

/** Checks that every point has the columns that the law reads. @throws LabError('usage') naming the one it lacks. */
export function requireInputs<Input extends string>(law: Law<Input>, points: readonly LawPoint<Input>[]): void {
  for (const input of law.inputs) {
    const lacking = points.filter((p) => !(p[input]! > 0 && Number.isFinite(p[input])));
    if (lacking.length === 0) continue;
    const first = lacking[0]!.id === undefined ? '' : ` (${lacking[0]!.id} the first)`;
    throw new LabError(
      'usage',
      `${law.name} reads ${input} (${COLUMNS[input] ?? 'its variable'}), which ${lacking.length} of ${points.length} ` +
        `points lack${first}; give every point a positive ${input}`,
    );
  }
}

/** Points as columns: logs of the law's inputs less their centre, log losses, weights; `law` is told the centre. */
export interface Problem {
  law: Law<string>;
  centre: Float64Array;
  /** One array a point, and the same numbers as one array an input. */
  u: readonly Float64Array[];
  columns: readonly Float64Array[];
  log_loss: Float64Array;
  weight: Float64Array;
  /** Many points of few distinct inputs by these; null for others. */
  cells: Cells | null;
}

/** Makes the columns; the centre is the weighted mean of the logs, so that amplitudes and exponents decouple.
 * @throws LabError('usage') where a point lacks a column that the law reads. */
export function makeProblem<Input extends string>(law: Law<Input>, points: readonly LawPoint<Input>[]): Problem {
  requireInputs(law, points);
  const weight = Float64Array.from(points, (p) => p.weight ?? 1);
  const total = weight.reduce((sum, w) => sum + w, 0);
  const columns = law.inputs.map((input) => Float64Array.from(points, (p) => Math.log(p[input]!)));
  const centre = Float64Array.from(columns, (column) => column.reduce((sum, x, i) => sum + weight[i]! * x, 0) / total);
  columns.forEach((column, j) => {
    for (let i = 0; i < column.length; i++) column[i]! -= centre[j]!;
  });
  const rows = {
    u: points.map((_, i) => Float64Array.from(columns, (column) => column[i]!)),
    columns,
    log_loss: Float64Array.from(points, (p) => (law.is_raw ? p.L : Math.log(p.L))),
    weight,
  };
  return { law: law.centredAt?.(centre) ?? law, centre, ...rows, cells: cellsOf(rows) };
}

/** The same problem with other weights (a bootstrap resample); points of weight zero are left out. */
export function reweighted(problem: Problem, factor: ArrayLike<number>): Problem {
  return reweighter(problem)(factor);
}

/** The same for many resamples one after the other: each is valid until the next. */
export function reweighter(problem: Problem): (factor: ArrayLike<number>) => Problem {
  if (problem.cells) {
    const reweightCells = cellReweighter(problem.cells);
    return (factor) => ofCells(problem, reweightCells(factor));
  }
  const size = problem.log_loss.length;
  const room = (): Float64Array => new Float64Array(size);
  const [columns, log_loss, weight] = [problem.columns.map(room), room(), room()];
  return (factor) => {
    const u: Float64Array[] = [];
    for (let i = 0; i < size; i++) {
      if (!(factor[i]! > 0)) continue;
      const at = u.length;
      for (let j = 0; j < columns.length; j++) columns[j]![at] = problem.columns[j]![i]!;
      log_loss[at] = problem.log_loss[i]!;
      weight[at] = problem.weight[i]! * factor[i]!;
      u.push(problem.u[i]!);
    }
    const own = (column: Float64Array): Float64Array => column.subarray(0, u.length);
    return { ...problem, u, columns: columns.map(own), log_loss: own(log_loss), weight: own(weight) };
  };
}

/** The problem of these cells, its points in their order. The inputs of single points are made when they are asked for:
 * what minimises reads those of the cells. */
function ofCells({ law, centre }: Problem, cells: Cells): Problem {
  const { u, starts, log_loss, weight } = cells;
  const each = <T>(ofCell: (cell: number) => T): T[] =>
    u.flatMap((_, cell) => new Array<T>(starts[cell + 1]! - starts[cell]!).fill(ofCell(cell)));
  return {
    ...{ law, centre, log_loss, weight, cells },
    get u() {
      return each((cell) => u[cell]!);
    },
    get columns() {
      return cells.columns.map((column) => Float64Array.from(each((cell) => column[cell]!)));
    },
  };
}

/** The problem of some of the points. */
function chosen(problem: Problem, keep: readonly number[]): Problem {
  const pick = (column: Float64Array): Float64Array => {
    const out = new Float64Array(keep.length);
    for (let at = 0; at < out.length; at++) out[at] = column[keep[at]!]!;
    return out;
  };
  return {
    ...problem,
    u: keep.map((i) => problem.u[i]!),
    columns: problem.columns.map(pick),
    log_loss: pick(problem.log_loss),
    weight: pick(problem.weight),
    cells: null,
  };
}

/** The problem of a sample of the points; the problem itself where there are no more. */
export function sampled(problem: Problem, count: number): Problem {
  const size = problem.log_loss.length;
  return size <= count ? problem : chosen(problem, sampleOf(size, count));
}

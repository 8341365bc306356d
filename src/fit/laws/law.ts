/** @file What a law is to the fitter: one record a law, one file a record.
 * A law works in *coordinates* theta, chosen so that the optimiser sees a round valley: amplitudes as logs at
 * the data's geometric centre, exponents as they are. `toParams` and `fromParams` go between coordinates and
 * the constants the paper prints. To add a law: write its file, add its line to `registry.ts`.
 */

/** The constants of a law by the paper's names. */
export type LawParams = Record<string, number>;

/** Columns of a run that a law may read. */
export type RunInput = 'N' | 'D' | 'C';

/** The constants that are linear once the exponents are held: what variable projection solves exactly. */
export interface Separable {
  /** Exponent values tried on each axis of the outer grid, ascending; the search may leave the grid. */
  grid: readonly (readonly number[])[];
  /** Number of amplitudes. */
  num_amplitudes: number;
  /** Writes the columns of one point and returns its target, scaled so that the residual
   * `sum_j amplitude_j columns_j - target` is, to first order, the error of log L. */
  columns(exponents: ArrayLike<number>, u: Float64Array, logL: number, columns: Float64Array): number;
  /** The coordinates of a solution; an amplitude of zero becomes -Infinity. */
  theta(exponents: ArrayLike<number>, amplitudes: ArrayLike<number>): Float64Array;
}

/** A coordinate's plausible range: an optimum outside is reported as `optimum_on_bound`. */
export interface Plausible {
  param: string;
  low: number;
  high: number;
}

/** A law that reads the columns `Input` of a point: those of a run, or the one variable `x` of a curve. */
export interface Law<Input extends string = RunInput> {
  name: string;
  /** One line for tables and `listLaws`. */
  title: string;
  formula: string;
  reference: string;
  inputs: readonly Input[];
  /** Names of the constants, in the order they are printed. */
  params: readonly string[];
  /** Names of the coordinates, in the order of theta. */
  coordinates: readonly string[];
  /** Coordinates that are the log of a term which the data may not support: they may end at -Infinity. */
  optional_terms: readonly number[];
  plausible: readonly Plausible[];
  /** `log L` at one point and, in `gradient`, its derivative by each coordinate.
   * `u` holds the logs of the inputs less the data's centre, in the order of `inputs`. */
  logLoss(theta: Float64Array, u: Float64Array, gradient: Float64Array): number;
  toParams(theta: Float64Array, centre: Float64Array): LawParams;
  fromParams(params: LawParams, centre: Float64Array): Float64Array;
  /** Starting points, as the paper has them where it says; `logLoss` is the mean log loss of the data. */
  starts(centre: Float64Array, logLoss: number): Iterable<Float64Array>;
  separable?: Separable;
  /** `a` and `b` of `N_opt ~ C^a`, `D_opt ~ C^b` under C = 6 N D. */
  exponents?(params: LawParams): { a: number; b: number };
}

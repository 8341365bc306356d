/** @file What a law is to the fitter: one record a law, one file a record.
 * A law works in *coordinates* theta, chosen so that the optimiser sees a round valley: amplitudes as logs at
 * the data's geometric centre, exponents as they are. `toParams` and `fromParams` go between coordinates and
 * the constants the paper prints. To add a law: write its file, add its line to `registry.ts`. `constrain` makes
 * of a law one with some constants held, tied or bounded, which is a law like any other.
 */

/** The constants of a law by the paper's names. */
export type LawParams = Record<string, number>;

/** Columns of a run that a law may read: parameters, tokens, FLOPs, steps, unique tokens, tokens a batch. */
export type RunInput = 'N' | 'D' | 'C' | 'S' | 'U' | 'B';

/** How a coordinate carries the constant p of the same place; `shift` is what the data's centre contributes.
 * `plain`: theta = p. `log`: theta = log p - shift. `term`: theta = log p - e shift, the log of `p/x^e` at the centre.
 * `scale`: theta = e (log p - shift), the log of `(p/x)^e` there. e is the constant at the place `exponent`. */
export type Carrier =
  | { kind: 'plain' }
  | { kind: 'log'; shift?: (centre: Float64Array) => number }
  | { kind: 'term' | 'scale'; exponent: number; shift: (centre: Float64Array) => number };

/** The constants that are linear once the exponents are held: what variable projection solves exactly.
 * Amplitude j is carried by coordinate j. */
export interface Separable {
  /** Names of the constants that the axes of the outer grid hold. */
  axes: readonly string[];
  /** Values tried on each axis, ascending; the search may leave the grid. */
  grid: readonly (readonly number[])[];
  /** Number of amplitudes. */
  num_amplitudes: number;
  /** Name of an axis along which the starting points are spread: the best cell at each of its values, as it is.
   * Where absent, three local minima of the grid are refined. */
  spread?: string;
  /** Writes the columns of one point and returns its target, scaled so that the residual
   * `sum_j amplitude_j columns_j - target` is, to first order, the error of log L. */
  columns(exponents: ArrayLike<number>, u: Float64Array, logL: number, columns: Float64Array): number;
  /** The coordinates of a solution; an amplitude of zero becomes -Infinity. */
  theta(exponents: ArrayLike<number>, amplitudes: ArrayLike<number>): Float64Array;
  /** The amplitude that its coordinate stands for: the inverse of `theta`. */
  amplitude(exponents: ArrayLike<number>, coordinate: number): number;
}

/** Points that a law takes at a time: few enough that their derivatives stay in the nearest cache. */
export const BLOCK = 512;

/** `logLoss` for many points at once, without a call or an array a point: an option for speed, never for results.
 * A law made from another one by changing its `logLoss` keeps this record and is not taken at its word, since `of` is
 * the function that the record speeds up. */
export interface BlockLosses {
  of: (theta: Float64Array, u: Float64Array, gradient: Float64Array) => number;
  /** For the points `from` to `to - 1` (BLOCK at most) of `columns`, one column an input: `log L` of point i in
   * `values[i - from]`, its derivative by coordinate k in `jacobian[k * BLOCK + i - from]`. */
  losses(
    theta: Float64Array,
    columns: readonly Float64Array[],
    from: number,
    to: number,
    values: Float64Array,
    jacobian: Float64Array,
  ): void;
  /** Adds `sum_i slopes_i d2 L_i/L_i` to the lower triangle of the row-major `matrix` over all coordinates; `jacobian`
   * is what `losses` wrote for the same points. Where absent, differences of the derivatives serve. */
  curvature?(
    columns: readonly Float64Array[],
    from: number,
    to: number,
    jacobian: Float64Array,
    slopes: Float64Array,
    matrix: Float64Array,
  ): void;
}

/** A coordinate's plausible range: an optimum outside is reported as `bound_hit`. */
export interface Plausible {
  param: string;
  low: number;
  high: number;
}

/** What is known of a law's constants before it is fitted. */
export interface Constraints {
  /** Constants held at a value. */
  fix?: Readonly<Record<string, number>> | undefined;
  /** Groups of exponents that are equal. */
  tie?: readonly (readonly string[])[] | undefined;
  /** Lowest and highest value of a constant; an end may be infinite. */
  bounds?: Readonly<Record<string, readonly [number, number]>> | undefined;
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
  /** How each constant is carried. */
  carriers: readonly Carrier[];
  /** Names of the coordinates, in the order of theta: one a constant, or one a free constant after `constrain`. */
  coordinates: readonly string[];
  /** Coordinates that are the log of a term which the data may not support: they may end at -Infinity. */
  optional_terms: readonly number[];
  plausible: readonly Plausible[];
  /** `logLoss` gives the loss itself, and a problem's targets are losses: see `rawLoss`. */
  is_raw?: true;
  /** Constants that may be held at infinity. */
  may_be_infinite?: readonly string[];
  /** What holds some of the constants; absent where all are free. */
  constraints?: Constraints;
  /** Constants that the constraints hold, directly or through a tie. */
  held?: readonly string[];
  /** `log L` at one point and, in `gradient`, its derivative by each coordinate.
   * `u` holds the logs of the inputs less the data's centre, in the order of `inputs`. */
  logLoss(theta: Float64Array, u: Float64Array, gradient: Float64Array): number;
  block?: BlockLosses;
  toParams(theta: Float64Array, centre: Float64Array): LawParams;
  fromParams(params: LawParams, centre: Float64Array): Float64Array;
  /** The same law for points with that centre, where its loss depends on more than distances from the centre;
   * a law as it stands takes u as the logs themselves. */
  centredAt?(centre: Float64Array): Law<Input>;
  /** Starting points, as the paper has them where it says; `logLoss` is the mean log loss of the data. */
  starts(centre: Float64Array, logLoss: number): Iterable<Float64Array>;
  separable?: Separable;
  /** `a` and `b` of `N_opt ~ C^a`, `D_opt ~ C^b` under C = 6 N D. */
  exponents?(params: LawParams): { a: number; b: number };
}

/** @file The door of `fit/`: power laws from points. (contract; implementation follows) */

/** One trained run as the laws see it. */
export interface FitPoint {
  /** Parameters, by the counting the caller chose. */
  N: number;
  /** Training tokens. */
  D: number;
  /** Training FLOPs, by the counting the caller chose. */
  C: number;
  /** Final loss, nats a token. */
  L: number;
  /** Relative weight in the objective; 1 where absent. */
  weight?: number;
  /** Points of one group share a law. */
  group?: string;
  /** Name for messages: run id or file line. */
  id?: string;
}

/** @file How far each backend may be from the float64 reference, in one table. Units are roundings of float32 (2^-24) of
 * the largest value of what is compared, since where values cancel their own size says nothing.
 *
 * All backends compute in float32 and differ in how they sum: cpu sums products in float64, since JavaScript has no
 * other number; wasm, native, webgpu and tensorflow sum in float32, in vectors, tiles and threads of their own. A sum of
 * n products is off by at most n roundings of the sum of their sizes and by about sqrt(n) as a rule; the longest sum of
 * an operation's test has n = 120, of the model's n = 256, and operations chain up to six sums. `one` bounds a single
 * element, `mean` the root mean square, which a systematic error would move. Bounds are 1.3 to three times the
 * worst that was measured:
 *
 * | measured          | cpu  | wasm | native | webgpu | tensorflow |
 * |---|---|---|---|---|---|
 * | operation         | 14   | 14   | 12     | 14     | 14         |
 * | logits, one       | 9    | 17   | 31     | 25     | 30         |
 * | logits, mean      | 1.9  | 4.1  | 3.5    | 3.7    | 4.0        |
 * | gradients, one    | 9    | 27   | 27     | 25     | 18         |
 * | gradients, mean   | 1.9  | 4.6  | 2.6    | 2.7    | 2.5        |
 * | ten losses        | .6   | .8   | .6     | 1.4    | 1.3        |
 *
 * Logits and gradients over eight seeds of the four test models (`test/model/gpt.test.ts`), beyond 1e-4 of themselves for
 * `one`; 53 for a logit of native built without optimisation. The worst operation is layerNorm's backward pass, elsewhere
 * it is 6. webgpu was measured on a software adapter: WGSL allows a card an exp that is off by 3 + 2|x| roundings, so a
 * card may need a measured row of its own.
 */

export interface Tolerance {
  /** An element of an operation's output or gradient. */
  operation: number;
  logits: { one: number; mean: number };
  gradients: { one: number; mean: number };
  /** A loss of the ten-step trajectory, of itself. */
  trajectory: number;
}

/** One rounding of float32. */
export const ROUNDING = 2 ** -24;

const FLOAT64_SUMS: Tolerance = {
  operation: 32,
  logits: { one: 24, mean: 3 },
  gradients: { one: 24, mean: 3 },
  trajectory: 4,
};
const FLOAT32_SUMS: Tolerance = {
  operation: 32,
  logits: { one: 64, mean: 6 },
  gradients: { one: 48, mean: 6 },
  trajectory: 4,
};

export const TOLERANCES: Record<string, Tolerance> = {
  cpu: FLOAT64_SUMS,
  wasm: FLOAT32_SUMS,
  native: FLOAT32_SUMS,
  webgpu: FLOAT32_SUMS,
  tensorflow: FLOAT32_SUMS,
  // Not measured: no card was at hand. Its products are float32 too, TF32 being off unless it is asked for.
  cuda: FLOAT32_SUMS,
};

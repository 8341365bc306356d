/** @file The schema of a forecast: runs that are predicted, with intervals, before they are trained. `study` and `sweep`
 * train the smaller runs first, write the predictions down, and train the rest; `study/` scores them.
 */
import { z } from 'zod';

/** A schema of an amount of FLOPs. */
type Amount = z.ZodType<number>;

export function forecastSchema(amount: Amount) {
  return z.strictObject({
    group: z.string().describe('Block whose largest runs are predicted.'),
    beyond: amount.describe('Training FLOPs, 6 N D with all parameters: runs of more are predicted from the others.'),
    laws: z
      .array(z.enum(['chinchilla', 'power_mean']))
      .min(1)
      .default(['chinchilla', 'power_mean'])
      .describe('Laws that predict, each for itself.'),
    min_tokens: z.number().int().positive().optional().describe('Leave out of the fit runs with fewer tokens.'),
  });
}

export type Forecast = z.output<ReturnType<typeof forecastSchema>>;

/** @file Of every record of a sweep the little that planning it again asks for: what is done, and how fast it went.
 * Only this part of a record is checked: of ten thousand, the checks of the whole take longer than reading them.
 */
import { z } from 'zod';
import { readRecords } from './reader.ts';
import { runRecordSchema } from './record.ts';

const { model } = runRecordSchema.shape;
const runFactsSchema = z.object({
  ...runRecordSchema.pick({
    run_id: true,
    status: true,
    batch_size: true,
    num_tokens: true,
    wall_seconds: true,
  }).shape,
  /** What a run's speed depends on, with the batch. */
  model: z.object(model.pick({ n_layer: true, d_model: true, n_ctx: true, vocab_size: true }).shape),
});

export type RunFacts = z.output<typeof runFactsSchema>;

/** The facts of each run in `dir` that has a readable record, in no order. Throws `usage` where there is no such folder,
 * `storage` where it cannot be listed. */
export const readRunFacts = (dir: string): Generator<RunFacts> => readRecords(dir, runFactsSchema);

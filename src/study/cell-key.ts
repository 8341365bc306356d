/** @file What makes two runs the same cell of a study: all of their specification but the seeds, or but the rate too. */
import { canonicalJson } from '../config/config.ts';
import type { RunRecord } from '../log/record.ts';

/** Equal for runs of one cell. */
export function cellKey(record: RunRecord, { without_rate = false } = {}): string {
  const { init_seed: _, data_seed: __, optimizer: ___, ...rest } = record.spec;
  const { learning_rate, ...optimizer } = record.optimizer;
  const { group, model, num_params, num_tokens, batch_size } = record;
  const shape = { group, model, N: num_params.total, num_tokens, batch_size };
  return canonicalJson({ rest, shape, optimizer, ...(without_rate ? {} : { learning_rate }) });
}

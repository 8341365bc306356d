/** @file Run records -> the facts that diagnostics of runs read, under a counting chosen now and not when training.
 * Every record is here, finished or not: what is missing from a fit is as telling as what is in it.
 */
import type { RunFacts } from '../fit/fit.ts';
import type { RunRecord, RunStatus } from '../log/record.ts';
import { cellLabels } from './cells.ts';
import type { Counting } from './record-points.ts';

/** One entry a record. */
export function factsOf(records: readonly RunRecord[], { params }: Counting): RunFacts[] {
  const cells = cellLabels(records, { without_rate: true });
  return records.map((record, i) => ({
    id: record.run_id,
    status: statusOf(record.status),
    N: record.num_params[params],
    D: record.num_tokens,
    L: record.val_loss,
    dead_params: deadParams(record, params),
    learning_rate: record.optimizer.learning_rate,
    cell: String(cells[i]),
    budget_counting: record.budget_counting,
    epochs: record.epochs,
    validation: validationOf(record),
    train_loss: record.train_loss,
    last_batches: [record.num_tokens, record.batch_size, record.data_seed, record.corpus.sha256].join('/'),
    entropy: record.entropy_nats,
    true_loss: record.true_val_loss,
  }));
}

function statusOf(status: RunStatus): RunFacts['status'] {
  return status === 'finished' || status === 'diverged' || status === 'failed' ? status : 'unfinished';
}

/** Embedding and head rows of tokens that never occur, as far as the counting holds them. */
function deadParams({ num_params: { total, live, lm_head } }: RunRecord, params: Counting['params']): number {
  if (params === 'total') return total - live;
  if (params === 'non_embedding_head') return lm_head > 0 ? (total - live) / 2 : total - live;
  return 0;
}

/** `16384 tokens of sotu (live-byte, a6058e8), windows of 64`. */
function validationOf({ spec, corpus, model }: RunRecord): string {
  const tokens = (spec['eval'] as { eval_tokens?: number } | undefined)?.eval_tokens;
  const count = tokens === undefined ? 'all' : String(tokens);
  const checksum = `${corpus.sha256.slice(0, 7)}${corpus.tokenizer_sha256.slice(0, 7)}`;
  return `${count} tokens of ${corpus.name} (${corpus.tokenizer}, ${checksum}), windows of ${model.n_ctx}`;
}

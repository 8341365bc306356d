/** @file What run records tell beyond N, D, C and L: the facts that diagnostics of runs read, as plain data.
 * Made from records by `study/`; every run of a study is here, finished or not.
 */

/** One planned run. */
export interface RunFacts {
  id: string;
  /** `unfinished`: planned, running, preempted or cancelled; nothing is known of its loss yet. */
  status: 'finished' | 'diverged' | 'failed' | 'unfinished';
  /** By the counting of the fit. */
  N: number;
  D: number;
  /** Final loss, nats a token; null where the run has none. */
  L: number | null;
  /** Of N: parameters of tokens that never occur. */
  dead_params: number;
  /** Peak learning rate. */
  learning_rate: number;
  /** Equal for runs that differ in their learning rate and seeds only. */
  cell: string;
  /** How the compute of its isoFLOP budget was counted; null where it belongs to none. */
  budget_counting: string | null;
  /** D over unique tokens; null for an endless stream. */
  epochs: number | null;
  /** What its loss was scored on: equal for runs scored on the same tokens, and a few words for people. */
  validation: string;
  /** Mean training loss at the end; null where it was not kept. */
  train_loss: number | null;
  /** Equal for runs whose last training batches were the same tokens. */
  last_batches: string;
  /** Exact entropy of the language, and the true loss of the tokens scored, nats a token; null where unknown. */
  entropy: number | null;
  true_loss: number | null;
}

/** @file What a check of a sweep can find: each rule by name, with the sentence that a person reads.
 * A problem means that something on disk is not what was written or does not agree with the rest; a note is a state
 * that a stopped or running sweep may be in.
 */
export const RULES = {
  plan_missing: 'a sweep has a plan.json',
  plan_unreadable: 'plan.json is whole and of a version that is known',
  plan_ids: 'plan.json names each run once, by a plain folder name',
  plan_identity: "a planned run's config_hash is the hash of its spec",
  plan_counts: "plan.json's totals are the sums of its runs, and its counts those of the shapes",
  record_missing: 'a folder with rows or checkpoints has a run.json',
  record_unreadable: 'a record is whole, fits the schema and is of a version that is known',
  record_place: "a record lies in its run's folder, once",
  record_unplanned: 'plan.json names every run that has a record',
  record_plan: 'a record repeats what plan.json says of its run',
  record_spec: "a record's spec can be trained",
  record_identity: "a record's config_hash is the hash of its spec",
  record_repeats: 'the fields of a record that repeat its spec agree with it',
  record_counts: 'parameters, FLOPs, tokens and epochs are those of the shape',
  record_status: 'status, step, error and results fit together',
  rows_unreadable: 'every line of metrics.jsonl is a row',
  rows_order: 'rows stand in the order of their steps',
  rows_doubled: 'no row is there twice',
  rows_missing: 'no row is missing',
  rows_unexpected: 'no row is there that the run does not log',
  rows_tokens: "a row's tokens are those of its step",
  rows_nonfinite: 'a loss that is not finite ends its run, as diverged',
  rows_record: "evaluations and last losses of metrics.jsonl are the record's",
  rows_checksum: 'metrics.jsonl has the checksum that its record names',
  checkpoint_damaged: 'a checkpoint is whole and has the checksum that it names',
  checkpoint_foreign: "a checkpoint is of its folder's run and of the step in its name",
  checkpoint_rows: 'a row of metrics.jsonl ends where a checkpoint says',
  checkpoint_shapes: "a checkpoint holds the model's parameters and moments",
  claims_hash: 'claims.json has the hash that it names',
  forecasts_hash: 'forecasts.json has the hash that it names',
  study_unreadable: 'study.yaml can be loaded',
  fit_unreadable: 'fit.json is whole',
  leftover_file: 'no temporary file is left',
  leftover_lock: 'no lock of a dead process is left',
  archive_status: 'an archive holds runs that finished or diverged',
  note_unfinished: 'runs that were planned and have neither finished nor diverged',
  note_not_running: 'a record says running and no live process of this machine holds the sweep',
  note_torn_row: 'metrics.jsonl ends in a part of a row, which the next start drops',
  note_running: 'a sweep holds the folder now: what it writes may change under the check',
  note_earlier_plan: 'runs of an earlier plan are kept',
} as const;

export type Rule = keyof typeof RULES;

/** One thing that is wrong (or, from `note_...`, only worth knowing), with the file it is about. */
export interface Finding {
  path: string;
  rule: Rule;
  message: string;
}

/** Takes a finding: path, rule, what is there. */
export type Report = (path: string, rule: Rule, message: string) => void;

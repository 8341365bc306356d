/** @file The columns of an exported table: name, field, type, unit and meaning of each, in one list.
 * The CSV and Parquet writers and the README's data dictionary are all made from it. A column is one leaf of the
 * record; names are the field's own spelling (`n_layer`, `learning_rate`), with the group's name before it only where
 * the leaf alone would say too little (`num_params_total`). What has no place in a flat row is carried as JSON.
 */
import type { MetricRow, RunRecord } from '../record.ts';

/** number: a double. integer: exact up to 2^53. time: ISO 8601 in CSV, milliseconds since 1970 (UTC) in Parquet.
 * json: a JSON text. */
export type ColumnType = 'string' | 'number' | 'integer' | 'boolean' | 'time' | 'json';

export interface Column {
  name: string;
  /** Dotted path in run.json or in a row of metrics.jsonl. */
  field: string;
  type: ColumnType;
  /** Empty where the value has none. */
  unit: string;
  meaning: string;
}

/** A cell: null where the record has no value. */
export type Cell = string | number | boolean | null;
/** Cells in the order of the columns. An array, since a million objects of 75 computed keys are ten times slower. */
export type Row = readonly Cell[];

type Line = [name: string, field: string, type: ColumnType, unit: string, meaning: string];

const toColumns = (lines: Line[]): Column[] =>
  lines.map(([name, field, type, unit, meaning]) => ({ name, field: field || name, type, unit, meaning }));

/** One row a run. An empty second item says that field and column have the same name. */
export const RUN_COLUMNS: readonly Column[] = toColumns([
  ['run_id', '', 'string', '', 'Name of the run and of its folder'],
  ['sweep', '', 'string', '', 'Study the run belongs to'],
  ['group', '', 'string', '', 'Block of the study; fits never mix groups'],
  ['status', '', 'string', '', 'planned, running, finished, failed, diverged, preempted or cancelled'],
  ['error', '', 'string', '', 'Why it failed or diverged'],
  ['config_hash', '', 'string', '', 'Hash of the resolved configuration, corpus and tokenizer included'],
  ['n_layer', 'model.n_layer', 'integer', 'blocks', 'Depth'],
  ['n_head', 'model.n_head', 'integer', 'heads', 'Attention heads a block'],
  ['d_model', 'model.d_model', 'integer', '', 'Width of the residual stream'],
  ['d_ff', 'model.d_ff', 'integer', '', 'Width of the MLP'],
  ['n_ctx', 'model.n_ctx', 'integer', 'tokens', 'Context length'],
  ['vocab_size', 'model.vocab_size', 'integer', 'tokens', 'Rows of the embedding table'],
  ['tie_embeddings', 'model.tie_embeddings', 'boolean', '', 'The token embedding is also the output layer'],
  ['num_params_total', 'num_params.total', 'integer', 'parameters', 'All parameters'],
  ['num_params_non_embedding', 'num_params.non_embedding', 'integer', 'parameters', "Kaplan's N: the blocks' matrices"],
  [
    'num_params_non_embedding_head',
    'num_params.non_embedding_head',
    'integer',
    'parameters',
    "Porian's N: the blocks' matrices and the output layer, tied or not",
  ],
  ['num_params_live', 'num_params.live', 'integer', 'parameters', 'Total without rows of tokens that never occur'],
  ['num_params_token_embedding', 'num_params.token_embedding', 'integer', 'parameters', 'Token embedding'],
  ['num_params_position_embedding', 'num_params.position_embedding', 'integer', 'parameters', 'Position embedding'],
  ['num_params_transformer', 'num_params.transformer', 'integer', 'parameters', 'Weight matrices of the blocks'],
  ['num_params_norm_and_bias', 'num_params.norm_and_bias', 'integer', 'parameters', 'LayerNorm and linear biases'],
  ['num_params_lm_head', 'num_params.lm_head', 'integer', 'parameters', 'Output layer; 0 when tied'],
  ['num_tokens', '', 'integer', 'tokens', 'D: training tokens of the whole run'],
  ['unique_tokens', '', 'integer', 'tokens', 'Training tokens before they repeat; empty for an endless stream'],
  ['epochs', '', 'number', '', 'num_tokens / unique_tokens; above 1 tokens repeat'],
  ['batch_size', '', 'integer', 'sequences', 'Sequences a step'],
  ['num_steps', '', 'integer', 'steps', 'Steps of the whole run'],
  ['step', '', 'integer', 'steps', 'Steps done'],
  ['flops_six_n_total', 'flops.six_n_total', 'number', 'FLOP', '6 x num_params_total x num_tokens'],
  [
    'flops_six_n_non_embedding',
    'flops.six_n_non_embedding',
    'number',
    'FLOP',
    '6 x num_params_non_embedding x num_tokens',
  ],
  [
    'flops_exact',
    'flops.exact',
    'number',
    'FLOP',
    'Every matrix product, forward and backward, attention and head included',
  ],
  ['budget_flops', '', 'number', 'FLOP', 'isoFLOP budget the run belongs to'],
  ['budget_counting', '', 'string', '', 'Counting by which the budget was solved for tokens'],
  ['optimizer', 'optimizer.name', 'string', '', 'Optimiser'],
  ['learning_rate', 'optimizer.learning_rate', 'number', '', 'Peak learning rate'],
  ['beta1', 'optimizer.beta1', 'number', '', 'Decay of the first moment'],
  ['beta2', 'optimizer.beta2', 'number', '', 'Decay of the second moment'],
  ['eps', 'optimizer.eps', 'number', '', "AdamW's epsilon"],
  ['weight_decay', 'optimizer.weight_decay', 'number', '', 'Decoupled weight decay'],
  ['grad_clip', 'optimizer.grad_clip', 'number', '', 'Bound of the global gradient norm; 0 is off'],
  ['schedule', 'schedule.kind', 'string', '', 'Learning-rate schedule'],
  ['warmup_steps', 'schedule.warmup_steps', 'integer', 'steps', 'Linear warmup'],
  ['horizon_steps', 'schedule.horizon_steps', 'integer', 'steps', 'Where the decay ends'],
  ['final_fraction', 'schedule.final_fraction', 'number', '', 'Final rate as a share of the peak'],
  ['init_seed', '', 'integer', '', 'Seed of the parameters'],
  ['data_seed', '', 'integer', '', 'Seed of the batch order'],
  ['val_loss', '', 'number', 'nats/token', 'Final validation loss; empty unless finished'],
  ['val_bpb', '', 'number', 'bits/byte', 'The same in bits a byte of text'],
  ['ood_loss', '', 'number', 'nats/token', 'Final loss on another text (Moby-Dick) in the same tokens'],
  ['ood_bpb', '', 'number', 'bits/byte', 'The same in bits a byte of that text'],
  ['train_loss', '', 'number', 'nats/token', 'Mean training loss of the last logged interval'],
  ['entropy_nats', '', 'number', 'nats/token', 'Exact entropy of the language, where known'],
  ['true_val_loss', '', 'number', 'nats/token', 'Loss of the true distribution on the scored validation tokens'],
  ['train_seconds', '', 'number', 's', 'Time of training without evaluation, over all resumes'],
  ['wall_seconds', '', 'number', 's', 'Time with evaluation, over all resumes'],
  ['tokens_per_second', '', 'number', 'tokens/s', 'Training speed'],
  ['num_resumes', '', 'integer', '', 'Times the run went on from a checkpoint'],
  ['backend', '', 'string', '', 'Backend that trained it'],
  ['device', '', 'string', '', 'Device the backend ran on'],
  ['gpu_name', 'gpu.name', 'string', '', 'GPU that trained it; empty on a CPU'],
  ['gpu_index', 'gpu.index', 'integer', '', "Its place in nvidia-smi's list"],
  ['gpu_driver', 'gpu.driver', 'string', '', 'Version of its driver'],
  ['gpu_memory_mb', 'gpu.memory_mb', 'integer', 'MiB', 'Its memory'],
  ['gpu_compute_capability', 'gpu.compute_capability', 'string', '', 'CUDA compute capability'],
  ['gpu_library', 'gpu.library', 'string', '', 'Libraries that drive it, with their versions'],
  ['matmul_precision', 'matmul_precision', 'string', '', 'float32 or tf32, where the backend can choose'],
  ['corpus', 'corpus.name', 'string', '', 'Corpus'],
  ['corpus_sha256', 'corpus.sha256', 'string', '', 'Checksum of the corpus'],
  ['tokenizer', 'corpus.tokenizer', 'string', '', 'Tokenizer'],
  ['tokenizer_sha256', 'corpus.tokenizer_sha256', 'string', '', 'Checksum of the tokenizer'],
  ['metrics_sha256', 'metrics_sha256', 'string', '', 'Checksum of metrics.jsonl when the run ended'],
  ['git_commit', 'git.commit', 'string', '', 'Commit of the code'],
  ['git_dirty', 'git.dirty', 'boolean', '', 'Tracked files differed from the commit'],
  ['host_platform', 'host.platform', 'string', '', 'Operating system'],
  ['host_arch', 'host.arch', 'string', '', 'Instruction set'],
  ['host_cpu', 'host.cpu', 'string', '', 'Processor'],
  ['host_num_cores', 'host.num_cores', 'integer', 'cores', 'Cores the process may use'],
  ['host_memory_bytes', 'host.memory_bytes', 'integer', 'bytes', 'Memory of the machine or container'],
  ['started_at', '', 'time', 'UTC', 'First start'],
  ['updated_at', '', 'time', 'UTC', 'Last change of the record'],
  ['schema_version', '', 'integer', '', 'Version of the record'],
  ['versions', '', 'json', '', 'Versions of Node, of the lab and of the packages that matter'],
  ['host_env', 'host.env', 'json', '', 'Environment variables that change numbers or speed'],
  ['spec', '', 'json', '', 'The resolved run as planned, data and initialisation included'],
  ['eval_curve', '', 'json', '', 'Evaluations: step, tokens, val_loss'],
]);

/** One row a logged step or evaluation. The first four are the run's, so that rows of a sweep can be told apart. */
export const METRIC_COLUMNS: readonly Column[] = toColumns([
  ['run_id', '', 'string', '', 'Run the row belongs to'],
  ['group', '', 'string', '', 'Block of the study'],
  ['num_params_total', 'num_params.total', 'integer', 'parameters', 'All parameters of the run'],
  ['num_tokens', '', 'integer', 'tokens', 'Training tokens of the whole run'],
  ['kind', '', 'string', '', 'train, or eval for an evaluation'],
  ['step', '', 'integer', 'steps', 'Steps done'],
  ['tokens', '', 'integer', 'tokens', 'Training tokens seen'],
  ['loss', '', 'number', 'nats/token', 'Mean training loss since the last train row, or the validation loss'],
  ['nonfinite', '', 'string', '', 'nan, inf or -inf where the loss was not a number'],
  ['learning_rate', '', 'number', '', 'Learning rate of the step'],
  ['grad_norm', '', 'number', '', 'Global gradient norm before clipping'],
  ['tokens_per_second', '', 'number', 'tokens/s', 'Training speed since the last train row'],
]);

const RUN_FIELDS_OF_METRICS = 4;

const RUN_READERS = toReaders(RUN_COLUMNS);
const METRIC_RUN_READERS = toReaders(METRIC_COLUMNS.slice(0, RUN_FIELDS_OF_METRICS));
const METRIC_READERS = toReaders(METRIC_COLUMNS.slice(RUN_FIELDS_OF_METRICS));

/** The row of a run, in the order of RUN_COLUMNS. Fields that the record lacks are null. */
export const runRow = (record: RunRecord): Row => RUN_READERS.map((reader) => readCell(reader, record));

/** The rows of a run's logged steps, in the order of METRIC_COLUMNS. */
export function* metricRows(record: RunRecord, metrics: Iterable<MetricRow>): Generator<Row> {
  const own = METRIC_RUN_READERS.map((reader) => readCell(reader, record));
  for (const metric of metrics) {
    const row = [...own];
    for (const reader of METRIC_READERS) row.push(readCell(reader, metric));
    yield row;
  }
}

/** The data dictionary of an exported table in Markdown: column, field of the file, type, unit, meaning. */
export function dataDictionary(table: 'runs' | 'metrics'): string {
  const lines = { runs: RUN_COLUMNS, metrics: METRIC_COLUMNS }[table].map(({ name, field, type, unit, meaning }) => {
    return `| \`${name}\` | \`${field}\` | ${type} | ${unit} | ${meaning.replaceAll('|', '\\|')} |`;
  });
  return ['| column | field | type | unit | meaning |', '|---|---|---|---|---|', ...lines].join('\n');
}

/** Where a cell comes from, the path taken apart once. */
interface Reader {
  path: string[];
  isJson: boolean;
}

function toReaders(columns: readonly Column[]): Reader[] {
  return columns.map(({ field, type }) => ({ path: field.split('.'), isJson: type === 'json' }));
}

function readCell({ path, isJson }: Reader, source: object): Cell {
  let value: unknown = source;
  for (const key of path) value = (value as Record<string, unknown> | null | undefined)?.[key];
  if (value === null || value === undefined) return null;
  if (isJson || typeof value === 'object') return JSON.stringify(value);
  return value as string | number | boolean;
}

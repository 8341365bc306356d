/** @file Rules of one run and of one corpus: its heads divide its width, its context holds whole records, its schedule
 * fits into its tokens. Called for every cell of every block with what is known of it; what is not known is not judged.
 */
import { printValue } from './problems.ts';
import type { DataConfig, ModelConfig, TrainConfig } from './schema.ts';
import type { Raw } from './valid.ts';

/** Where something was written: keys and list positions from the root. */
export type Path = (string | number)[];

/** Takes one problem. */
export type Report = (path: Path, problem: string, extra?: { got?: string }) => void;

/** The path at which the first of these dotted keys was written for the run at hand. */
export type Place = (...keys: string[]) => Path;

/** Bits of a zipf-lexicon record. */
const RECORD_BITS = 48;

/** Symbols of a zipf-lexicon record: `48 / log2(alphabet)`. */
function recordLength(alphabet: number): number {
  return RECORD_BITS / Math.log2(alphabet);
}

/** Rules of a data block written at `path`, whose plain form is `raw`. */
export function checkData(data: DataConfig, path: Path, raw: Raw, report: Report): void {
  if (data.corpus === 'zipf-lexicon') {
    const limit = 2 ** RECORD_BITS;
    const extra = data.late_records?.size ?? 0;
    if (data.lexicon_size + extra > limit) {
      report(
        [...path, 'lexicon_size'],
        `more records than ${RECORD_BITS} bits can spell (2^${RECORD_BITS} = ${limit}, late_records included)`,
        { got: printValue(data.lexicon_size + extra) },
      );
    }
    return;
  }
  if (data.tokenizer === 'bpe' && data.vocab_size === undefined) {
    report([...path, 'tokenizer'], 'bpe needs vocab_size, for example 1024', {});
  }
  if (data.tokenizer !== 'bpe' && data.vocab_size !== undefined) {
    report(
      [...path, 'vocab_size'],
      `only the bpe tokenizer has a vocab_size to choose; remove it or use tokenizer: bpe`,
      {
        got: `${data.vocab_size} with tokenizer ${data.tokenizer}`,
      },
    );
  }
  if (data.corpus === 'text' && data.format === 'text' && raw.text_field !== undefined && data.text_field !== 'text') {
    report([...path, 'text_field'], 'only a jsonl file has fields; remove it or use format: jsonl');
  }
}

/** Rules of a run's shape. */
export function checkShape(
  { d_model, n_head, n_ctx }: Partial<ModelConfig>,
  data: DataConfig | undefined,
  place: Place,
  report: Report,
): void {
  if (n_head !== undefined && d_model !== undefined && d_model % n_head !== 0) {
    report(place('model.n_head', 'model.d_model'), `n_head ${n_head} does not divide d_model ${d_model}`);
  }
  if (data?.corpus === 'zipf-lexicon' && n_ctx !== undefined) {
    const length = recordLength(data.alphabet);
    if (n_ctx % length !== 0) {
      const below = Math.floor(n_ctx / length) * length;
      const fits = below === 0 ? `${length}` : `${below} or ${below + length}`;
      report(
        place('model.n_ctx', 'data.alphabet'),
        `n_ctx ${n_ctx} is not a multiple of the record length ${length} (zipf-lexicon with alphabet ${data.alphabet}); ` +
          `use ${fits}`,
      );
    }
  }
}

/** Rules of a run's training. */
export function checkTraining(
  { n_ctx }: Partial<ModelConfig>,
  train: Partial<TrainConfig>,
  data: DataConfig | undefined,
  place: Place,
  report: Report,
): void {
  const { beta1, beta2, schedule, horizon_tokens, num_tokens, warmup, decay_fraction, eval_tokens } = train;
  if (typeof beta2 === 'number' && beta1 !== undefined && beta1 > 0 && beta1 ** 2 >= Math.sqrt(beta2)) {
    report(
      place('train.beta2', 'train.beta1'),
      `AdamW needs beta1^2 < sqrt(beta2) (Kingma & Ba 2015): beta1 ${beta1}, beta2 ${beta2}`,
    );
  }
  if (schedule === 'fixed_cosine') {
    if (horizon_tokens === undefined) {
      report(place('train.schedule'), 'fixed_cosine needs horizon_tokens: the tokens of the longest run');
    } else if (num_tokens !== undefined && num_tokens > horizon_tokens) {
      report(
        place('train.num_tokens', 'train.horizon_tokens'),
        `num_tokens runs beyond horizon_tokens ${horizon_tokens}`,
        {
          got: printValue(num_tokens),
        },
      );
    }
  }
  if (schedule === 'wsd' && typeof warmup === 'object' && 'fraction' in warmup && decay_fraction !== undefined) {
    if (warmup.fraction + decay_fraction > 1) {
      report(
        place('train.decay_fraction', 'train.warmup'),
        `warmup fraction ${warmup.fraction} and decay_fraction ${decay_fraction} make more than the whole run`,
      );
    }
  }
  if (eval_tokens !== undefined && n_ctx !== undefined && eval_tokens < n_ctx) {
    report(place('train.eval_tokens', 'model.n_ctx'), `less than one window of n_ctx ${n_ctx}`, {
      got: printValue(eval_tokens),
    });
  }
  if (data?.corpus === 'zipf-lexicon' && eval_tokens !== undefined && eval_tokens > data.val_tokens) {
    report(
      place('train.eval_tokens', 'data.val_tokens'),
      `more than the validation sample's ${data.val_tokens} tokens`,
      {
        got: printValue(eval_tokens),
      },
    );
  }
}

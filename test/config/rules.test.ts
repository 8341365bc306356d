/** @file Rules that tie several keys of a study together, and what a breach is told. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';

/** The problems of a study made of a `data` block, other top-level lines, and one sweep block's lines. */
function problems({
  data = '{corpus: sotu}',
  top = '',
  sweep,
}: {
  data?: string;
  top?: string;
  sweep: string;
}): string[] {
  const text = `name: x\ndata: ${data}\n${top}sweeps:\n  - name: s\n${sweep.replaceAll(/^/gm, '    ')}\n`;
  try {
    parseConfig([{ name: 'c', text }]);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

const set = (values = '') => `set: {model.d_model: 32, train.num_tokens: 1M${values}}`;
const iso = (values: string) => `isoflop: {budgets: [1e10, 2e10], ${values}}`;

describe('a run', () => {
  it('is accepted as it should be', () => {
    expect(problems({ sweep: set() })).toEqual([]);
    expect(problems({ sweep: iso('sizes: [4k, 8k]') })).toEqual([]);
    expect(problems({ data: '{corpus: zipf-lexicon, alphabet: 4096}', sweep: iso('d_model: [8]') })).toEqual([]);
  });

  it('needs a width and tokens', () => {
    expect(problems({ sweep: 'seeds: [1]' })).toEqual([
      'c:4:5: sweeps.0: no model.d_model for the runs of this block; give it in model, set, grid or list',
      'c:4:5: sweeps.0: no train.num_tokens for the runs of this block; give it in train, set, grid or list',
    ]);
    expect(problems({ sweep: 'list: [{model.d_model: 8, train.num_tokens: 1k}, {model.d_model: 8}]' })).toEqual([
      'c:4:5: sweeps.0: no train.num_tokens for the runs of this block; give it in train, set, grid or list',
    ]);
  });

  it('does not miss what is given wrongly', () => {
    expect(problems({ sweep: 'grid: {model.d_model: [8, x], train.num_tokens: [1k]}' })).toEqual([
      'c:5:31: sweeps.0.grid.model.d_model.1: expected a number, got "x"',
    ]);
  });

  it('has heads that divide its width, checked in every cell', () => {
    expect(
      problems({ top: 'model: {n_head: 3}\n', sweep: 'grid: {model.d_model: [12, 16], train.num_tokens: [1k]}' }),
    ).toEqual(['c:3:17: model.n_head: n_head 3 does not divide d_model 16']);
    expect(problems({ sweep: 'list: [{model.d_model: 16, model.n_head: 5, train.num_tokens: 1k}]' })).toEqual([
      'c:5:46: sweeps.0.list.0.model.n_head: n_head 5 does not divide d_model 16',
    ]);
  });

  it('holds whole records of the synthetic language', () => {
    expect(problems({ data: '{corpus: zipf-lexicon, alphabet: 256}', sweep: set() })).toEqual([
      'c:2:40: data.alphabet: n_ctx 64 is not a multiple of the record length 6 (zipf-lexicon with alphabet 256); use 60 or 66',
    ]);
    expect(problems({ data: '{corpus: zipf-lexicon, alphabet: 8}', sweep: set(', model.n_ctx: 10') })).toEqual([
      'c:5:65: sweeps.0.set.model.n_ctx: n_ctx 10 is not a multiple of the record length 16 (zipf-lexicon with alphabet 8); use 16',
    ]);
  });

  it.each([
    [
      ', train.schedule: fixed_cosine',
      'train.schedule: fixed_cosine needs horizon_tokens: the tokens of the longest run',
    ],
    [
      ', train.schedule: fixed_cosine, train.horizon_tokens: 500k',
      'train.num_tokens: num_tokens runs beyond horizon_tokens 500000, got 1000000',
    ],
    [', train.beta2: .3', 'train.beta2: AdamW needs beta1^2 < sqrt(beta2) (Kingma & Ba 2015): beta1 0.9, beta2 0.3'],
    [
      ', train.schedule: wsd, train.decay_fraction: .9, train.warmup: {fraction: .2}',
      'train.decay_fraction: warmup fraction 0.2 and decay_fraction 0.9 make more than the whole run',
    ],
    [', train.eval_tokens: 32', 'train.eval_tokens: less than one window of n_ctx 64, got 32'],
  ])('training rule: %s', (values, line) => {
    const lines = problems({ sweep: set(values) });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`sweeps.0.set.${line}`);
  });

  it('cannot score more than the validation sample of a language', () => {
    expect(problems({ data: '{corpus: zipf-lexicon, val_tokens: 1k}', sweep: set() })).toEqual([
      "c:2:42: data.val_tokens: more than the validation sample's 1000 tokens, got 32768",
    ]);
  });
});

describe('a corpus', () => {
  it.each([
    ['{corpus: sotu, tokenizer: bpe}', 'c:2:33: data.tokenizer: bpe needs vocab_size, for example 1024'],
    [
      '{corpus: sotu, vocab_size: 512}',
      'c:2:34: data.vocab_size: only the bpe tokenizer has a vocab_size to choose; remove it or use tokenizer: bpe, got 512 with tokenizer live-byte',
    ],
    [
      '{corpus: text, path: a.txt, text_field: body}',
      'c:2:47: data.text_field: only a jsonl file has fields; remove it or use format: jsonl',
    ],
    [
      '{corpus: zipf-lexicon, lexicon_size: 2.8e14, late_records: {share: .1, size: 2T}}',
      'c:2:44: data.lexicon_size: more records than 48 bits can spell (2^48 = 281474976710656, late_records included), got 282000000000000',
    ],
    ['{corpus: sotu, tail: .5}', 'c:2:22: data.tail: unknown key for corpus sotu'],
  ])('%s', (data, line) => {
    expect(problems({ data, sweep: set() })).toEqual([line]);
  });
});

describe('a sweep block', () => {
  it.each([
    [
      'isoflop with neither widths nor sizes',
      iso('flops: exact'),
      'sweeps.0.isoflop: needs either d_model (widths) or sizes (parameter counts), got neither',
    ],
    [
      'isoflop with its own D',
      `${iso('d_model: [8]')}\nset: {train.num_tokens: 1M}`,
      'sweeps.0.set.train.num_tokens: isoflop decides it for every run',
    ],
    [
      'isoflop with a width set',
      `${iso('sizes: [8k]')}\nset: {model.d_model: 8}`,
      'sweeps.0.set.model.d_model: isoflop decides it for every run',
    ],
    [
      'bounds the wrong way round',
      iso('d_model: [8], keep: {min_tokens: 2M, max_tokens: 1M}'),
      'sweeps.0.isoflop.keep.min_tokens: above max_tokens 1000000, got 2000000',
    ],
    ['a budget twice', iso('d_model: [8, 8]'), 'sweeps.0.isoflop.d_model.1: listed twice, got 8'],
    [
      'set and grid of one key',
      'grid: {model.d_model: [8]}\nset: {model.d_model: 8, train.num_tokens: 1M}',
      'sweeps.0.set.model.d_model: set and varied by the grid',
    ],
    [
      'seeds without effect',
      `${set(', train.init_seed: 1, train.data_seed: 1')}\nseeds: [0, 1]`,
      'sweeps.0.seeds: init_seed and data_seed are both fixed',
    ],
    [
      'a budget to exclude without budgets',
      `${set()}\nexclude: [{budget: 1e10}]`,
      'sweeps.0.exclude.0.budget: only the runs of an isoflop block',
    ],
    ['more runs than allowed', `${set()}\nseeds: [0, 1, 2]\nmax_runs: 2`, 'sweeps.0: more runs than max_runs 2'],
  ])('%s', (_, sweep, part) => {
    const lines = problems({ sweep });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(part);
  });
});

describe('values that no run uses', () => {
  it.each([
    ['num_tokens: 1M', iso('d_model: [8]'), 'train.num_tokens: never used'],
    ['num_tokens: 2M', set(), 'train.num_tokens: never used'],
    ['horizon_tokens: 2M', set(), 'train.horizon_tokens: never used'],
    ['decay_fraction: .1', set(), 'train.decay_fraction: never used'],
  ])('train: {%s}', (train, sweep, part) => {
    const lines = problems({ top: `train: {${train}}\n`, sweep });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(part);
  });
});

describe('a claim', () => {
  const claim = (fields: string, ours: string) =>
    problems({
      sweep: set(),
      top: `claims: [{name: x, statement: x, source: x, ${fields}, ours: [{group: s, ${ours}}]}]\n`,
    }).map((problem) => problem.replace(/^c:\d+:\d+: claims\.0\.?/, ''));
  const line = 'approach: line, along: N, quantity: bend';

  it('is accepted with each kind of fit', () => {
    for (const [fields, ours] of [
      ['kind: number, value: .5, margin: .05', 'quantity: b'],
      ['kind: form, margin: .02', line],
      ['kind: form, margin: .02', `${line}, rows: curves, floor: exact`],
      ['kind: direction', 'approach: critical_batch, quantity: growth'],
      ['kind: direction', 'rows: curves, critical_batch: s'],
      [
        'kind: constant, value: .1',
        'approach: 3, law: kaplan_ns, rows: curves, critical_batch: s, quantity: stop_above',
      ],
      ['kind: constant, value: .1', 'approach: 3, law: kaplan_nd, quantity: alpha_D'],
      ['kind: constant, value: .05', 'approach: line, along: C, rows: curves, critical_batch: s, quantity: slope'],
    ]) {
      expect(claim(fields!, ours!)).toEqual([]);
    }
  });

  it.each([
    ['kind: form', line, ': a claim of kind form needs margin, the difference that no longer counts as equal'],
    [
      'kind: form, margin: .02',
      'approach: line, along: N, quantity: slope',
      'ours.0.quantity: a claim of kind form is about a bend, got "slope"',
    ],
    ['kind: direction', 'approach: line, quantity: bend', 'ours.0: a line needs along, the variable: N, D or C'],
    ['kind: direction', 'quantity: E', 'ours.0.quantity: approach 2 gives a, b, got "E"'],
    [
      'kind: direction',
      'approach: 3, quantity: slope',
      'ours.0.quantity: chinchilla gives a, b, E, alpha, beta, got "slope"',
    ],
    [
      'kind: direction',
      'approach: 3, law: kaplan_nd, quantity: a',
      'ours.0.quantity: kaplan_nd gives alpha_N, alpha_D, got "a"',
    ],
    ['kind: direction', 'along: N', 'ours.0.along: it belongs to approach line, got 2'],
    ['kind: direction', 'floor: exact', 'ours.0.floor: it belongs to approach line and to kaplan_ns, got 2'],
    [
      'kind: direction',
      'approach: 1, rows: curves',
      'ours.0.rows: curves are read by approach 2, line and kaplan_ns only, got 1',
    ],
    [
      'kind: direction',
      'critical_batch: s',
      'ours.0.critical_batch: C_min and S_min are of approach 2 and of a line along C with rows curves, and of kaplan_ns, got 2',
    ],
    [
      'kind: direction',
      'rows: curves, critical_batch: t',
      'ours.0.critical_batch: no block of that name; there are s, got t',
    ],
  ])('is refused where it asks what its fit does not give: %s, %s', (fields, ours, problem) => {
    expect(claim(fields, ours)).toEqual([problem]);
  });
});

/** @file Reading study files: defaults, suffixes, problems reported together at their places, hostile YAML. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/config.ts';
import { LabError } from '../../src/lib/errors.ts';

/** A small valid study; `more` is appended. */
const study = (more = '') => `name: small
data:
  corpus: sotu
sweeps:
  - name: only
    set: {model.d_model: 16, train.num_tokens: 100k}
${more}`;

const parse = (text: string, sets: string[] = []) => parseConfig([{ name: 'c.yaml', text }], sets).config;

/** The lines of the error that a text or file list gives. */
function linesOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).exit).toBe('usage');
    return (error as LabError).message.split('\n');
  }
  throw new Error('no error was thrown');
}
const problems = (text: string, sets: string[] = []) => linesOf(() => parse(text, sets));

describe('a valid study', () => {
  it('fills in defaults and reads suffixes exactly', () => {
    const config = parse(study('train: {horizon_tokens: 1.1M, schedule: fixed_cosine, eval_tokens: 64k}\n'));
    expect(config.model).toMatchObject({ n_layer: 2, n_ctx: 64, d_head: 16 });
    expect(config.train.horizon_tokens).toBe(1_100_000);
    expect(config.train.eval_tokens).toBe(64_000);
    expect(config.sweeps[0]?.set).toEqual({ 'model.d_model': 16, 'train.num_tokens': 100_000 });
    expect(config.sweeps[0]?.seeds).toEqual([0]);
  });

  it.each([
    ['1e6', 1e6],
    ['2M', 2e6],
    ['1.5B', 1.5e9],
    ['64k', 64_000],
    ['1.28T', 1.28e12],
    ['300', 300],
  ])('reads the count %s', (text, value) => {
    expect(parse(study(`fit: {min_tokens: ${text}}\n`)).fit.min_tokens).toBe(value);
  });

  it('reads a byte order mark and CRLF', () => {
    expect(parse(`\uFEFF${study().replaceAll('\n', '\r\n')}`).name).toBe('small');
  });

  it('follows an anchor', () => {
    const config = parse(
      study('  - name: second\n    set: &s {model.d_model: 8, train.num_tokens: 1M}\n  - {name: third, set: *s}\n'),
    );
    expect(config.sweeps[2]?.set).toEqual(config.sweeps[1]?.set);
  });
});

describe('several problems', () => {
  it('are all reported at once, each at its place', () => {
    const text = `name: Ten Errors
backnd: wasm
data:
  corpus: zipf-lexicn
model:
  n_layer: 2.5
  n_head: 3
  d_model: 32
  tie_embeddings: "no"
train:
  num_tokens: 2 M
  learning_rate: pilto
  lr: 3
  warmup: {fractoin: .1}
  beta2: 1.5
sweeps:
  - name: a
    set: {model.d_modl: 8, data.tail: 3}
    seeds: [0, 0]
  - name: a
    isoflop: {budgets: [1e10], flops: six_n, d_model: [8], sizes: [3k]}
    grid: {model.d_model: [8, 12.5]}
  - name: c
    data: {corpus: sotu, tokenizer: bpe}
    list:
      - {model.d_model: 32, train.learning_rate: lexikon}
fit:
  cluster: size
`;
    expect(problems(text)).toEqual([
      'c.yaml:1:7: name: expected lower-case letters, digits, - and _, got "Ten Errors"',
      'c.yaml:2:1: backnd: unknown key, did you mean backend?',
      'c.yaml:4:11: data.corpus: expected one of zipf-lexicon, sotu, text, got "zipf-lexicn", did you mean zipf-lexicon?',
      'c.yaml:6:12: model.n_layer: expected a whole number, got 2.5',
      'c.yaml:7:11: model.n_head: n_head 3 does not divide d_model 32',
      'c.yaml:9:19: model.tie_embeddings: expected true or false, got "no"',
      'c.yaml:11:15: train.num_tokens: expected a count: a whole number, or one with a suffix k, M, B or T (2M), got "2 M"',
      'c.yaml:12:18: train.learning_rate: expected a number above 0, or one of the recipes pilot, lexicon, tuned_lexicon, porian, kaplan, got "pilto", did you mean pilot?',
      'c.yaml:13:3: train.lr: unknown key, did you mean learning_rate?',
      'c.yaml:14:11: train.warmup: expected {steps: n}, {tokens: n}, {fraction: x} or one of the recipes params, kaplan, got {"fractoin":0.1}, did you mean fraction?',
      'c.yaml:15:10: train.beta2: must be below 1, got 1.5',
      'c.yaml:18:11: sweeps.0.set.model.d_modl: unknown key, did you mean model.d_model?',
      "c.yaml:18:28: sweeps.0.set.data.tail: the corpus cannot vary inside a block; give the block its own 'data'",
      'c.yaml:19:16: sweeps.0.seeds.1: listed twice, got 0',
      'c.yaml:20:11: sweeps.1.name: the name of sweeps.0 too; names must differ, got "a"',
      'c.yaml:21:14: sweeps.1.isoflop: at most one of grid, list and isoflop; this block has grid and isoflop',
      'c.yaml:21:14: sweeps.1.isoflop: needs either d_model (widths) or sizes (parameter counts), got both',
      'c.yaml:21:39: sweeps.1.isoflop.flops: expected one of six_n_total, six_n_non_embedding, exact, got "six_n"',
      'c.yaml:22:31: sweeps.1.grid.model.d_model.1: expected a whole number, got 12.5',
      'c.yaml:24:37: sweeps.2.data.tokenizer: bpe needs vocab_size, for example 1024',
      'c.yaml:26:50: sweeps.2.list.0.train.learning_rate: expected a number above 0, or one of the recipes pilot, lexicon, tuned_lexicon, porian, kaplan, got "lexikon", did you mean lexicon?',
      'c.yaml:28:12: fit.cluster: expected one of sizes, runs, got "size", did you mean sizes?',
    ]);
  });

  it('name what is missing at the enclosing place', () => {
    expect(problems('seed: 1\n')).toEqual([
      'c.yaml:1:1: data: missing; expected a mapping (key: value)',
      'c.yaml:1:1: name: missing; expected a text',
      'c.yaml:1:1: sweeps: missing; expected a list',
    ]);
    expect(problems('name: a\ndata: {tail: 1}\nsweeps: []\n')).toEqual([
      'c.yaml:2:7: data.corpus: missing; expected one of zipf-lexicon, sotu, text',
      'c.yaml:3:9: sweeps: must not be empty, got an empty list',
    ]);
  });

  it('keep their number readable', () => {
    const keys = Array.from({ length: 300 }, (_, i) => `zz${i}: 1`).join('\n');
    const lines = problems(study(keys));
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('... and 200 more problems');
  });
});

describe('hostile YAML', () => {
  const bomb = [...'bcdefghi'].reduce(
    (text, name, i) => `${text}${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]\n`,
    'a: &a [x, x, x, x, x, x, x, x, x, x]\n',
  );

  it.each([
    ['an empty file', '', ['c.yaml:1:1: the file is empty']],
    ['comments only', '# nothing\n', ['c.yaml:1:1: the file is empty']],
    ['a list', '- a\n', ['c.yaml:1:1: a study is a mapping (key: value), got a list']],
    ['a scalar', '42\n', ['c.yaml:1:1: a study is a mapping (key: value), got a single value']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['c.yaml:2:1: several documents in one file (a line ---); give one']],
    ['a duplicate key', 'seed: 1\nseed: 2\n', ['c.yaml:2:1: duplicate key seed; each key may be given once']],
    ['a tag', 'name: !!js/function "x"\n', ['c.yaml:1:7: tags (!name) have no meaning in a config; remove it']],
    ['a mapping as key', '? {a: 1}\n: 2\n', ['c.yaml:1:3: a key must be a plain name']],
    ['an alias to itself', 'a: &a\n  b: *a\n', ['c.yaml:2:3: nested more than 32 levels deep']],
    ['an unknown alias', 'a: *b\n', ['c.yaml:1:4: unknown alias *b']],
    ['an alias bomb', bomb, ['c.yaml:1:14: more than 20000 values; aliases that multiply count each time']],
  ])('%s', (_, text, lines) => {
    expect(problems(text)).toEqual(lines);
  });

  it('a tab as indent, and deep nesting', () => {
    expect(problems('name: x\n\tseed: 1\n')[0]).toBe(
      'c.yaml:2:1: a tab where spaces are needed; YAML indents with spaces',
    );
    expect(problems(`a: ${'['.repeat(20000)}${']'.repeat(20000)}`)[0]).toMatch(
      /^c\.yaml:1:\d+: nested more than 32 levels deep$/,
    );
  });

  it('keys that could reach a prototype', () => {
    const text = study(
      'model: {__proto__: {n_layer: 9}, constructor: 1, prototype: 2, toString: 3}\n__proto__: {polluted: 1}\n',
    );
    expect(problems(text)).toEqual([
      'c.yaml:7:9: model.__proto__: unknown key',
      'c.yaml:7:34: model.constructor: unknown key',
      'c.yaml:7:50: model.prototype: unknown key',
      'c.yaml:7:64: model.toString: unknown key',
      'c.yaml:8:1: __proto__: unknown key',
    ]);
    expect(problems(study(), ['__proto__.polluted=1', 'sweeps.0.set.__proto__=1'])).toHaveLength(2);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('numbers that are none', () => {
    expect(problems(study('seed: .inf\nmodel: {init_std: .nan}\ntrain:\nfit: {bootstrap: 1e400}\n'))).toEqual([
      'c.yaml:7:7: seed: expected a number, got Infinity',
      'c.yaml:8:19: model.init_std: expected a number, got NaN',
      'c.yaml:9:7: train: expected a mapping (key: value), got nothing',
      'c.yaml:10:18: fit.bootstrap: expected a number, got Infinity',
    ]);
  });

  it('a grid of millions is refused without being made', () => {
    const widths = Array.from({ length: 3000 }, (_, i) => i + 1).join(',');
    const tokens = Array.from({ length: 3000 }, (_, i) => 1000 * (i + 1)).join(',');
    const text = `name: big\ndata: {corpus: sotu}\nsweeps:\n  - name: a\n    grid: {model.d_model: [${widths}], train.num_tokens: [${tokens}]}\n`;
    expect(problems(text)).toEqual([
      'c.yaml:4:5: sweeps.0: more runs than max_runs 10000; make the block smaller or raise max_runs, got 9000000 runs',
    ]);
  });
});

describe('several sources', () => {
  const merged = (over: string, sets: string[] = [], base = study('model: {n_layer: 3, n_ctx: 32}\n')) =>
    parseConfig(
      [
        { name: 'a.yaml', text: base },
        { name: 'b.yaml', text: over },
      ],
      sets,
    ).config;

  it('merge mappings and replace lists, left to right', () => {
    const config = merged('name: over\nmodel: {n_ctx: 16}\n');
    expect(config.name).toBe('over');
    expect(config.model).toMatchObject({ n_layer: 3, n_ctx: 16 });
    expect(merged('sweeps: [{name: b, set: {model.d_model: 8, train.num_tokens: 5k}}]\n').sweeps).toHaveLength(1);
  });

  it('replace blocks whose keys exclude each other', () => {
    const base = study('train: {warmup: {fraction: .1}}\n');
    expect(merged('train: {warmup: {steps: 5}}\ndata: {corpus: zipf-lexicon, tail: 1}\n', [], base)).toMatchObject({
      train: { warmup: { steps: 5 } },
      data: { corpus: 'zipf-lexicon', tail: 1 },
    });
    expect(merged('seed: 1\n', ['train.warmup.tokens=2k'], base).train.warmup).toEqual({ tokens: 2000 });
  });

  it('report each problem in its own source', () => {
    const run = () => merged('model: {n_head: 5}\nfoo: 1\n', ['train.eval_tokens=abc']);
    expect(linesOf(run)).toEqual([
      'b.yaml:1:17: model.n_head: n_head 5 does not divide d_model 16',
      'b.yaml:2:1: foo: unknown key',
      '--set train.eval_tokens=abc: train.eval_tokens: expected a count: a whole number, or one with a suffix k, M, B or T (2M), got "abc"',
    ]);
  });
});

describe('--set', () => {
  it('reads YAML values, list positions and dotted keys of a block', () => {
    const config = parse(study(), [
      'sweeps.0.seeds=[0, 1]',
      'sweeps.0.set.train.num_tokens=2M',
      'train.warmup={steps: 10}',
      'sweeps.1={name: b, list: [{model.d_model: 8, train.num_tokens: 1k}]}',
      'sweeps.1.list.0.model.d_model=12',
    ]);
    expect(config.sweeps[0]).toMatchObject({ seeds: [0, 1], set: { 'model.d_model': 16, 'train.num_tokens': 2e6 } });
    expect(config.train.warmup).toEqual({ steps: 10 });
    expect(config.sweeps[1]?.list).toEqual([{ 'model.d_model': 12, 'train.num_tokens': 1000 }]);
  });

  it.each([
    ['foo', '--set foo: expected path=value, as in train.num_tokens=2M'],
    ['=3', '--set =3: expected path=value, as in train.num_tokens=2M'],
    ['a..b=1', '--set a..b=1: expected path=value, as in train.num_tokens=2M'],
    ['seed=', '--set seed=: no value is given'],
    ['seed=[1', '--set seed=[1: not valid YAML: flow sequence must end with a ]'],
    ['train.lr=3', '--set train.lr=3: train.lr: unknown key, did you mean learning_rate?'],
    ['d_model=8', '--set d_model=8: d_model: unknown key, did you mean model.d_model?'],
    ['sweeps.5.name=x', '--set sweeps.5.name=x: sweeps.5.name: no entry 5: the list has entries 0 to 0'],
    ['sweeps.x.name=x', '--set sweeps.x.name=x: sweeps.x.name: no entry x: the list has entries 0 to 0'],
    [
      'sweeps.0.set.model.d_modl=3',
      '--set sweeps.0.set.model.d_modl=3: sweeps.0.set.model.d_modl: unknown key, did you mean model.d_model?',
    ],
  ])('refuses %s', (set, line) => {
    expect(problems(study(), [set])).toEqual([line]);
  });
});

describe('files', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'config-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('that are missing, folders, too large or not text are named', () => {
    const bad = ['none.yaml', 'folder', 'binary.yaml', 'large.yaml'].map((name) => join(dir, name));
    mkdirSync(bad[1]!);
    writeFileSync(bad[2]!, Buffer.from([0xff, 0xfe, 0, 1]));
    writeFileSync(bad[3]!, '#'.repeat(2 << 20));
    expect(linesOf(() => loadConfig(bad))).toEqual([
      `${bad[0]}: no such file`,
      `${bad[1]}: a folder, not a config file`,
      `${bad[2]}: not UTF-8 text`,
      `${bad[3]}: 2097152 bytes: too large for a config file`,
    ]);
  });

  it('give corpus paths relative to themselves, --set relative to the working folder', () => {
    const file = join(dir, 'c.yaml');
    writeFileSync(file, study().replace('corpus: sotu', 'corpus: text\n  path: ../mine.txt'));
    expect(loadConfig([file]).config.data).toMatchObject({ path: join(dir, '..', 'mine.txt') });
    expect(loadConfig([file], ['data.path=mine.txt']).config.data).toMatchObject({ path: 'mine.txt' });
  });
});

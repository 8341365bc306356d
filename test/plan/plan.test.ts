/** @file From a study to runs with every number resolved: grids, isoFLOP budgets, seeds, notes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig, runHash } from '../../src/config/config.ts';
import { formatPlan, type Plan, planStudy } from '../../src/plan/plan.ts';
import { factsOf, studyOf } from './facts.ts';

const plan = (sweep: string, rest = {}): Plan => planStudy(studyOf(sweep, rest), factsOf);
const run = (sweep: string, rest = {}) => plan(sweep, rest).runs[0]!;
const one = (values = '') => `set: {model.d_model: 16, train.num_tokens: 102400, train.batch_tokens: 512${values}}`;

describe('one run', () => {
  it('has every number resolved', () => {
    const { runs, totals, dropped, duplicates, warnings } = plan(one());
    expect(runs).toHaveLength(1);
    const { spec, ...rest } = runs[0]!;
    expect(spec).toMatchObject({
      model: { n_layer: 2, n_head: 1, d_model: 16, d_ff: 64, n_ctx: 64, vocab_size: 64 },
      batch_size: 8,
      num_steps: 200,
      num_tokens: 102400,
      optimizer: { learning_rate: 0.0125, beta2: 0.95 },
      schedule: { kind: 'cosine', warmup_steps: 4, horizon_steps: 200, decay_steps: 0, final_fraction: 0.02 },
      eval: { eval_tokens: 32768, num_evals: 12 },
      init_seed: 0,
      data_seed: 0,
    });
    expect(rest).toMatchObject({
      config_hash: runHash(spec),
      run_id: `s-d16-${runHash(spec).slice(0, 10)}`,
      sweep: 'x',
      group: 's',
      budget_flops: null,
      budget_counting: null,
      budget_error: null,
      estimated_minutes: null,
      entropy_nats: 0.40226,
      corpus_name: 'zipf-lexicon',
      tokenizer_name: 'none',
      notes: [],
    });
    expect(rest.flops.six_n_total).toBe(6 * rest.num_params.total * 102400);
    expect(totals).toMatchObject({ num_runs: 1, num_tokens: 102400, estimated_minutes: null, num_unmeasured: 1 });
    expect([dropped, duplicates, warnings]).toEqual([[], [], []]);
  });

  it.each([
    ['{steps: 7}', 7],
    ['{tokens: 5120}', 10],
    ['{fraction: .25}', 50],
    // N without embeddings but with head: 2 x 12 x 16^2 + 64 x 16 = 7,168 tokens of 512 a step.
    ['params', 14],
  ])('warmup %s is %i steps', (warmup, steps) => {
    expect(run(one(`, train.warmup: ${warmup}`)).spec.schedule.warmup_steps).toBe(steps);
  });

  it('schedules in steps', () => {
    expect(run(one(', train.schedule: wsd, train.decay_fraction: .3')).spec.schedule).toMatchObject({
      decay_steps: 60,
      horizon_steps: 200,
    });
    expect(run(one(', train.schedule: fixed_cosine, train.horizon_tokens: 1024000')).spec.schedule.horizon_steps).toBe(
      2000,
    );
  });

  it('seeds both streams with the run seed, unless one is fixed', () => {
    const seeds = (values: string) =>
      plan(`${one(values)}\nseeds: [3, 4]`).runs.map(({ spec }) => [spec.init_seed, spec.data_seed]);
    expect(seeds('')).toEqual([
      [3, 3],
      [4, 4],
    ]);
    expect(seeds(', train.data_seed: 9')).toEqual([
      [3, 9],
      [4, 9],
    ]);
  });

  it('notes what rounding, warmup and a short corpus change', () => {
    const sotu = { data: '{corpus: sotu}' };
    expect(run('set: {model.d_model: 8, train.num_tokens: 1000, train.batch_tokens: 256}').notes).toEqual([
      'num_tokens 1000 rounded to 1024: whole steps of 4 x 64 tokens',
    ]);
    expect(run(one(', train.warmup: {steps: 200}')).notes).toEqual([
      'warmup of 200 steps does not end within the run of 200',
    ]);
    expect(run(one(', train.eval_tokens: 1M'), sotu).notes).toEqual([
      'scores 131008 validation tokens, not 1000000: there are 131072',
    ]);
    const repeated = plan('set: {model.d_model: 8}\ngrid: {train.num_tokens: [20M, 50M]}', sotu);
    expect(repeated.runs.map(({ notes }) => notes)).toEqual([
      ['repeats its 10M unique tokens: 2.0 epochs'],
      ['repeats its 10M unique tokens: 5.0 epochs, more than 4: the loss is no longer that of fresh tokens'],
    ]);
    expect(repeated.warnings).toEqual([
      '2 runs repeat their tokens, up to 5.0 epochs; beyond 4 epochs the loss is no longer that of fresh tokens',
    ]);
  });

  it('repeats a part of its tokens where it is told to, in whole windows, and has another name for it', () => {
    const sotu = { data: '{corpus: sotu}' };
    const part = run(one(', train.unique_tokens: 10050'), sotu);
    expect(part.spec.unique_tokens).toBe(157 * 64);
    expect(part.unique_tokens).toBe(157 * 64);
    expect(part.notes[0]).toMatch(/^repeats its 10k unique tokens: .* epochs/);
    const whole = run(one(), sotu);
    expect(whole.spec).not.toHaveProperty('unique_tokens');
    expect(whole.config_hash).not.toBe(part.config_hash);
    expect(run(one(', train.unique_tokens: 10050')).unique_tokens).toBe(157 * 64);
    const more = run(one(', train.unique_tokens: 20M'), sotu);
    expect(more.notes).toEqual(['takes all 10000000 unique tokens of the corpus, not 20000000']);
    expect(more.config_hash).toBe(whole.config_hash);
    expect(() => run(one(', train.unique_tokens: 63'), sotu)).toThrow(
      'unique_tokens 63 is less than one window of n_ctx 64',
    );
  });

  it('counts live parameters by the tokens that occur', () => {
    const { num_params } = run(one(), { data: '{corpus: sotu, tokenizer: byte}' });
    expect(num_params.total - num_params.live).toBe(2 * (256 - 102) * 16);
  });

  it('estimates minutes from a measured speed', () => {
    const config = studyOf(one());
    const { runs, totals } = planStudy(config, factsOf, { tokens_per_second: () => 1024 });
    expect(runs[0]?.estimated_minutes).toBeCloseTo(100 / 60, 12);
    expect(totals.num_unmeasured).toBe(0);
    expect(planStudy(config, factsOf, { tokens_per_second: () => 0 }).totals.num_unmeasured).toBe(1);
  });
});

describe('a plan', () => {
  it('multiplies a grid, the last key fastest, then seeds', () => {
    const { runs } = plan('grid: {model.d_model: [8, 16], train.num_tokens: [100k, 200k]}\nseeds: [0, 1]');
    expect(runs.map(({ spec }) => [spec.model.d_model, Math.round(spec.num_tokens / 1e5), spec.init_seed])).toEqual([
      [8, 1, 0],
      [8, 1, 1],
      [8, 2, 0],
      [8, 2, 1],
      [16, 1, 0],
      [16, 1, 1],
      [16, 2, 0],
      [16, 2, 1],
    ]);
  });

  it('names runs by what they are, not by their place', () => {
    const ids = (widths: string) =>
      plan(`grid: {model.d_model: [${widths}], train.num_tokens: [100k]}`).runs.map(({ run_id }) => run_id);
    expect(ids('16, 8').sort()).toEqual(ids('8, 16').sort());
    expect(new Set(ids('8, 12, 16, 20')).size).toBe(4);
  });

  it('plans a run once and lists what came to the same', () => {
    const { runs, duplicates } = plan(
      'list:\n  - {model.d_model: 8, train.num_tokens: 100k}\n  - {model.d_model: 8, train.num_tokens: 100k, model.d_ff: 32}',
    );
    expect(runs).toHaveLength(1);
    expect(duplicates).toEqual([{ run_id: runs[0]?.run_id, cell: 'd_model 8, d_ff 32, num_tokens 100000, seed 0' }]);
  });

  it('says when two groups train the same run', () => {
    const config = studyOf(`${one()}`);
    const twice = { ...config, sweeps: [config.sweeps[0]!, { ...config.sweeps[0]!, name: 't' }] };
    const { runs, warnings } = planStudy(twice, factsOf);
    expect(runs).toHaveLength(2);
    expect(warnings).toEqual([
      `${runs[1]?.run_id} is the same run as ${runs[0]?.run_id} in another group; both are trained`,
    ]);
  });

  it('leaves out what exclude matches, by resolved values, and says when an entry matches nothing', () => {
    const { runs, dropped, warnings } = plan(
      'isoflop: {budgets: [1e10, 2e10], d_model: [8, 16, 32]}\nseeds: [0, 1]\n' +
        'exclude: [{budget: 10G, model.d_model: 32}, {model.n_head: 2, budget: 2e10}, {model.d_model: 12}]',
    );
    expect(runs).toHaveLength(8);
    expect(dropped).toEqual([
      { group: 's', cell: 'budget 1e10, d_model 32', reason: 'matches exclude.0', num_runs: 2 },
      { group: 's', cell: 'budget 2e10, d_model 32', reason: 'matches exclude.1', num_runs: 2 },
    ]);
    expect(warnings).toEqual([
      'sweep s: exclude.2 matches no run',
      'sweep s: budget 1e10 has 2 sizes, a parabola wants 4 at least',
      'sweep s: budget 2e10 has 2 sizes, a parabola wants 4 at least',
    ]);
  });

  it('drops cells outside keep and counts them', () => {
    const { runs, dropped } = plan(
      'isoflop: {budgets: [1e10], d_model: [8, 12, 16, 32], keep: {min_tokens_per_param: 3, max_tokens: 500k}}',
    );
    expect(runs.map(({ spec }) => spec.model.d_model)).toEqual([12, 16]);
    expect(dropped.map(({ reason }) => reason)).toEqual([
      '529k tokens > max_tokens 500k',
      '1.73 tokens a parameter < min_tokens_per_param 3',
    ]);
  });

  it('names every cell that cannot be planned, and blocks that are too large', () => {
    expect(() => plan('isoflop: {budgets: [1e6, 2e6, 1e10], d_model: [8, 32]}')).toThrow(
      /^sweep s, budget 1e6, d_model 8: the budget buys 52 tokens, less than one step of 4 x 64 tokens; .*\nsweep s, budget 1e6, d_model 32: .*\nsweep s, budget 2e6, d_model 8: .*\nsweep s, budget 2e6, d_model 32: [^\n]*$/,
    );
    expect(() => plan('set: {model.d_model: 8, train.num_tokens: 100}')).toThrow(
      'sweep s, its one run: num_tokens 100 is less than one step of 4 x 64 tokens',
    );
    expect(() => plan('isoflop: {budgets: [1e10], sizes: [4k, 100M, 1k]}')).toThrow(
      /size 100M: invalid isoflop.sizes: 100000000 parameters lie outside the ladder, 3152 \(d_model 8\) to 6\d{5} \(d_model 160\)[^\n]*\n[^\n]*size 1k/,
    );
    expect(() => plan(`${one()}\nseeds: [0, 1, 2]\nmax_runs: 2\nexclude: [{train.init_seed: 5}]`)).toThrow(
      'sweep s: 3 runs are more than max_runs 2',
    );
    expect(() => plan(`${one()}\nexclude: [{model.d_model: 16}]`)).toThrow(
      'study x: every run was excluded or dropped',
    );
    expect(() => planStudy(studyOf(one()), (data) => ({ ...factsOf(data), val_tokens: 64 }))).toThrow(
      'the validation set has 64 tokens, less than one window of n_ctx 64',
    );
  });

  it('asks for the facts of a corpus once', () => {
    const asked: string[] = [];
    const { config } = loadConfig(['configs/quickstart.yaml']);
    planStudy(config, (data) => {
      asked.push(data.corpus);
      return factsOf(data);
    });
    expect(asked).toEqual(['zipf-lexicon', 'sotu']);
  });
});

describe('budgets', () => {
  const countings = ['six_n_total', 'six_n_non_embedding', 'exact'] as const;

  it('are met within 1%, or the run says why not', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 8, max: 13, noNaN: true }).map((x) => Math.round(10 ** x)),
        fc.constantFrom(8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160),
        fc.constantFrom(...countings),
        fc.constantFrom('pilot', 'porian', '256', '512', '1000', '4096'),
        (budget, d_model, flops, batch) => {
          const sweep =
            `isoflop: {budgets: [${budget}], d_model: [${d_model}], flops: ${flops}}\n` +
            `set: {train.batch_tokens: ${batch}}`;
          let found: Plan;
          try {
            found = plan(sweep);
          } catch (error) {
            expect((error as Error).message).toMatch(/the budget buys \d+ tokens, less than one step/);
            return;
          }
          const { spec, flops: planned, budget_error, notes, budget_flops, budget_counting } = found.runs[0]!;
          const miss = planned[flops] / budget - 1;
          expect(budget_error).toBeCloseTo(miss, 9);
          if (Math.abs(miss) > 0.01) expect(notes.join()).toContain('misses the budget');
          expect(spec.num_tokens).toBe(spec.num_steps * spec.batch_size * spec.model.n_ctx);
          expect(spec.num_steps).toBeGreaterThanOrEqual(1);
          expect([budget_flops, budget_counting]).toEqual([budget, flops]);
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });

  it('change the batch only where rounding to steps misses', () => {
    // 3152 parameters: 20,000 tokens fill 39.06 steps of 512, 10,000 fill 19.53.
    const meet = (tokens: number) =>
      run(`isoflop: {budgets: [${6 * 3152 * tokens}], d_model: [8]}\nset: {train.batch_tokens: 512}`);
    expect(meet(20_000)).toMatchObject({ spec: { batch_size: 8, num_steps: 39 }, notes: [] });
    expect(meet(10_000)).toMatchObject({
      spec: { batch_size: 6, num_steps: 26 },
      notes: ['batch of 6 sequences in place of 8: 26 whole steps meet the budget'],
    });
  });
});

describe('the plan of a study of two blocks', () => {
  // Run ids are hashes of the resolved specs: when they change here, every finished run of every study is orphaned.
  const text = `name: pinned
data: {corpus: zipf-lexicon}
train: {eval_tokens: 16384, num_evals: 8}
sweeps:
  - name: lexicon
    set: {train.batch_tokens: 512, train.learning_rate: lexicon}
    isoflop: {budgets: [1e10, 2e10], sizes: [3k, 6k, 9k, 30k], keep: {min_tokens_per_param: 3}}
  - name: sotu
    data: {corpus: sotu}
    set: {train.num_tokens: 800k}
    grid: {model.d_model: [8, 24]}
    seeds: [0, 1]
`;
  const { config } = parseConfig([{ name: 'pinned.yaml', text }]);
  const planned = planStudy(config, factsOf);

  it('is as it was, in print', () => {
    expect(formatPlan(planned)).toMatchSnapshot();
  });

  it('is as it was, one run in full', () => {
    expect(planned.runs.at(-1)).toMatchSnapshot();
  });
});

/** @file `fit` and `predict` as commands, in this process: every procedure prints what it is asked for, warnings first,
 * and every refusal has its exit code.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { makeRecord, makeSweepFolder, temporaryFolder } from '../support/run-record.ts';

const TRUTH = { E: 1.5, A: 20, B: 30, alpha: 0.4, beta: 0.35 };
const law = (N: number, D: number): number => TRUTH.E + TRUTH.A / N ** TRUTH.alpha + TRUTH.B / D ** TRUTH.beta;
/** A wiggle instead of noise: the same everywhere. */
const wiggle = (i: number): number => 1 + 0.003 * Math.sin(7.3 * i);

/** A table of isoFLOP runs: 5 budgets, 9 sizes. */
function table(): string {
  const rows = [1e12, 3e12, 1e13, 3e13, 1e14].flatMap((C, b) =>
    Array.from({ length: 9 }, (_, j) => {
      const N = 3.5e5 * (C / 1e13) ** 0.467 * 1.4 ** (j - 4);
      const D = C / (6 * N);
      return [N, D, law(N, D) * wiggle(9 * b + j)].join(',');
    }),
  );
  const file = join(temporaryFolder(), 'points.csv');
  writeFileSync(file, `N,D,L\n${rows.join('\n')}\n`);
  return file;
}

/** The folder of a study: 6 sizes, 5 horizons, each with a learning curve, one run diverged. */
function folder({ kind = 'cosine' } = {}): string {
  const runs = [12, 18, 26, 40, 60, 90].flatMap((d_model, i) =>
    [2e5, 4e5, 8e5, 1.6e6, 3.2e6].map((num_tokens, j) => {
      const transformer = 24 * d_model ** 2;
      const embedding = 64 * d_model;
      const total = transformer + 2 * embedding;
      const loss = (D: number) => law(total, D) * wiggle(5 * i + j);
      const { num_params, flops, ...record } = makeRecord();
      return {
        ...record,
        run_id: `d${d_model}-${j}`,
        num_params: {
          ...num_params,
          total,
          non_embedding: transformer,
          non_embedding_head: transformer + embedding,
          live: total,
        },
        num_tokens,
        flops: { ...flops, exact: 6 * num_tokens * (transformer + embedding + 2000) },
        budget_flops: null,
        budget_counting: null,
        num_steps: 1000,
        schedule: { kind, warmup_steps: 20, horizon_steps: 1000, final_fraction: 0.02 },
        val_loss: loss(num_tokens),
        eval_curve: [10, 50, 100, 200, 400, 700, 1000].map((step) => {
          const tokens = (num_tokens * step) / 1000;
          // Above the loss of a run that ends there, until the rate has decayed.
          return { step, tokens, val_loss: loss(tokens) * (kind === 'cosine' ? 1.05 - 0.05 * (step / 1000) : 1) };
        }),
      };
    }),
  );
  const diverged = { ...makeRecord({ run_id: 'lost', status: 'diverged', val_loss: null }) };
  return makeSweepFolder([...runs, diverged]);
}

describe('fit by approach 3', () => {
  it('prints warnings first, the law with numbers, a table, exponents beside the published ones and a plot', async () => {
    const few = join(temporaryFolder(), 'few.csv');
    const rows = [1e4, 3e4, 1e5].flatMap((N, i) =>
      [1e6, 3e6, 1e7, 3e7].map((D, j) => `${N},${D},${law(N, D) * wiggle(4 * i + j)}`),
    );
    writeFileSync(few, `N,D,L\n${rows.join('\n')}\n`);
    const { code, out } = await lab('fit', few, '--bootstrap', '20', '--cluster', 'runs');
    expect(code).toBe(0);
    const [first] = out.split('\n');
    expect(first).toMatch(/^warning \(\w+\): /);
    expect(out.indexOf('warning (')).toBeLessThan(out.indexOf('chinchilla: L = E'));
    expect(out).toMatch(/ {2}L = [\d.]+ \+ [\d.]+\/N\^0\.\d+ \+ [\d.]+\/D\^0\.\d+/);
    expect(out).toMatch(/alpha +0\.\d+ +\[0?\.?\d+/);
    expect(out).toMatch(/a \(N_opt ~ C\^a\) +0\.\d{3} \[.*\] +0\.73 +0\.50 \/ 0\.49 \/ 0\.46/);
    expect(out).toMatch(/intervals: 90% percentile, \d+ replicates over 12 runs/);
    expect(out).toMatch(/loss, nats a token \(log-log\): o runs, \. least loss/);
    expect(out.split('\n').filter((line) => /^[ \d.e]* [|+].*o/.test(line)).length).toBeGreaterThan(3);
  });

  it('holds, ties and bounds constants', async () => {
    const args = ['--bootstrap', '0', '--no-checks', '--json'];
    const fitted = async (...more: string[]) => JSON.parse((await lab('fit', table(), ...args, ...more)).out);
    expect((await fitted('--fix', 'E=1.4')).params.E).toBe(1.4);
    const tied = await fitted('--tie', 'alpha=beta', '--fix', 'E=1.5');
    expect(tied.params.alpha).toBe(tied.params.beta);
    expect((await fitted('--bound', 'alpha=.45..6')).params.alpha).toBeCloseTo(0.45, 5);
    for (const bad of [
      ['--fix', 'E'],
      ['--tie', 'alpha'],
      ['--bound', 'alpha=..'],
      ['--bound', 'alpha=1'],
      ['--level', '90'],
    ])
      expect((await lab('fit', table(), ...bad)).code, bad.join(' ')).toBe(2);
    expect((await lab('fit', table(), '--fix', 'gamma=1')).err).toMatch(/no constant gamma/);
  });

  it('reads off percentile or BCa ends over sizes, runs or seeds', async () => {
    const file = table();
    const of = async (...more: string[]) =>
      JSON.parse((await lab('fit', file, '--bootstrap', '30', '--no-checks', '--json', ...more)).out);
    const percentile = await of('--cluster', 'runs');
    const bca = await of('--cluster', 'runs', '--interval', 'bca', '--level', '0.8');
    expect(percentile.bootstrap).toMatchObject({ interval: 'percentile', level: 0.9 });
    expect(bca.bootstrap).toMatchObject({ interval: 'bca', level: 0.8 });
    expect(bca.intervals.a).not.toEqual(percentile.intervals.a);
    const seeds = await lab('fit', file, '--cluster', 'seeds');
    expect(seeds.code).toBe(4);
    expect(seeds.err).toMatch(/no two runs share N and D/);
  });

  it('adds profiles and a hold-out score', async () => {
    const args = ['fit', table(), '--bootstrap', '20', '--cluster', 'runs', '--no-checks', '--profile', 'E,a'];
    const { code, out } = await lab(...args, '--holdout', 'C>2e13');
    expect(code).toBe(0);
    expect(out).toMatch(/hold-out error of chinchilla: 0\.\d+% \[.*\] of loss, mean -?0\.\d+% \[.*\] over 18 runs/);
    expect(out).toMatch(/C>2e13 +27 +18 /);
    expect(out).toMatch(/profile of E: [\d.]+, 90% by likelihood ratio \[/);
    expect(out).toMatch(/profile of a: 0\.\d+, .*\n +a +statistic/);
    const json = JSON.parse((await lab(...args, '--holdout', 'largest', '--json')).out);
    expect(json.profiles.map(({ param }: { param: string }) => param)).toEqual(['E', 'a']);
    expect(json.holdout.windows[0].held_out).toBe('the largest size');
    expect((await lab(...args, '--holdout', 'L<2')).err).toMatch(/unknown column L/);
    expect((await lab('fit', table(), '--profile', 'gamma')).code).toBe(2);
  });

  it('checks itself against a second fit unless told not to', async () => {
    // Losses that bend upwards beyond 1e13 FLOPs.
    const file = join(temporaryFolder(), 'bent.csv');
    const rows = [1e12, 3e12, 1e13, 3e13, 1e14].flatMap((C, b) =>
      Array.from({ length: 9 }, (_, j) => {
        const N = 3.5e5 * (C / 1e13) ** 0.467 * 1.4 ** (j - 4);
        const D = C / (6 * N);
        return [N, D, law(N, D) * wiggle(9 * b + j) * (1 + 0.06 * Math.max(0, Math.log10(C / 1e13)))].join(',');
      }),
    );
    writeFileSync(file, `N,D,L\n${rows.join('\n')}\n`);
    const args = ['fit', file, '--bootstrap', '30', '--cluster', 'runs'];
    expect((await lab(...args)).out).toMatch(/warning \(break_suspected\): fitted to the runs up to C = 1e13/);
    expect((await lab(...args, '--no-checks')).out).not.toMatch(/break_suspected/);
  });
});

describe('other approaches and tables', () => {
  it('approach 2 reads valleys of a table, at given budgets or found ones', async () => {
    const { code, out } = await lab('fit', table(), '--approach', '2', '--bootstrap', '20', '--cluster', 'runs');
    expect(code).toBe(0);
    expect(out).toMatch(/approach 2: N_opt = [\d.]+ C\^0\.\d{3}, D_opt = /);
    expect(out).toMatch(/1e13 +9 +\d+\.?\d*k/);
    expect(out).toMatch(/a by sizes in a parabola: 5: 0\.\d+, .*9: 0\.\d+/);
    const given = ['--budgets', '1e12,1e14', '--window', '5', '--bootstrap', '0', '--json'];
    const fit = JSON.parse((await lab('fit', table(), '--approach', '2', ...given)).out);
    expect(fit.budgets.map(({ C }: { C: number }) => C)).toEqual([1e12, 1e14]);
    expect(fit.method).toBe('isoflop');
  });

  it('approach 1 reads the learning curves of a study, and warns of points on their way down', async () => {
    const decaying = await lab('fit', folder(), '--approach', '1', '--bootstrap', '20');
    expect(decaying.code, decaying.err).toBe(0);
    expect(decaying.err).toMatch(/warning: 1 run diverged, left out/);
    expect(decaying.out).toMatch(/warning \(intermediate_points\)/);
    expect(decaying.out).toMatch(/approach 1: N_opt = [\d.e-]+ C\^0\.\d{3}/);
    for (const [dir, ...more] of [[folder({ kind: 'constant' })], [folder(), '--ends']]) {
      const { out } = await lab('fit', dir!, '--approach', '1', '--bootstrap', '0', ...more);
      expect(out).not.toMatch(/intermediate_points/);
      expect(out).toMatch(/\d+ curves of 6 sizes/);
    }
  });

  it('all countings of a study stand in one table', async () => {
    const { code, out } = await lab('fit', folder(), '--all-countings', '--bootstrap', '10');
    expect(code).toBe(0);
    for (const N of ['total', 'non_embedding', 'non_embedding_head', 'live'])
      for (const C of ['', ', exact FLOPs'])
        for (const approach of ['Approach 2', 'Approach 3'])
          expect(out).toMatch(new RegExp(`^ {2}${N}${C} +${approach} +(0\\.\\d{3} \\[|refused)`, 'm'));
    expect(out.indexOf('warning:')).toBeLessThan(out.indexOf('counted in every way'));
    expect((await lab('fit', table(), '--all-countings')).code).toBe(2);
    expect((await lab('fit', folder(), '--all-countings', '--params', 'live')).code).toBe(2);
  });

  it('all countings honour the law, its loss and its constraints', async () => {
    const dir = folder();
    const args = ['fit', dir, '--all-countings', '--bootstrap', '0'];
    const tied = JSON.parse(
      (await lab(...args, '--tie', 'alpha=beta', '--fix', 'E=1.4', '--loss', 'lad', '--json')).out,
    );
    for (const { fit: own } of tied.fits) {
      expect(own.params.E).toBe(1.4);
      expect(own.params.alpha).toBe(own.params.beta);
      expect(own.loss.name).toBe('lad');
    }
    const mean = await lab(...args, '--law', 'power_mean');
    expect(mean.out).toMatch(/power_mean: L = E \+ \[/);
    expect(mean.out).toMatch(/counting +E +A +B +alpha +beta +q +rms\n +total /);
    const single = await lab(...args, '--law', 'kaplan_n');
    expect(single.out).toMatch(/kaplan_n, in N: .*\n +counting +N_c +alpha_N +rms\n +total .*\n +non_embedding /);
    expect(single.out).not.toMatch(/exact FLOPs/);
    const compute = await lab(...args, '--law', 'kaplan_c', '--rows', 'all');
    expect(compute.out).toMatch(/live, exact FLOPs +\d/);
    expect((await lab(...args, '--law', 'saturating')).err).toMatch(/say which with --x/);
    expect((await lab(...args, '--law', 'critical_batch')).code).toBe(2);
  });

  it('laws are compared by hold-out error and criteria', async () => {
    const args = ['--compare', 'chinchilla,power_mean,kaplan', '--bootstrap', '0', '--holdout', 'expanding'];
    const { code, out } = await lab('fit', table(), ...args);
    expect(code).toBe(0);
    expect(out).toMatch(/law +hold-out +mean +rms +constants +dAICc +weight +BIC/);
    expect(out).toMatch(/^warning \(\w+\): kaplan: /);
    for (const name of ['chinchilla', 'power_mean', 'kaplan'])
      expect(out).toMatch(new RegExp(`^ {2}${name} +\\d`, 'm'));
    // Of a study also what its records say, first, as for one law.
    const study = folder();
    const plain = JSON.parse((await lab('fit', study, '--bootstrap', '0', '--no-checks', '--json')).out);
    const of_records = plain.diagnostics.filter(({ name }: { name: string }) => name === 'diverged_cells');
    expect(of_records).toHaveLength(1);
    for (const laws of ['chinchilla,kaplan', 'kaplan_n,saturating']) {
      const own = ['fit', study, '--compare', laws, '--bootstrap', '0'];
      const compared = JSON.parse((await lab(...own, '--json')).out);
      expect(compared.diagnostics).toEqual(expect.arrayContaining(of_records));
      expect((await lab(...own)).out).toMatch(
        /^warning \(diverged_cells\): .*\n[\s\S]*laws .*by their error on the runs/,
      );
    }
    expect((await lab('fit', table(), '--compare', 'chinchilla')).err).toMatch(/not two laws/);
    expect((await lab('fit', table(), '--compare', 'chinchilla,chinchila')).err).toMatch(/unknown law: chinchila/);
  });

  it('options of one approach are refused for another', async () => {
    for (const args of [
      ['--approach', '2', '--profile', 'E'],
      ['--approach', '1', '--budgets', '1e12'],
      ['--approach', '3', '--ends'],
      ['--compare', 'chinchilla,kaplan', '--profile', 'E'],
      ['--approach', '2', '--compare', 'chinchilla,kaplan'],
    ])
      expect((await lab('fit', table(), ...args)).code, args.join(' ')).toBe(2);
  });
});

describe('nothing to fit', () => {
  it.each([
    [[]],
    [['--approach', '1']],
    [['--approach', '2']],
    [['--compare', 'chinchilla,kaplan']],
    [['--all-countings']],
  ])('exits 4, what is wrong with the runs first: %j', async (args) => {
    const dir = makeSweepFolder([makeRecord({ status: 'failed', val_loss: null })]);
    const { code, out, err } = await lab('fit', dir, ...args);
    expect(code).toBe(4);
    expect(out).toBe('');
    const [first, second] = err.split('\n');
    expect(first).toMatch(/^warning: 1 run failed, left out/);
    expect(second).toMatch(/^error: /);
  });

  it('an empty folder and a missing one are usage errors', async () => {
    const dir = temporaryFolder();
    mkdirSync(join(dir, 'empty'));
    expect((await lab('fit', join(dir, 'empty'))).code).toBe(2);
    expect((await lab('fit', join(dir, 'absent'))).code).toBe(2);
  });
});

describe('predict', () => {
  async function fitted(): Promise<string> {
    const out = join(temporaryFolder(), 'fit.json');
    await lab('fit', table(), '--bootstrap', '20', '--cluster', 'runs', '--no-checks', '--out', out);
    return out;
  }

  it('the compute to reach a loss, with inference a smaller model on more tokens', async () => {
    const file = await fitted();
    const of = async (...args: string[]) =>
      JSON.parse((await lab('predict', file, '--loss', '1.9', '--json', ...args)).out);
    const [training, lifetime] = [await of(), await of('--inference-tokens', '1e9')];
    expect(lifetime.N).toBeLessThan(training.N);
    expect(lifetime.D).toBeGreaterThan(training.D);
    expect(lifetime.saving).toBeGreaterThan(0);
    expect(law(training.N, training.D)).toBeCloseTo(1.9, 1);
    const { out } = await lab('predict', file, '--loss', '1.9', '--inference-tokens', '1e9');
    expect(out).toMatch(/to reach a loss of 1\.9, serving 1B tokens:/);
    expect(out).toMatch(/least lifetime .*\n +least training .*\n +saves \d+\.\d% of the lifetime FLOPs/);
  });

  it('a run with both intervals, a budget, and the distance from the data', async () => {
    const file = await fitted();
    const run = await lab('predict', file, '--params', '4e5', '--tokens', '4e6');
    expect(run.out).toMatch(/loss 1\.\d+ nats a token\n +of the law +\[.*\]\n +of one run +\[/);
    expect(run.out).not.toMatch(/warning/);
    const far = await lab('predict', file, '--compute', '1e18');
    expect(far.out).toMatch(/^warning \(extrapolation_far\): beyond the fitted runs by .*4\.0 decades in C/);
    expect(far.out).toMatch(/extrapolated .*4\.0 decades in C \(10k times the largest, 1e14\)/);
  });

  it("a study's fit.json by group and counting; without its runs no intervals, and why", async () => {
    const fitOf = (a: number) => ({
      ...{ law: 'chinchilla', params: { ...TRUTH, A: a }, loss: { name: 'huber', delta: 1e-3 }, dropped: [] },
      bootstrap: { replicates: 20, cluster: 'sizes', level: 0.9, interval: 'percentile', seed: 0 },
      diagnostics: [],
    });
    const fits = ['total', 'non_embedding'].map((params, i) => ({
      counting: { params, flops: '6nd' },
      chinchilla: fitOf(20 + 20 * i),
    }));
    const file = join(temporaryFolder(), 'fit.json');
    writeFileSync(
      file,
      JSON.stringify({
        groups: [
          { name: 'a', fits },
          { name: 'b', fits: [] },
        ],
      }),
    );
    const of = (...more: string[]) => lab('predict', file, '--params', '1e6', '--tokens', '1e8', ...more);
    expect((await of()).err).toContain('name a group of');
    expect(await of('--group', 'b')).toMatchObject({ code: 4, err: expect.stringContaining('no law of group b') });
    const [total, other] = [await of('--group', 'a'), await of('--group', 'a', '--counting', 'non_embedding')];
    expect(total.err).toMatch(/a, N counts total parameters; no intervals: the runs of the fit are not in/);
    expect(total.out).not.toBe(other.out);
  });

  it("a study's folder, with the intervals of its fit to the last bit, and none where its runs have changed", async () => {
    const study = join(import.meta.dirname, '../../runs/reference/quickstart');
    const at = ['--group', 'lexicon', '--compute', '1e12'];
    const { out, err } = await lab('predict', study, ...at);
    expect(err).toMatch(/lexicon, N counts total parameters; intervals by 200 replicates over sizes/);
    expect(out).toMatch(/N_opt +\S+ +\[\S+, \S+\] parameters\n +D_opt +\S+ +\[.*\n +loss +\S+ +\[/);
    expect(await lab('predict', join(study, 'fit.json'), ...at)).toMatchObject({ out });
    // The same as by a fit with its draws in the file.
    const file = join(temporaryFolder(), 'fit.json');
    await lab('fit', study, '--group', 'lexicon', '--no-checks', '--out', file);
    const json = async (from: string) => JSON.parse((await lab('predict', from, ...at.slice(2), '--json')).out);
    const own = JSON.parse((await lab('predict', study, ...at, '--json')).out);
    expect(own).toEqual(await json(file));

    const changed = temporaryFolder();
    copyFileSync(join(study, 'fit.json'), join(changed, 'fit.json'));
    const records = readFileSync(join(study, 'runs.jsonl'), 'utf8').split('\n');
    const at_last = records.findLastIndex((line) => line.includes('"group":"lexicon"'));
    writeFileSync(join(changed, 'runs.jsonl'), records.filter((_, i) => i !== at_last).join('\n'));
    const fewer = await lab('predict', changed, ...at);
    expect(fewer.err).toMatch(/no intervals: the runs in .* are not those of its fit\.json; make it anew/);
    expect(fewer.out).toMatch(/N_opt +\S+ parameters/);
  });

  it('published laws by name', async () => {
    const kaplan = await lab('predict', '--law', 'kaplan-2020', '--compute', '1e21');
    expect(kaplan.code).toBe(0);
    expect(kaplan.err).toMatch(/kaplan-2020: Kaplan et al\. 2020.*N counts non_embedding/);
    const chinchilla = JSON.parse(
      (await lab('predict', '--law', 'chinchilla-2022', '--compute', '5.76e23', '--json')).out,
    );
    expect(chinchilla.N / 40.4e9).toBeCloseTo(1, 1);
    expect((await lab('predict', '--law', 'chinchilla-2023', '--compute', '1')).code).toBe(2);
  });

  it.each([
    [['--law', 'chinchilla-2022'], 'wants one of --compute'],
    [['--law', 'chinchilla-2022', '--loss', '2', '--compute', '1e20'], 'wants one of --compute'],
    [['--law', 'chinchilla-2022', '--params', '1e9'], 'wants one of --compute'],
    [['--law', 'chinchilla-2022', '--compute', '1e20', '--inference-tokens', '5'], '--inference-tokens wants'],
    [['--law', 'chinchilla-2022', '--loss', '1.2'], 'never reaches a loss of 1.2'],
    [['--compute', '1e20'], 'wants a fit'],
    [['fit.json', '--law', 'chinchilla-2022', '--compute', '1e20'], 'wants a fit'],
  ])('%j is a usage error', async (args, message) => {
    const { code, err } = await lab('predict', ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

/** @file `fit` and `predict` beyond laws in N and D: one variable, the critical batch, repeated data, losses and weights,
 * and what is said where a column or an option is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { lab } from '../support/lab.ts';
import { makeRecord, makeSweepFolder, temporaryFolder } from '../support/run-record.ts';

/** Writes a table and gives its path. */
function table(name: string, header: string, rows: readonly (readonly (number | string)[])[]): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`);
  return file;
}

const json = async (...args: string[]) => {
  const { code, out, err } = await lab(...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out);
};

/** Columns of the widest line but for warnings, which a terminal wraps. */
const widest = (text: string): number =>
  Math.max(...text.split('\n').map((line) => (line.startsWith('warning') ? 0 : line.length)));

const QUICK = ['--bootstrap', '20', '--no-checks'];
const GRID = [1e4, 3e4, 1e5, 3e5, 1e6].flatMap((N) => [1e6, 1e7, 1e8, 1e9].map((D) => ({ N, D })));
const wiggle = (i: number): number => 1 + 0.002 * Math.sin(7.3 * i);

describe('laws in one variable', () => {
  it('take a table of the variable and the loss alone', async () => {
    const rows = [1e4, 3e4, 1e5, 3e5, 1e6, 3e6].map((x, i) => [x, (1e10 / x) ** 0.08 * wiggle(i)]);
    for (const [law, column, exponent] of [
      ['kaplan_n', 'N', 'alpha_N'],
      ['kaplan_d', 'D', 'alpha_D'],
      ['kaplan_c', 'C', 'alpha_C'],
      ['saturating', 'C', 'alpha'],
    ] as const) {
      const file = table('p.csv', `${column},L`, rows);
      const fit = await json('fit', file, '--law', law, ...QUICK);
      expect(fit).toMatchObject({ law, x: column, num_points: 6, num_rows: 6, converged: true });
      expect(fit.params[exponent], law).toBeCloseTo(0.08, law === 'saturating' ? 1 : 2);
      expect(fit.intervals[exponent][0]).toBeLessThan(fit.intervals[exponent][1]);
    }
  });

  it('print the formula in the variable, Kaplan beside, which rows, and a plot', async () => {
    // The loss of a size falls with its tokens; only the last speaks of N alone.
    const file = table(
      'grid.csv',
      'N,D,L',
      GRID.map(({ N, D }, i) => [N, D, ((1e10 / N) ** 0.08 + 30 / D ** 0.35) * wiggle(i)]),
    );
    const { code, out } = await lab('fit', file, '--law', 'kaplan_n', ...QUICK);
    expect(code).toBe(0);
    expect(out).toMatch(/kaplan_n: L\(N\) = \(N_c\/N\)\^alpha_N\n {2}L = \([\d.e]+\/N\)\^0\.0\d+\n/);
    expect(out).toMatch(/value +interval +std\. error +Kaplan 2020\n.*\n +alpha_N +0\.0\d+ +\[.*\] +\S+ +0\.0760/);
    expect(out).toMatch(/5 of 20 rows, of each N its most tokens \(1B\); residual rms 0\.\d\d%/);
    expect(out).toMatch(/mse on log loss: objective \d/);
    expect(out).toMatch(/\d+ replicates over 5 values of N/);
    expect(out).toMatch(/o runs, \. the law/);
    expect(widest(out)).toBeLessThanOrEqual(80);
    const all = await json('fit', file, '--law', 'kaplan_n', '--rows', 'all', ...QUICK);
    expect(all).toMatchObject({ rows: 'all', num_points: 20 });
    expect(all.rms).toBeGreaterThan(0.01);
    const byD = await json('fit', file, '--law', 'saturating', '--x', 'D', '--loss', 'huber', ...QUICK);
    expect(byD).toMatchObject({ x: 'D', num_points: 4, loss: { name: 'huber', delta: 1e-3 } });
    const frontier = await json('fit', file, '--law', 'kaplan_c', '--residuals', 'raw', ...QUICK);
    expect(frontier.loss).toEqual({ name: 'mse', delta: null, scale: 'raw' });
    expect(frontier.num_points).toBeLessThan(20);
  });

  it('a break is printed with its test, and suspected by the law without one', async () => {
    const broken = (x: number): number => 1 + 20 * x ** -0.1 * (1 + (x / 1e6) ** 4) ** (-0.2 / 4);
    const unbroken = (x: number): number => 1 + 20 * x ** -0.2;
    const rng = rngStream(0, 'test');
    const of = (loss: (x: number) => number) =>
      table(
        'curve.csv',
        'step,L',
        Array.from({ length: 24 }, (_, i) => {
          const x = 1e4 * 10 ** (i / 6);
          return [x, loss(x) * (1 + 0.002 * normal(rng))];
        }),
      );
    const args = ['--columns', 'S=step', '--x', 'S', '--bootstrap', '0'];
    const bent = of(broken);
    const found = await lab('fit', bent, '--law', 'broken_power_law', ...args);
    expect(found.out).toMatch(/break: justified \(p = 0\.000\d+; BIC for it by \d/);
    expect(found.out).toMatch(/at S = \d+(\.\d+)?[kM] the slope goes from 0\.\d+ to 0\.\d+; without it rms/);
    const straight = await lab('fit', of(unbroken), '--law', 'broken_power_law', ...args);
    expect(straight.out).toMatch(/break: not justified \(noise alone bends as much with p = 0\.\d+; BIC against it/);
    expect(straight.out).toMatch(/fit it with --law saturating/);
    const without = await lab('fit', bent, '--law', 'saturating', ...args);
    expect(without.out).toMatch(/^warning \(break_suspected\): the curve bends near S = /m);
    expect((await lab('fit', bent, '--law', 'saturating', ...args, '--no-checks')).out).not.toMatch(/break/);
  });

  it('are profiled and held out as laws of runs are', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => {
      const x = 1e4 * 2 ** i;
      return [x, (1.2 + (1e5 / x) ** 0.5) * wiggle(i)];
    });
    const args = ['fit', table('n.csv', 'N,L', rows), '--law', 'saturating', ...QUICK];
    const { code, out } = await lab(...args, '--profile', 'E,alpha', '--holdout', 'N>5e6');
    expect(code).toBe(0);
    expect(out).toMatch(/hold-out error of saturating: 0\.\d+% .* over 3 runs\n.*decades of N beyond\n +N>5e6 +9 +3 /);
    expect(out).toMatch(/profile of E: 1\.\d+, 90% by likelihood ratio \[1\.\d+, 1\.\d+\]/);
    const { profiles, params } = await json(...args, '--profile', 'alpha');
    expect(profiles[0].value).toBeCloseTo(params.alpha, 6);
    expect(profiles[0].law).toBe('saturating');
    const kaplan = ['fit', table('c.csv', 'C,L', rows), '--law', 'kaplan_c', ...QUICK, '--profile', 'alpha_C'];
    const pure = await json(...kaplan, '--holdout', 'largest');
    expect(pure.profiles[0].value).toBeCloseTo(pure.params.alpha_C, 8);
    expect(pure.holdout.num_held_out).toBe(1);
    expect(pure.holdout.windows[0]).toMatchObject({ law: 'kaplan_c', held_out: 'the largest C' });
    // The scale too, and where it lies on the axis.
    const scale = await json(...args, '--profile', 'x_c');
    expect(scale.profiles[0].value / scale.params.x_c).toBeCloseTo(1, 6);
    const [low, high] = scale.profiles[0].interval;
    expect(low).toBeLessThan(1e5);
    expect(high).toBeGreaterThan(1e5);
  });

  it('with a break are profiled and held out along their own column', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => {
      const S = 1e3 * 1.6 ** i;
      return [S, (1 + 20 * S ** -0.1 * (1 + (S / 1e6) ** 4) ** (-0.2 / 4)) * wiggle(i)];
    });
    const args = ['fit', table('s.csv', 'S,L', rows), '--law', 'broken_power_law', '--x', 'S', ...QUICK];
    const { profiles, params, holdout } = await json(...args, '--profile', 'c0,d1', '--holdout', 'S>2e8');
    expect(profiles.map(({ param }: { param: string }) => param)).toEqual(['c0', 'd1']);
    expect(profiles[0].value).toBeCloseTo(params.c0, 5);
    expect(profiles[1].interval[0]).toBeLessThan(1e6);
    expect(profiles[1].interval[1]).toBeGreaterThan(1e6);
    expect(holdout).toMatchObject({ num_held_out: 4, windows: [{ held_out: 'S>2e8', num_fitted: 26 }] });
    // Fitted to the runs before the break there is nothing of what follows.
    const before = await json(...args, '--holdout', 'S>2e5');
    expect(before.holdout.mean).toBeGreaterThan(0.05);
    expect(holdout.rms).toBeLessThan(0.02);
    const { code, err } = await lab(...args, '--holdout', 'C>1e5');
    expect([code, err]).toEqual([2, expect.stringContaining('unknown column C in "C>1e5"; it is S')]);
  });

  it('under several losses', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => {
      const N = 1e4 * 2 ** i;
      // One run is far off: least squares follows it, absolute error does not.
      return [N, (1e10 / N) ** 0.08 * wiggle(i) * (i === 11 ? 1.3 : 1)];
    });
    const args = ['fit', table('n.csv', 'N,L', rows), '--law', 'kaplan_n', '--deltas', '1e-3,1e-2', ...QUICK];
    const { losses } = await json(...args);
    expect(losses.map((row: { loss: string; delta: number | null }) => [row.loss, row.delta])).toEqual([
      ['lad', null],
      ['huber', 1e-3],
      ['huber', 1e-2],
      ['mse', null],
    ]);
    const alpha = losses.map(({ params }: { params: { alpha_N: number } }) => params.alpha_N);
    expect(alpha[0]).toBeCloseTo(0.08, 3);
    expect(alpha[3]).toBeLessThan(0.07);
    expect((await lab(...args)).out).toMatch(/the law by the loss that is minimised\n +loss +delta +N_c +alpha_N +rms/);
  });

  it('are compared with each other on the rows of their column', async () => {
    const rows = Array.from({ length: 16 }, (_, i) => {
      const N = 1e4 * 2 ** i;
      return [N, (1.2 + (1e5 / N) ** 0.5) * wiggle(i)];
    });
    const args = ['fit', table('n.csv', 'N,L', rows), '--compare', 'kaplan_n,saturating,broken_power_law', ...QUICK];
    const { laws, x, held_out } = await json(...args, '--holdout', 'N>1e8');
    expect({ x, held_out }).toEqual({ x: 'N', held_out: 'N>1e8' });
    const of = (name: string) => laws.find(({ law }: { law: string }) => law === name);
    expect(laws.at(-1).law).toBe('kaplan_n');
    expect(of('saturating').holdout.rms).toBeLessThan(0.01);
    expect(of('kaplan_n').holdout.rms).toBeGreaterThan(0.05);
    expect([of('kaplan_n').num_constants, of('broken_power_law').num_constants]).toEqual([3, 7]);
    const { out } = await lab(...args);
    expect(out).toMatch(/laws of N by their error on the runs held out \(largest\), then by AICc/);
    expect(out).not.toMatch(/BIC +a\b/);
    // Laws of different columns are compared on all runs, each reading its own.
    const grid = table(
      'grid.csv',
      'N,D,L',
      GRID.map(({ N, D }, i) => [N, D, ((1e10 / N) ** 0.08 + (1e7 / D) ** 0.2) * wiggle(i)]),
    );
    const both = await json('fit', grid, '--compare', 'kaplan_n,kaplan_d', ...QUICK);
    expect(both.laws.map(({ fit }: { fit: { num_points: number } }) => fit.num_points)).toEqual([20, 20]);
  });

  it('predict at a value and for a loss, and say how far out that is', async () => {
    const rows = [1e4, 3e4, 1e5, 3e5, 1e6].map((N, i) => [N, (1.2 + (1e4 / N) ** 0.5) * wiggle(i)]);
    const out = join(temporaryFolder(), 'fit.json');
    await lab('fit', table('n.csv', 'N,L', rows), '--law', 'saturating', '--out', out, ...QUICK);
    const at = await lab('predict', out, '--params', '1e7');
    expect(at.out).toMatch(
      /loss 1\.2\d+ {2}\[1\.\d+, 1\.\d+\] nats a token at N = 10M\nextrapolated 1\.0 decades in N \(10/,
    );
    const reached = await json('predict', out, '--loss', '1.5');
    expect(reached.N / 1.1e5).toBeCloseTo(1, 0);
    expect((await lab('predict', out, '--loss', '0.9')).err).toMatch(
      /never reaches a loss of 0\.9: its floor is 1\.\d+/,
    );
    expect((await lab('predict', out, '--tokens', '1e7')).err).toMatch(
      /a law of N: predict wants one of --params N and --loss/,
    );
    const kaplan = await json('predict', '--law', 'kaplan-2020-n', '--params', '1e9');
    expect(kaplan.L).toBeCloseTo((8.8e13 / 1e9) ** 0.076, 10);
    expect((await json('predict', '--law', 'kaplan-2020-c', '--compute', '8.64e19')).L).toBeCloseTo(1.6e7 ** 0.057, 10);
  });
});

/** Curves at five batches and four sizes under Kaplan's L(N, S_min) and B_crit(L), with toy constants. */
function batchTable(): string {
  const critical = (L: number): number => 2e6 / L ** 4;
  const rows = [1e5, 3e5, 1e6, 3e6].flatMap((N) =>
    [512, 2048, 8192, 32768, 131072].flatMap((B) =>
      Array.from({ length: 24 }, (_, k) => {
        const S = 20 * 1.4 ** k;
        let [low, high] = [0.5, 60];
        for (let i = 0; i < 60; i++) {
          const L = (low + high) / 2;
          if ((1e9 / N) ** 0.08 + (300 / (S / (1 + critical(L) / B))) ** 0.7 > L) low = L;
          else high = L;
        }
        return [N, B, S, low];
      }),
    ),
  );
  return table('batch.csv', 'N,B,S,L', rows);
}

describe('the critical batch', () => {
  it('is fitted, printed with hyperbolas and L(C_min), and takes runs to S_min', async () => {
    const file = batchTable();
    const out = join(temporaryFolder(), 'batch.json');
    const { code, out: text } = await lab('fit', file, '--law', 'critical_batch', '--bootstrap', '20', '--out', out);
    expect(code).toBe(0);
    expect(text).toMatch(/critical_batch: B_crit = B_star \/ L\^\(1\/alpha_B\)/);
    expect(text).toMatch(/B_star +(1\.99|2\.0)\d*e6 +\[.*\] +\S+ +2e8\n +alpha_B +0\.25\d+/);
    expect(text).toMatch(/N +loss +batches +S_min +tokens_min +own B_crit +B_crit +rms\n +100k /);
    expect(text).toMatch(/L\(C_min\) = \([\d.e]+\/C_min\)\^0\.05\d+/);
    expect(widest(text)).toBeLessThanOrEqual(80);
    const saved = JSON.parse(readFileSync(out, 'utf8'));
    expect(saved.minimum_compute.params.alpha_C).toBeCloseTo(1 / (1 / 0.7 + 1 / 0.25 + 1 / 0.08), 2);
    expect(saved.runs).toHaveLength(480);
    const ns = await json(
      'fit',
      file,
      '--law',
      'kaplan_ns',
      '--critical-batch',
      out,
      '--bootstrap',
      '0',
      '--no-checks',
    );
    expect(ns.params.alpha_S).toBeCloseTo(0.7, 2);
    expect(ns.params.alpha_N).toBeCloseTo(0.08, 3);
    expect(ns.diagnostics.map(({ name }: { name: string }) => name)).not.toContain('mixed_countings');
    const predicted = await json('predict', out, '--loss', '3', '--batch', '24691');
    expect(predicted.B_crit / (2e6 / 81)).toBeCloseTo(1, 1);
    expect(predicted.steps_over_least).toBeCloseTo(2, 1);
    expect((await lab('predict', out, '--params', '1e6')).err).toMatch(/a critical batch is predicted for a loss/);
  });

  it('of a study needs three batches of a size', async () => {
    const curve = [200, 400, 700, 1000].map((step) => ({ step, tokens: step * 512, val_loss: 4 - step / 1000 }));
    const dir = makeSweepFolder([{ ...makeRecord(), num_steps: 1000, num_tokens: 512000, eval_curve: curve }]);
    const { code, err } = await lab('fit', dir, '--law', 'critical_batch');
    expect(code).toBe(4);
    expect(err).toMatch(/there are curves at 1 batches, of 1 sizes/);
  });
});

describe('what a law reads', () => {
  it('repeated data from U or epochs, and U in a prediction', async () => {
    const repeated = (N: number, D: number, U: number): number => {
      const tokens = U * (1 + 15 * (1 - Math.exp(-(D / U - 1) / 15)));
      return 1.8 + 500 / N ** 0.35 + 1500 / tokens ** 0.35;
    };
    const rows = [1e7, 1e8, 1e9].flatMap((N, i) =>
      [1e9, 4e9, 16e9].flatMap((U, j) =>
        [1, 4, 16, 60].map((e, k) => [N, U * e, e, repeated(N, U * e, U) * wiggle(i + 3 * j + 7 * k)]),
      ),
    );
    const file = table('repeated.csv', 'N,D,epochs,L', rows);
    const out = join(temporaryFolder(), 'fit.json');
    const args = ['--law', 'data_constrained', '--tie', 'alpha=beta', '--fix', 'R_N_star=1e6', '--out', out];
    const fit = await json('fit', file, ...args, '--bootstrap', '0', '--no-checks');
    expect(fit.params.R_D_star).toBeGreaterThan(8);
    expect(fit.params.R_D_star).toBeLessThan(25);
    const run = ['predict', out, '--params', '1e9', '--tokens', '6e10'];
    expect((await json(...run, '--unique-tokens', '1e9')).L).toBeGreaterThan((await json(...run)).L);
    const budget = ['predict', out, '--compute', '1e21', '--unique-tokens', '1e9'];
    expect((await lab(...budget)).out).toMatch(/D_opt .* tokens \(\d+(\.\d+)? epochs\)/);
    const reached = ['predict', out, '--loss', '2.5', '--unique-tokens', '1e9'];
    const endless = await json('predict', out, '--loss', '2.5');
    expect((await json(...reached)).training_flops).toBeGreaterThan(endless.training_flops);
  });

  it.each([
    ['data_constrained', ['no column for U (unique training tokens); D and epochs would do too', '--columns "U=..."']],
    ['kaplan_ns', ['no column for S (training steps); D and B would do too']],
    ['critical_batch', ['no column for B (tokens a batch)', '--columns "B=...,S=..."']],
    ['saturating', ['saturating is a law of one variable: say which with --x (N, D, C)']],
  ])('%s says which column is missing', async (law, messages) => {
    const { code, err } = await lab('fit', table('p.csv', 'N,D,L', [[1e4, 1e6, 3]]), '--law', law);
    expect(code).toBe(2);
    for (const message of messages) expect(err).toContain(message);
  });

  it.each([
    [['--law', 'chinchilla', '--x', 'N'], '--x is for a law in one variable'],
    [['--law', 'kaplan_n', '--x', 'D'], '--x D is not for kaplan_n, a law of N'],
    [['--law', 'critical_batch', '--profile', 'B_star'], '--profile is for a law, not for --law critical_batch'],
    [['--law', 'saturating', '--x', 'N', '--profile', 'A'], 'the law saturating has no A; choose one of E, x_c, alpha'],
    [['--approach', '2', '--deltas', '1e-3,1e-2'], '--deltas is for a law, not for --approach 2'],
    [['--rows', 'all'], '--rows is for a law in one variable'],
    [['--losses', '3,4'], '--losses is for --law critical_batch'],
    [['--law', 'critical_batch', '--delta', '1e-2'], '--delta is for a law, not for --law critical_batch'],
    [['--approach', '2', '--loss', 'mse'], '--loss is for a law, not for --approach 2'],
    [['--loss', 'mse', '--delta', '1e-2'], '--loss mse has none'],
    [['--delta', 'seed'], 'a number above 0 is needed, or "seeds"'],
    [['--all-countings'], '--all-countings is for the folder of a study'],
    [['--critical-batch', 'absent.json'], 'no column for B'],
  ])('%j is a usage error', async (args, message) => {
    const file = table(
      'p.csv',
      'N,D,L',
      GRID.map(({ N, D }) => [N, D, 3]),
    );
    const { code, err } = await lab('fit', file, ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

describe('losses and weights', () => {
  const noisy = () => {
    const rng = rngStream(1, 'test');
    const rows = GRID.flatMap(({ N, D }) =>
      [0, 1, 2].map(() => [
        N,
        D,
        (1.5 + 20 / N ** 0.4 + 30 / D ** 0.35) * (1 + (N < 5e4 ? 0.02 : 0.004) * normal(rng)),
      ]),
    );
    return table('seeds.csv', 'N,D,L', rows);
  };

  it('the corner and the weights come from the spread over seeds', async () => {
    const file = noisy();
    const { out, err } = await lab('fit', file, '--delta', 'seeds', '--weights', 'seeds', '--json', ...QUICK);
    const [, printed] =
      /delta (\S+): 1\.345 times the spread of loss from seed to seed, 1\.\d+% over 40/.exec(err) ?? [];
    const fit = JSON.parse(out);
    expect(fit.loss.delta).toBeCloseTo(Number(printed), 3);
    expect(fit.loss.delta).toBeGreaterThan(0.012);
    const error = (of: typeof fit) => of.standard_errors.alpha;
    const plain = await json('fit', file, '--delta', 'seeds', ...QUICK, '--cluster', 'seeds');
    const weighted = await json('fit', file, '--delta', 'seeds', '--weights', 'seeds', ...QUICK, '--cluster', 'seeds');
    expect(error(weighted)).not.toBe(error(plain));
    const single = await lab(
      'fit',
      table(
        'p.csv',
        'N,D,L',
        GRID.map(({ N, D }) => [N, D, 3]),
      ),
      '--delta',
      'seeds',
    );
    expect(single.code).toBe(4);
    expect(single.err).toMatch(/no two runs share N and D/);
  });

  it('one law under several losses stands in a table', async () => {
    const { out } = await lab('fit', noisy(), '--deltas', '1e-2,1e-4', '--residuals', 'raw', ...QUICK);
    expect(out).toMatch(/huber with delta 0\.001 on loss: objective/);
    const [, after] = out.split('the law by the loss that is minimised\n');
    const rows = after!
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));
    expect(rows[0]).toEqual(['loss', 'delta', 'a', 'E', 'A', 'B', 'alpha', 'beta', 'rms']);
    expect(rows.slice(1).map(([loss]) => loss)).toEqual(['lad', 'huber', 'huber', 'mse']);
    expect(rows[2]![1]).toBe('0.0001');
  });

  it('residuals of the raw loss give another optimum, the same law without noise', async () => {
    const clean = table(
      'p.csv',
      'N,D,L',
      GRID.map(({ N, D }) => [N, D, 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35]),
    );
    const raw = await json('fit', clean, '--residuals', 'raw', '--bootstrap', '0', '--no-checks');
    expect(raw.params.alpha).toBeCloseTo(0.4, 6);
    expect(raw.loss.scale).toBe('raw');
    const file = noisy();
    const [log, nats] = [
      await json('fit', file, '--loss', 'mse', ...QUICK),
      await json('fit', file, '--loss', 'mse', '--residuals', 'raw', ...QUICK),
    ];
    expect(nats.params.alpha).not.toBeCloseTo(log.params.alpha, 6);
    expect(nats.residuals.rms).toBeGreaterThanOrEqual(log.residuals.rms);
  });
});

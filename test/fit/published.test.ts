/** @file Fits against published tables: Besiroglu et al. 2024 on Hoffmann's points, Porian et al. 2024's exponents. */
import { describe, expect, it } from 'vitest';
import { fitIsoflop, fitLaw, fitPowerLaw, type LossName, optimum } from '../../src/fit/fit.ts';
import { parseCsv } from '../../src/study/csv.ts';
import { epochPoints, isAbsent, readTable } from './tables.ts';

const EPOCH = 'chinchilla_epoch.csv';
const PORIAN = 'porian_optimal_pairs.csv';

const within = (actual: number, expected: number, share: number): void =>
  expect(Math.abs(actual / expected - 1), `${actual} against ${expected}`).toBeLessThan(share);

describe.skipIf(isAbsent(EPOCH))(`Approach 3 on ${EPOCH} (skipped where the table is absent)`, () => {
  type Row = [name: string, loss: LossName, delta: number | undefined, drop: number, values: number[]];
  // objective, A, B, E, alpha, beta, a
  const rows: Row[] = [
    ['Huber 1e-3', 'huber', 1e-3, 5, [0.001018274018, 477.83, 2143.42, 1.81722, 0.34731, 0.36717, 0.5139]],
    ['LAD', 'lad', undefined, 5, [5.308622e-9, 482.01, 2085.43, 1.81686, 0.34781, 0.36585, 0.51264]],
    ['Huber 1e-4', 'huber', 1e-4, 5, [1.117787e-4, 478.69, 2065.41, 1.81582, 0.34741, 0.36538, 0.51261]],
    ['Huber 1e-2', 'huber', 1e-2, 5, [4.696225e-3, 538.75, 2905.6, 1.83808, 0.35442, 0.38154, 0.51843]],
    ['MSE', 'mse', undefined, 5, [0.005730943, 593.32, 4875.64, 1.86455, 0.36025, 0.40588, 0.52978]],
    ['Huber 1e-3, all points', 'huber', 1e-3, 0, [0.001826011, 495.73, 12845.6, 1.89134, 0.34931, 0.45305, 0.56464]],
  ];
  it.each(rows)(
    '%s: objective to .2%%, alpha and beta to .5%%, and in fact to the digits printed',
    (_, loss, delta, drop, values) => {
      const fit = fitLaw(epochPoints(), { loss, drop_highest: drop, ...(delta === undefined ? {} : { delta }) });
      const [objective, A, B, E, alpha, beta, a] = values;
      expect(fit.converged).toBe(true);
      expect(fit.num_points).toBe(245 - drop);
      expect(fit.starts.reached_best).toBeGreaterThan(0.8 * fit.starts.run);
      within(fit.objective, objective!, 1e-6);
      within(fit.params['alpha']!, alpha!, 3e-5);
      within(fit.params['beta']!, beta!, 3e-5);
      within(fit.params['E']!, E!, 1e-5);
      within(fit.params['A']!, A!, 1e-4);
      within(fit.params['B']!, B!, 1e-4);
      within(fit.exponents!.a, a!, 2e-5);
    },
  );

  it('scores better than the constants Besiroglu et al. print, which mix two optima', () => {
    const fit = fitLaw(epochPoints(), { drop_highest: 5 });
    expect(fit.objective).toBeLessThan(0.001018644705);
    const at = optimum(fit, 5.76e23);
    within(at.N, 73.2e9, 0.001);
    within(at.D, 1.312e12, 0.001);
    expect(at.decades_beyond).toBeCloseTo(Math.log10(5.76e23 / 1.2956e22), 3);
  });

  it('agrees with SciPy on the other laws', () => {
    const points = epochPoints();
    within(fitLaw(points, { law: 'kaplan', drop_highest: 5 }).objective, 0.0026631014948917133, 1e-9);
    const mean = fitLaw(points, { law: 'power_mean', drop_highest: 5 });
    within(mean.objective, 0.0009541845002869429, 1e-9);
    within(mean.params['alpha']!, 0.32851508, 1e-6);
    within(mean.params['q']!, Math.exp(0.2559971), 1e-6);
  });

  it('bootstrap by runs reproduces the printed 95% intervals', () => {
    const fit = fitLaw(epochPoints(), { drop_highest: 5, bootstrap: 200, cluster: 'runs', level: 0.95 });
    expect(fit.bootstrap).toMatchObject({ failed: 0, num_clusters: 240 });
    // Ends of 4,000 replicates; ours have 200, so an end is good to about an eighth of the width.
    const printed = { A: [285, 744], B: [1042, 5810], E: [1.769, 1.871], alpha: [0.317, 0.373], beta: [0.331, 0.415] };
    for (const [name, [low, high]] of Object.entries(printed) as [string, [number, number]][]) {
      const slack = 0.13 * (high - low);
      expect(Math.abs(fit.intervals![name]![0] - low), `${name} low`).toBeLessThan(slack);
      expect(Math.abs(fit.intervals![name]![1] - high), `${name} high`).toBeLessThan(slack);
    }
    expect(fit.standard_errors!['a']).toBeGreaterThan(0.017);
    expect(fit.standard_errors!['a']).toBeLessThan(0.023);
  });
});

describe.skipIf(isAbsent(EPOCH))(`Approach 2 on ${EPOCH} (skipped where the table is absent)`, () => {
  const budgets = [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21];

  it.each([
    [0, 0.4976, 129],
    [5, 0.5134, 124],
  ])('plain parabolas over every budget, %i points dropped: a = %f', (drop_highest, a, num_inside) => {
    const fit = fitIsoflop(epochPoints(), { budgets, drop_highest, robust: false, interior: 'keep' });
    expect(fit.exponents!.a).toBeCloseTo(a, 4);
    expect(fit.exponents!.a + fit.exponents!.b).toBeCloseTo(1, 10);
    expect(fit.num_points - fit.num_outside).toBe(num_inside);
  });

  it('refuses the budget of 1e20, whose minimum lies below the smallest size', () => {
    const fit = fitIsoflop(epochPoints(), { budgets, robust: false });
    const refused = fit.budgets.filter((v) => v.refused !== null);
    expect(refused.map((v) => [v.C, v.refused, v.N_opt])).toEqual([[1e20, 'no_interior_minimum', null]]);
    expect(fit.diagnostics).toContainEqual(
      expect.objectContaining({
        name: 'no_interior_minimum',
        severity: 'refuse',
        values: expect.objectContaining({ C: 1e20 }),
      }),
    );
    expect(fit.exponents!.a).toBeCloseTo(0.4945, 4);
  });
});

describe.skipIf(isAbsent(PORIAN))(
  `power laws through the optima of ${PORIAN} (skipped where the table is absent)`,
  () => {
    const [header, ...rows] = isAbsent(PORIAN) ? [[]] : parseCsv(readTable(PORIAN), PORIAN);
    const names = header!.map((cell) => cell.text);
    const table = rows.map((row) => Object.fromEntries(row.map((cell, i) => [names[i]!, cell.text])));

    it.each([
      ['no head, long warmup, fixed decay', 'base long kaplan kaplan', 0.8353, 0.8635],
      ['head counted', 'base long kaplan standard', 0.7065, 0.6985],
      ['short warmup', 'base short kaplan standard', 0.602, 0.6032],
      ['matched decay', 'base short chinchilla standard', 0.5715, 0.5743],
      ['tuned', 'tuned short const standard', 0.4969, 0.5185],
    ])('%s', (_, step, refinedWeb, openWebText) => {
      for (const [dataset, a] of [
        ['rw', refinedWeb],
        ['owt2', openWebText],
      ] as const) {
        const own = table.filter(
          (row) =>
            row['dataset'] === dataset &&
            row['n'] !== '' &&
            [row['hparams'], row['warmup'], row['decay'], row['param_count']].join(' ') === step,
        );
        const fit = fitPowerLaw(
          own.map((r) => ({ x: Number(r['flops']), y: Number(r['n']), sigma: Number(r['n_star_std']) })),
        );
        expect(fit.exponent, `${dataset}, ${own.length} rows`).toBeCloseTo(a, 4);
      }
    });
  },
);

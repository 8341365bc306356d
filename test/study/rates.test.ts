/** @file Cells of learning rates: vertex, brackets, diverged runs; and spreads of seeds. */
import { describe, expect, it } from 'vitest';
import { normal, rngStream } from '../../src/lib/rng.ts';
import type { RunRecord } from '../../src/log/record.ts';
import { bestRates, rateCells } from '../../src/study/rates.ts';
import { type Spread, spreads } from '../../src/study/spread.ts';
import { makeRecord } from '../support/run-record.ts';

const base = makeRecord();

function run(
  rate: number,
  val_loss: number,
  { seed = 0, batch = 16, changes = {} as Partial<RunRecord> } = {},
): RunRecord {
  return makeRecord({
    spec: { data: 'x', batch, init_seed: seed, data_seed: seed, optimizer: { learning_rate: rate, beta1: 0.9 } },
    optimizer: { ...base.optimizer, learning_rate: rate },
    batch_size: batch,
    init_seed: seed,
    data_seed: seed,
    val_loss,
    ...changes,
  });
}

const RATES = [0.0025, 0.005, 0.01, 0.02, 0.04];
const parabola = (rate: number, best: number) => 1.5 + 0.05 * Math.log(rate / best) ** 2;

describe('rateCells', () => {
  it.each([0.0041, 0.0099, 0.021])('finds the vertex of a parabola in ln rate at %d', (best) => {
    const [cell] = rateCells(RATES.map((rate) => run(rate, parabola(rate, best))));
    expect(cell!.optimum).toBeCloseTo(best, 12);
    expect(cell).toMatchObject({ is_bracketed: true, D: base.num_tokens, batch_tokens: 1024 });
  });

  it.each([0.001, 0.1])('says that a best rate at the end, for an optimum at %d, is not bracketed', (best) => {
    const [cell] = rateCells(RATES.map((rate) => run(rate, parabola(rate, best))));
    expect(cell).toMatchObject({
      is_bracketed: false,
      optimum: null,
      best_rate: best < 0.01 ? RATES[0] : RATES.at(-1),
    });
  });

  it('takes the mean over seeds, a cell for each batch, and nothing with two rates', () => {
    const runs = [0, 1].flatMap((seed) =>
      RATES.map((rate) => run(rate, parabola(rate, 0.01) + 0.01 * seed, { seed, batch: 8 })),
    );
    const few = RATES.slice(0, 2).map((rate) => run(rate, 1, { batch: 4 }));
    const cells = rateCells([...runs, ...RATES.map((rate) => run(rate, parabola(rate, 0.005))), ...few]);
    expect(cells.map(({ batch_tokens, best_rate }) => [batch_tokens, best_rate])).toEqual([
      [512, 0.01],
      [1024, 0.005],
    ]);
    expect(cells[0]!.rates[2]).toEqual({ rate: 0.01, L: 1.505, num_runs: 2, num_diverged: 0 });
  });

  it('counts a rate that diverges as a bound above', () => {
    const diverged = run(0.04, 0, { changes: { status: 'diverged', val_loss: null } });
    const [cell] = rateCells([run(0.01, 2), run(0.02, 1.9), diverged]);
    expect(cell).toMatchObject({ best_rate: 0.02, is_bracketed: true, optimum: 0.02 });
  });
});

describe('spreads', () => {
  const cell = (seeds: (i: number) => Partial<RunRecord>, losses: number[]) =>
    losses.map((L, i) => {
      const record = run(0.01, L, { changes: seeds(i) });
      return { ...record, spec: { ...record.spec, init_seed: record.init_seed, data_seed: record.data_seed } };
    });

  it('tells which seed varied, and leaves out cells of two runs', () => {
    expect(spreads(cell((i) => ({ init_seed: i, data_seed: 0 }), [1, 2, 3]))[0]).toMatchObject({
      varied: 'init',
      mean: 2,
      sd: 1,
      num_runs: 3,
    });
    expect(spreads(cell((i) => ({ init_seed: 0, data_seed: i }), [1, 2, 3]))[0]!.varied).toBe('data');
    expect(spreads(cell((i) => ({ init_seed: i, data_seed: i }), [1, 2, 3]))[0]!.varied).toBe('both');
    expect(spreads(cell((i) => ({ init_seed: i, data_seed: i }), [1, 2]))).toEqual([]);
  });

  it('names what else tells cells of one size apart', () => {
    const records = [0.95, 0.99].flatMap((beta2) =>
      cell((i) => ({ init_seed: i, data_seed: i }), [1, 2, 3]).map((record) => ({
        ...record,
        spec: { ...record.spec, optimizer: { learning_rate: 0.01, beta2 } },
        optimizer: { ...record.optimizer, beta2 },
      })),
    );
    expect(spreads(records).map(({ variant }) => variant)).toEqual(['beta2 0.95', 'beta2 0.99']);
    expect(spreads(records.slice(0, 3))[0]!.variant).toBe('');
  });

  it('has intervals that hold the true spread as often as they say', () => {
    const rng = rngStream(0, 'spreads');
    let held = 0;
    for (let draw = 0; draw < 400; draw++) {
      const losses = Array.from({ length: 10 }, () => 1.5 + 0.02 * normal(rng));
      const [{ interval }] = spreads(cell((i) => ({ init_seed: i, data_seed: 0 }), losses)) as [Spread];
      if (interval[0] < 0.02 && 0.02 < interval[1]) held++;
    }
    // Binomial, three standard errors.
    expect(Math.abs(held / 400 - 0.9)).toBeLessThan(3 * Math.sqrt(0.09 / 400));
  });
});

describe('bestRates', () => {
  it('keeps the runs of each cell at the rate of least mean loss, all seeds of it', () => {
    const runs = [
      ...RATES.flatMap((rate) => [0, 1].map((seed) => run(rate, parabola(rate, 0.01) + 0.001 * seed, { seed }))),
      ...RATES.map((rate) => run(rate, parabola(rate, 0.02), { batch: 32 })),
      run(0.08, 1, { changes: { status: 'diverged' } }),
    ];
    expect(bestRates(runs).map(({ batch_size, optimizer }) => [batch_size, optimizer.learning_rate])).toEqual([
      [16, 0.01],
      [16, 0.01],
      [32, 0.02],
    ]);
  });
});

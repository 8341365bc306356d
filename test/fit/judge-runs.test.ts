/** @file Diagnostics of run records: each triggered, and quiet on a sound study. */
import { describe, expect, it } from 'vitest';
import { judgeRuns, type RunFacts } from '../../src/fit/fit.ts';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { rectangle, trueLoss } from './known-law.ts';

/** A sound study: 16 cells, every one trained once at its rule's rate. */
const sound = (changes: (run: RunFacts, i: number) => Partial<RunFacts> = () => ({})): RunFacts[] =>
  rectangle(4, trueLoss).map(({ N, D, L }, i) => {
    const run: RunFacts = {
      id: `run ${i}`,
      status: 'finished',
      N,
      D,
      L,
      dead_params: 0.02 * N,
      learning_rate: 0.01 / N ** 0.5,
      cell: String(i),
      budget_counting: 'six_n_total',
      epochs: null,
      validation: '16384 tokens of one text',
      train_loss: L * (1 + 0.05 * (-1) ** i),
      last_batches: String(i),
      entropy: null,
      true_loss: null,
    };
    return { ...run, ...changes(run, i) };
  });

const names = (runs: RunFacts[], floor_error?: number): string[] =>
  judgeRuns(runs, floor_error ?? null).map(({ name }) => name);
const one = (runs: RunFacts[], name: string, floor_error?: number) => {
  const found = judgeRuns(runs, floor_error ?? null);
  expect(found.map((d) => d.name)).toEqual([name]);
  return found[0]!;
};

/** Every cell at five rates; `optimum` of cell i in steps of the rate, 0 in the middle. */
function swept(optimum: (i: number) => number, { sd = 0, seed = 0, seeds = 1 } = {}): RunFacts[] {
  const rng = rngStream(seed, 'swept');
  return sound().flatMap((run, i) =>
    [-2, -1, 0, 1, 2].flatMap((step) =>
      Array.from({ length: seeds }, (_, s) => ({
        ...run,
        id: `${run.id} at ${step}, seed ${s}`,
        learning_rate: 0.01 * 2 ** step,
        train_loss: null,
        L: run.L! * Math.exp(0.02 * (step - optimum(i)) ** 2 + sd * normal(rng)),
      })),
    ),
  );
}

it('a sound study has none, nor has no study at all', () => {
  expect(names(sound(), 0.02)).toEqual([]);
  expect(names([])).toEqual([]);
});

describe('diverged_cells', () => {
  it('counts runs and the cells without a finished run', () => {
    const runs = sound((_, i) => (i === 5 || i === 9 ? { status: 'diverged', L: null } : {}));
    const again: RunFacts = { ...sound()[5]!, id: 'again' };
    const found = one([...runs, again, { ...again, id: 'broken', status: 'failed', L: null }], 'diverged_cells');
    expect(found.values).toMatchObject({ num_diverged: 2, num_failed: 1, lost_cells: 1, num_cells: 16, edge: null });
    expect(found.message).toMatch(/of 18 runs 2 diverged, 1 failed.*1 of 16 cells/);
  });

  it('says where they lie at one edge, which chance seldom does', () => {
    const at = (lost: (run: RunFacts) => boolean) =>
      one(
        sound((run) => (lost(run) ? { status: 'diverged', L: null } : {})),
        'diverged_cells',
      );
    const N = Math.max(...sound().map((run) => run.N));
    const D = Math.min(...sound().map((run) => run.D));
    expect(at((run) => run.N === N && run.D > D).message).toMatch(/all at the largest sizes: the fit sees only/);
    expect(at((run) => run.D === D && run.N < N).values['edge']).toBe('the fewest tokens');
    // Two of sixteen in one row of four happen by chance once in ten.
    let left = 2;
    expect(at((run) => run.N === N && left-- > 0).values['edge']).toBeNull();
  });

  it('takes no offence at runs that are not done yet', () => {
    expect(names(sound((_, i) => (i < 4 ? { status: 'unfinished', L: null } : {})))).toEqual([]);
  });
});

describe('lr_not_bracketed', () => {
  it('where the best rate is the highest or lowest tried, in how many cells', () => {
    const high = one(
      swept((i) => (i < 3 ? 4 : 0)),
      'lr_not_bracketed',
    );
    expect(high.message).toMatch(/in 3 of 16 cells .* the highest tried \(at N = 5\.0e7, D = 1\.0e9 it is 0\.040\)/);
    const low = one(
      swept((i) => (i === 7 ? -4 : 0)),
      'lr_not_bracketed',
    );
    expect(low.values).toMatchObject({ end: ['lowest'], learning_rate: [0.0025], num_cells: 16 });
  });

  it('not where the next higher rate diverged: that brackets it', () => {
    const runs = swept(() => 4).map((run) =>
      run.learning_rate > 0.03 ? { ...run, status: 'diverged' as const, L: null } : run,
    );
    expect(names(runs)).toEqual(['diverged_cells']);
    const lone = runs.filter(({ learning_rate }) => learning_rate > 0.015);
    expect(names(lone)).toEqual(['diverged_cells', 'lr_not_bracketed']);
  });

  it('not where the rates are flat: noise puts the best at an end', () => {
    for (const seed of [1, 2, 3, 4, 5]) expect(names(swept(() => 0.7, { sd: 0.01, seed })), String(seed)).toEqual([]);
    const flat = swept(() => 0, { seed: 6 }).map((run, i) => ({ ...run, L: 2 + 0.01 * Math.sin(7 * i) }));
    expect(names(flat)).toEqual([]);
  });

  it('measures the noise where rates are repeated', () => {
    const found = one(
      swept((i) => (i === 0 ? 2.4 : 0), { sd: 0.002, seeds: 3 }),
      'lr_not_bracketed',
    );
    expect(found.values['sd']).toBeGreaterThan(0.0015);
    expect(found.values['sd']).toBeLessThan(0.0025);
    expect(names(swept((i) => (i === 0 ? 2.4 : 0), { sd: 0.1, seeds: 3 }))).toEqual([]);
  });
});

describe('dead_parameters', () => {
  it('above a twentieth of N at any size', () => {
    const dead = sound(({ N }) => ({ dead_params: 0.45 * N ** 0.5 * 5e7 ** 0.5 }));
    expect(one(dead, 'dead_parameters').message).toMatch(/4% to 45% of N are rows of tokens that never occur/);
    expect(names(sound(({ N }) => ({ dead_params: 0.049 * N })))).toEqual([]);
  });
});

describe('mixed_countings', () => {
  it('where budgets of one group were counted in two ways', () => {
    const mixed = sound((_, i) => ({ budget_counting: i < 8 ? 'six_n_total' : i < 12 ? 'exact' : null }));
    expect(one(mixed, 'mixed_countings').values['countings']).toEqual(['six_n_total', 'exact']);
  });
});

describe('val_shift', () => {
  it('where runs were scored on different tokens', () => {
    const found = one(
      sound((_, i) => (i === 3 ? { validation: '32768 tokens of one text' } : {})),
      'val_shift',
    );
    expect(found.message).toContain('2 different validation sets');
    expect(found.values['runs']).toEqual([15, 1]);
  });

  it('where validation losses lie above training losses that no repetition explains', () => {
    const rng = rngStream(1, 'gap');
    const gap = (size: number, epochs: number | null) =>
      sound(({ L }) => ({ epochs, train_loss: L! * Math.exp(-size + 0.03 * normal(rng)) }));
    expect(one(gap(0.1, 0.5), 'val_shift').message).toMatch(/1\d% above training losses in the median of 16 runs/);
    expect(names(gap(0.1, 8))).toEqual([]);
    expect(names(gap(0.01, 0.5))).toEqual([]);
    expect(names(gap(-0.02, null))).toEqual([]);
  });

  it('not where all runs ended on the same batches, which one gap speaks of, however many runs', () => {
    const ended = (last_batches: string) => sound(({ L }) => ({ epochs: 0.5, train_loss: L! / 1.07, last_batches }));
    expect(names(ended('the same'))).toEqual([]);
  });

  it('where the scored tokens are off the entropy by more than E errs', () => {
    const off = sound(() => ({ entropy: 0.4023, true_loss: 0.4065 }));
    expect(one(off, 'val_shift', 0.002).message).toMatch(/true loss of 0\.4065.*entropy of 0\.4023/);
    expect(names(off, 0.01)).toEqual([]);
    expect(names(off)).toEqual([]);
  });
});

/** @file Records -> facts, and what a study, its report and `fit` then say of the runs. */
import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/log/record.ts';
import { analyseRecords, type Counting, factsOf } from '../../src/study/study.ts';
import { makeRecord } from '../support/run-record.ts';

const TOTAL = { params: 'total', flops: '6nd' } as const;
const law = (N: number, D: number): number => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;

/** Six sizes, five horizons, `rates` at each cell, the middle one best. */
function study(
  changes: (record: RunRecord, cell: number) => Partial<RunRecord> = () => ({}),
  rates = [1],
): RunRecord[] {
  const base = makeRecord({ entropy_nats: null, true_val_loss: null, train_loss: null });
  return [12, 18, 26, 40, 60, 90].flatMap((d_model, i) =>
    [2e5, 4e5, 8e5, 1.6e6, 3.2e6].flatMap((num_tokens, j) =>
      rates.map((step, k) => {
        const transformer = 24 * d_model ** 2;
        const total = transformer + 128 * d_model;
        const rate = { ...base.optimizer, learning_rate: 0.01 * 2 ** step };
        const record: RunRecord = {
          ...base,
          run_id: `d${d_model}-${j}-${k}`,
          num_params: { ...base.num_params, total, live: total, non_embedding: transformer, lm_head: 64 * d_model },
          num_tokens,
          budget_flops: null,
          budget_counting: null,
          optimizer: rate,
          spec: { ...base.spec, optimizer: rate, init_seed: k },
          val_loss: law(total, num_tokens) * (1 + 0.002 * Math.sin(7.3 * (5 * i + j)) + 0.03 * step ** 2),
        };
        return { ...record, ...changes(record, 5 * i + j) };
      }),
    ),
  );
}

const options = { bootstrap: 0, cluster: 'runs', seed: 0, min_tokens: 0 } as const;
const diagnosticsOf = (records: RunRecord[], { countings = [TOTAL] as Counting[], checks = false } = {}) => {
  const [group] = analyseRecords(records, { ...options, countings, checks });
  return { names: group!.fits[0]!.diagnostics.map(({ name }) => name), warnings: group!.warnings.join('\n') };
};

describe('facts', () => {
  it('follow the counting', () => {
    const record = makeRecord();
    record.num_params.live = record.num_params.total - 600;
    const dead = (params: 'total' | 'non_embedding' | 'non_embedding_head' | 'live') =>
      factsOf([record], { params, flops: '6nd' })[0]!;
    expect(dead('total')).toMatchObject({ N: 31_008, dead_params: 600 });
    expect(dead('non_embedding')).toMatchObject({ N: 24_576, dead_params: 0 });
    expect(dead('non_embedding_head')).toMatchObject({ N: 26_624, dead_params: 300 });
    expect(dead('live')).toMatchObject({ N: 30_408, dead_params: 0 });
  });

  it('put runs that differ in rate and seed in one cell, and tell validation sets apart', () => {
    const spec = { ...makeRecord().spec, optimizer: { learning_rate: 0.1, eps: 1e-8 }, eval: { eval_tokens: 512 } };
    const [a, b, c] = factsOf(
      [
        makeRecord({ spec }),
        makeRecord({ spec: { ...spec, optimizer: { learning_rate: 0.2, eps: 1e-8 }, init_seed: 7 } }),
        makeRecord({ spec: { ...spec, optimizer: { learning_rate: 0.1, eps: 1e-6 }, eval: { eval_tokens: 1024 } } }),
      ],
      TOTAL,
    );
    expect(b!.cell).toBe(a!.cell);
    expect(c!.cell).not.toBe(a!.cell);
    expect(a!.validation).toBe('512 tokens of zipf-lexicon (symbols, abababacdcdcdc), windows of 64');
    expect(c!.validation).not.toBe(a!.validation);
  });

  it('take what is not done yet as unfinished', () => {
    const states = (['planned', 'running', 'preempted', 'cancelled', 'failed', 'diverged', 'finished'] as const).map(
      (status) => factsOf([makeRecord({ status })], TOTAL)[0]!.status,
    );
    expect(states).toEqual([...new Array(4).fill('unfinished'), 'failed', 'diverged', 'finished']);
  });
});

describe('a study says what its records tell', () => {
  it('nothing of a sound one', () => {
    expect(diagnosticsOf(study(), { checks: true }).names).toEqual([]);
  });

  it('of runs that diverged, all at the largest size', () => {
    const { names, warnings } = diagnosticsOf(
      study((_, cell) => (cell >= 27 ? { status: 'diverged', val_loss: null } : {})),
    );
    expect(names).toContain('diverged_cells');
    expect(warnings).toMatch(/of 30 runs 3 diverged: left out of every fit; 3 of 30 cells .* all at the largest sizes/);
  });

  it('of rates that are not bracketed, and no more once they are', () => {
    expect(diagnosticsOf(study(undefined, [-1, 0, 1])).names).toEqual([]);
    const { warnings } = diagnosticsOf(study(undefined, [0, 1, 2]));
    expect(warnings).toMatch(/in 30 of 30 cells with several learning rates the best is the lowest tried/);
  });

  it('of dead parameters, in the countings that hold them', () => {
    const dead = study(({ num_params }) => ({ num_params: { ...num_params, live: 0.8 * num_params.total } }));
    const non_embedding = { params: 'non_embedding', flops: '6nd' } as const;
    const { warnings } = diagnosticsOf(dead, { countings: [TOTAL, non_embedding] });
    expect(warnings).toMatch(/^total, 20% to 20% of N are rows of tokens that never occur/m);
  });

  it('of tokens seen more than four times', () => {
    const { warnings } = diagnosticsOf(study(({ num_tokens }) => ({ unique_tokens: 4e5, epochs: num_tokens / 4e5 })));
    expect(warnings).toMatch(/Approach 3: 6 of 30 runs saw their tokens more than 4 times \(up to 8/);
  });
});

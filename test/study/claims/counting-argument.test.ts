/** @file Pearce and Song's argument: what a counting must give, from a law that is known. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fitValleys, recutIsoflops } from '../../../src/fit/fit.ts';
import { readSweep } from '../../../src/log/log.ts';
import type { RunRecord } from '../../../src/log/record.ts';
import { exponentByCounting } from '../../../src/study/claims/counting-argument.ts';
import { type Counting, pointsOf } from '../../../src/study/record-points.ts';

/** The committed quickstart's ladder with losses of L = .5 + A/N^.4 + B/D^.4 in all parameters. */
const { records } = readSweep(path.join(import.meta.dirname, '../../../runs/reference/quickstart'));
const ladder = records
  .filter(({ group }) => group === 'lexicon')
  .map((record): RunRecord => {
    const val_loss = 0.5 + 30 / record.num_params.total ** 0.4 + 90 / record.num_tokens ** 0.4;
    return { ...record, val_loss };
  });

const argued = (counting: Counting, runs = ladder) => {
  const C = pointsOf(runs, counting).map((point) => point.C!);
  const total = pointsOf(runs, { params: 'total', flops: '6nd' });
  return exponentByCounting(total, runs, counting, [Math.min(...C), Math.max(...C)]);
};

describe('exponentByCounting', () => {
  it('is the law’s own exponent where all parameters are counted', () => {
    expect(argued({ params: 'total', flops: '6nd' })).toBeCloseTo(0.5, 3);
  });

  it('rises where embeddings are left out, and falls back towards it with the head', () => {
    const [without, head] = (['non_embedding', 'non_embedding_head'] as const).map(
      (params) => argued({ params, flops: '6nd' })!,
    );
    expect(without).toBeGreaterThan(0.53);
    expect(head).toBeGreaterThan(0.5);
    expect(head).toBeLessThan(without! - 0.01);
  });

  it('is what valleys of the same counting find on dense runs without noise', () => {
    const dense = ladder.flatMap((record) =>
      Array.from({ length: 25 }, (_, i): RunRecord => {
        const num_tokens = 2e4 * 2 ** (i / 2);
        const val_loss = 0.5 + 30 / record.num_params.total ** 0.4 + 90 / num_tokens ** 0.4;
        return { ...record, run_id: `${record.run_id}-${i}`, num_tokens, val_loss };
      }),
    );
    const counting = { params: 'non_embedding', flops: '6nd' } as const;
    const cut = recutIsoflops(pointsOf(dense, counting), { num_budgets: 9 });
    const measured = fitValleys(cut.points, { budgets: cut.budgets });
    const C = cut.points.map((point) => point.C);
    const total = pointsOf(dense, { params: 'total', flops: '6nd' });
    const a = exponentByCounting(total, dense, counting, [Math.min(...C), Math.max(...C)])!;
    expect(Math.abs(a - measured.exponents!.a)).toBeLessThan(0.03);
  });

  it('says nothing of runs that are not one ladder, or that no law holds for', () => {
    const other = ladder.map((record, i) =>
      i === 0 ? { ...record, num_params: { ...record.num_params, total: record.num_params.total + 1 } } : record,
    );
    expect(argued({ params: 'non_embedding', flops: '6nd' }, other)).toBeNull();
    expect(argued({ params: 'non_embedding', flops: '6nd' }, ladder.slice(0, 2))).toBeNull();
  });
});

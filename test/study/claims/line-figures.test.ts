/** @file The figures of the straight lines among claims: each line once, three a figure, and none of too few runs. */
import { expect, it } from 'vitest';
import { claimSchema } from '../../../src/config/claims.ts';
import type { RunRecord } from '../../../src/log/record.ts';
import { lineFigures } from '../../../src/study/claims/line-figures.ts';
import { makeRecord } from '../../support/run-record.ts';

const base = makeRecord();

const ladder = (group: string, num: number): RunRecord[] =>
  Array.from({ length: num }, (_, i) => {
    const N = 4000 * 2 ** i;
    const num_params = { ...base.num_params, total: N, non_embedding: N / 2 };
    const val_loss = 1 + 9 * N ** -0.2;
    return makeRecord({ group, run_id: `${group}-${N}`, num_params, val_loss, entropy_nats: 1, eval_curve: [] });
  });

const claim = (name: string, term: object) =>
  claimSchema.parse({
    ...{ name, statement: 'x', source: 'x', kind: 'form', margin: 0.02 },
    ours: [{ group: 'text', approach: 'line', along: 'N', quantity: 'bend', ...term }],
  });

it('draws each line once, three a figure', () => {
  const claims = [
    claim('a', {}),
    claim('same-line', { quantity: 'slope', times: -1 }),
    claim('b', { params: 'non_embedding' }),
    claim('c', { floor: 'exact' }),
    claim('d', { group: 'other' }),
    claim('few', { group: 'few' }),
    claim('elsewhere', { study: 'nowhere' }),
  ];
  const records = [...ladder('text', 7), ...ladder('other', 6), ...ladder('few', 3)];
  const figures = lineFigures(claims, (study) => (study === undefined ? records : null));
  expect(figures.map(({ id }) => id)).toEqual(['lines-1', 'lines-2']);
  const [first, second] = figures.map(({ svg }) => svg);
  for (const heading of ['text, non embedding', 'text, above E']) expect(first).toContain(heading);
  expect(second).toContain('other');
  expect(second).not.toContain('few');
});

it('draws nothing where no claim is about a line', () => {
  const valley = claimSchema.parse({
    name: 'v',
    statement: 'x',
    source: 'x',
    kind: 'direction',
    ours: [{ group: 'text' }],
  });
  expect(lineFigures([valley], () => ladder('text', 7))).toEqual([]);
});

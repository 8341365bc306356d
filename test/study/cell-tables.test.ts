/** @file Groups that repeat cells or vary the rate: their tables in print, and no law fitted to them. */
import { expect, it } from 'vitest';
import type { RunRecord } from '../../src/log/record.ts';
import { analyseRecords, formatSummary } from '../../src/study/study.ts';
import { makeRecord } from '../support/run-record.ts';

const base = makeRecord();
const OPTIONS = { bootstrap: 0, cluster: 'sizes', seed: 0 } as const;

function run(d_model: number, rate: number, seed: number): RunRecord {
  const N = 100 * d_model ** 2;
  return makeRecord({
    run_id: `${d_model}-${rate}-${seed}`,
    spec: { d_model, init_seed: seed, data_seed: seed, optimizer: { learning_rate: rate } },
    model: { ...base.model, d_model },
    num_params: { ...base.num_params, total: N },
    optimizer: { ...base.optimizer, learning_rate: rate },
    ...{ init_seed: seed, data_seed: seed },
    val_loss: 1.5 + 40 / Math.sqrt(N) + 0.05 * Math.log(rate / 0.01) ** 2 + 0.01 * Math.sin(seed),
  });
}

it('prints the spread of repeated cells and fits no law to them', () => {
  const records = [8, 16, 32].flatMap((d) => [0, 1, 2, 3, 4].map((seed) => run(d, 0.01, seed)));
  const [group] = analyseRecords(records, OPTIONS);
  expect(group!.fits).toEqual([]);
  const text = formatSummary([group!]);
  expect(text).toMatch(/8 +1\.05M +both +5 +\d\.\d{3} +0\.0\d{3} \[0\.0\d{3}, 0\.0\d{3}\] +0\.\d\d%/);
  expect(text).not.toMatch(/Approach/);
});

it('prints the best rate of each cell, and marks one at the end of those tried', () => {
  const records = [
    ...[0.005, 0.01, 0.02].map((rate) => run(8, rate, 0)),
    ...[0.02, 0.04, 0.08].map((rate) => run(16, rate, 0)),
  ];
  const [group] = analyseRecords(records, OPTIONS);
  expect(group!.fits).toEqual([]);
  const text = formatSummary([group!]);
  expect(text).toMatch(/8 +1\.05M +1024 +0\.0050 to 0\.020 +0\.010 +0\.010/);
  expect(text).toMatch(/16 .* 0\.020 +–/);
  expect(text).toMatch(/8 .* yes\n +16 .* no: the best is at the end/);
});

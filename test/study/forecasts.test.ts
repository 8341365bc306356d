/** @file Forecasts on the committed quickstart: frozen from the smaller runs alone, never again, and scored on the larger. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readPlan, readSweep } from '../../src/log/log.ts';
import type { PlannedRun } from '../../src/plan/plan.ts';
import {
  forecastFigures,
  forecastLines,
  freezeForecasts,
  hasForecasts,
  isForecast,
  scoreForecasts,
} from '../../src/study/forecasts.ts';

const REFERENCE = path.join(import.meta.dirname, '../../runs/reference/quickstart');
const { records } = readSweep(REFERENCE);
const planned = readPlan(REFERENCE)!.runs as unknown as PlannedRun[];
const budgets = [...new Set(planned.flatMap((run) => run.budget_flops ?? []))].sort((x, y) => x - y);
const LARGEST = budgets.at(-1)!;
const RESAMPLING = { bootstrap: 20, seed: 0 };
const forecasts = [{ group: 'lexicon', beyond: budgets.at(-2)!, laws: ['chinchilla', 'power_mean'] as const }].map(
  ({ laws, ...rest }) => ({ ...rest, laws: [...laws] }),
);

/** A folder with the plan and the runs for which `keep` holds. */
function folderOf(keep: (budget: number | null) => boolean): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'forecasts-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  copyFileSync(path.join(REFERENCE, 'plan.json'), path.join(dir, 'plan.json'));
  const kept = records.filter(({ budget_flops }) => keep(budget_flops));
  writeFileSync(path.join(dir, 'runs.jsonl'), kept.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return dir;
}

describe('forecasts', () => {
  it('are of the runs beyond the bound, in their group alone', () => {
    const waiting = planned.filter((run) => isForecast(run, forecasts));
    expect(waiting.length).toBeGreaterThan(4);
    expect(new Set(waiting.map(({ group, budget_flops }) => `${group} ${budget_flops}`))).toEqual(
      new Set([`lexicon ${LARGEST}`]),
    );
    expect(planned.some((run) => isForecast(run, []))).toBe(false);
  });

  it('come out the same whether the predicted runs are there or not: nothing of them is used', () => {
    const without = folderOf((budget) => budget !== LARGEST);
    const after = folderOf(() => true);
    for (const dir of [without, after]) freezeForecasts(dir, forecasts, planned, RESAMPLING);
    const content = (dir: string) => JSON.parse(readFileSync(path.join(dir, 'forecasts.json'), 'utf8'));
    expect(content(after).forecasts).toEqual(content(without).forecasts);
    expect(content(without).num_finished).toBe(0);
    expect(content(after).num_finished).toBeGreaterThan(4);
    expect(forecastLines(scoreForecasts(after, records))[0]).toMatch(/\d+ of the predicted runs were finished by then/);
  });

  it('are scored on what came, law by law, and drawn', () => {
    const dir = folderOf((budget) => budget !== LARGEST);
    expect([hasForecasts(dir), scoreForecasts(dir, records)]).toEqual([false, null]);
    freezeForecasts(dir, forecasts, planned, RESAMPLING);
    expect(hasForecasts(dir)).toBe(true);
    const before = scoreForecasts(dir, readSweep(dir).records)!;
    expect(before.scored.map(({ errors }) => errors)).toEqual([null, null]);
    expect(forecastFigures(before, 'lexicon')).toEqual([]);

    const after = scoreForecasts(dir, records)!;
    for (const { law, runs, num_predicted, errors } of after.scored) {
      expect(runs.length, law).toBe(num_predicted);
      const logs = runs.map(({ L, measured }) => Math.log(L / measured));
      expect(errors!.mean).toBeCloseTo(logs.reduce((sum, log) => sum + log, 0) / logs.length, 12);
      expect(errors!.rms).toBeLessThan(0.15);
      for (const { L, interval } of runs) expect(interval![0] < L && L < interval![1]).toBe(true);
    }
    expect(forecastLines(after).join('\n')).toMatch(/lexicon +chinchilla +\d+ runs .* (\d+) of \1 /);
    expect(forecastFigures(after, 'lexicon')[0]!.svg).toMatch(/^<svg/);
    expect(forecastFigures(after, 'sotu')).toEqual([]);
  });

  it('stay as they were first written, and an edit is refused', () => {
    const dir = folderOf((budget) => budget !== LARGEST);
    const file = path.join(dir, 'forecasts.json');
    freezeForecasts(dir, forecasts, planned, RESAMPLING);
    const first = readFileSync(file, 'utf8');
    freezeForecasts(dir, forecasts, planned, { bootstrap: 40, seed: 1 });
    expect(readFileSync(file, 'utf8')).toBe(first);
    writeFileSync(file, first.replace(/"num_fitted": (\d+)/, '"num_fitted": 1$1'));
    expect(() => scoreForecasts(dir, records)).toThrow(/is not what was frozen/);
  });
});

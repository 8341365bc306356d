/** @file The plan in print. */
import { describe, expect, it } from 'vitest';
import { formatPlan, planStudy } from '../../src/plan/plan.ts';
import { factsOf, studyOf } from './facts.ts';

const config = studyOf(
  'isoflop: {budgets: [1e10], d_model: [8, 16, 32, 64], keep: {min_tokens_per_param: 1}}\nset: {train.warmup: {steps: 9999}}',
);
const plan = planStudy(config, factsOf, { tokens_per_second: () => 1000 });

describe('formatPlan', () => {
  it('has aligned columns, notes, dropped cells, warnings and totals', () => {
    const lines = formatPlan(plan).split('\n');
    const table = lines.slice(0, lines.indexOf(''));
    expect(table).toHaveLength(1 + plan.runs.length);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
    for (const { run_id } of plan.runs) expect(table.some((line) => line.startsWith(`${run_id} `))).toBe(true);
    const text = lines.join('\n');
    expect(text).toContain('warmup of 9999 steps does not end within the run of');
    expect(text).toContain('Dropped: 1 run of 1 cell\n  s, budget 1e10, d_model 64: 0.136 tokens a parameter');
    expect(text).toContain('Warnings\n  sweep s: budget 1e10 has 3 sizes, a parabola wants 4 at least');
    expect(text).toContain('Study x: 3 runs, ');
    expect(text).toContain('time of one worker: 12 min ');
  });

  it('has a column of seeds where they differ, and only there', () => {
    expect(formatPlan(plan)).not.toMatch(/seed/);
    const seeded = planStudy(
      studyOf('grid: {model.d_model: [8, 16], train.num_tokens: [2k]}\nseeds: [0, 7]'),
      factsOf,
      {},
    );
    const lines = formatPlan(seeded).split('\n').slice(0, 5);
    expect(lines[0]).toMatch(/^run +seed +d_model /);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines.slice(1).map((line) => line.split(/ +/)[1])).toEqual(['0', '7', '0', '7']);
  });

  it('marks what is finished', () => {
    const text = formatPlan(plan, new Set([plan.runs[0]!.run_id]));
    expect(text.split('\n')[1]).toMatch(/ finished$/);
    expect(text).toContain('Study x: 3 runs, 1 finished, ');
  });
});

/** @file Sequences of switches on the committed quickstart: exponents, paired differences, other studies, curves, print. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Switches, switchesSchema } from '../../../src/config/claims.ts';
import { readSweep } from '../../../src/log/log.ts';
import { followSwitches, switchFigure, switchLines } from '../../../src/study/claims/switches.ts';
import { type RecordsOf, termFitter } from '../../../src/study/claims/term.ts';

const { records } = readSweep(path.join(import.meta.dirname, '../../../runs/reference/quickstart'));
const here: RecordsOf = (study) => (study === undefined ? records : null);
const RESAMPLING = { bootstrap: 60, seed: 0 };

const follow = (steps: object[], recordsOf = here) => {
  const switches: Switches = switchesSchema.parse({
    name: 'counted',
    title: 'What is counted',
    steps: steps.map((ours, i) => ({ label: `step ${i}`, ours: { group: 'lexicon', ...ours }, theirs: 0.8 - 0.1 * i })),
  });
  return followSwitches([switches], termFitter(recordsOf, RESAMPLING), recordsOf)[0]!;
};

describe('followSwitches', () => {
  const { steps } = follow([{ approach: 3, params: 'non_embedding' }, { approach: 3 }]);

  it('gives each step its exponent, and what it changed with an interval of its own', () => {
    const [first, second] = steps;
    expect(first!.difference).toBeNull();
    expect(first!.ours!.value).toBeCloseTo(0.5, 1);
    const { value, interval, is_paired } = second!.difference!;
    expect(value).toBeCloseTo(second!.ours!.value - first!.ours!.value, 12);
    expect(interval[0] < value && value < interval[1]).toBe(true);
    expect(is_paired).toBe(true);
  });

  it('pairs the replicates of equal sizes, so that a difference is known better than its parts', () => {
    const width = ({ interval: [low, high] }: { interval: [number, number] }) => high - low;
    const [first, second] = steps;
    expect(width(second!.difference!)).toBeLessThan(Math.hypot(width(first!.ours!), width(second!.ours!)));
  });

  it('takes the runs of a study beside this one, and says where there is none', () => {
    const elsewhere: RecordsOf = (study) => (study === 'other' ? records : []);
    const other = { approach: 3, study: 'other' };
    expect(follow([other, other], elsewhere).steps[1]!.difference!.value).toBe(0);
    const { ours, refused, difference } = follow([{ approach: 3 }, other]).steps[1]!;
    expect([ours, refused, difference]).toEqual([
      null,
      'there is no study other beside this one; train it first',
      null,
    ]);
  });

  it('cuts budgets from learning curves where it is asked to', () => {
    const [final, curves] = follow([{ approach: 2 }, { approach: 2, rows: 'curves' }]).steps;
    expect(curves!.ours!.value).not.toBe(final!.ours!.value);
    expect(Math.abs(curves!.ours!.value - final!.ours!.value)).toBeLessThan(0.5);
  });
});

describe('in print', () => {
  const sequence = follow([{ approach: 3, params: 'non_embedding' }, { approach: 3 }]);

  it('is a table of steps with changes, theirs beside them', () => {
    const text = switchLines([sequence]).join('\n');
    expect(text).toMatch(/^What is counted:/);
    expect(text).toMatch(/step 0 +lexicon +non_embedding +0\.\d\d \[.*\] +0\.50 +0\.800/);
    expect(text).toMatch(/step 1 +lexicon +total +0\.\d\d \[.*\] +-0\.\d\d \[.*\] +0\.700/);
    expect(switchLines([])).toEqual([]);
  });

  it('is a figure with an open mark for each of theirs', () => {
    const { id, svg } = switchFigure(sequence);
    expect(id).toBe('counted');
    expect(svg).toContain('step 1');
    const plain = switchFigure({ ...sequence, steps: sequence.steps.map((step) => ({ ...step, theirs: null })) });
    expect(svg.split('<path').length).toBe(plain.svg.split('<path').length + 2);
  });
});

/** @file Verdicts: each outcome and reason at its boundary, and how often the rules err on simulated estimates. */
import { describe, expect, it } from 'vitest';
import { normal, rngStream } from '../../../src/lib/rng.ts';
import {
  type Evidence,
  judgeConstant,
  judgeDirection,
  judgeForm,
  judgeNumber,
} from '../../../src/study/claims/verdict.ts';

const HALF = { value: 0.5, value_se: 0, margin: 0.05 };
const variants = (...estimates: (number | null)[]) => estimates.map((estimate, i) => ({ name: `v${i}`, estimate }));
const evidence = (changes: Partial<Evidence>): Evidence => ({
  estimate: 0.5,
  standard_error: 0.01,
  specifications: [],
  blocked_by: [],
  ...changes,
});

describe('judgeNumber', () => {
  it.each([
    ['reproduced', { estimate: 0.51 }, /^$/],
    ['not reproduced', { estimate: 0.6 }, /^$/],
    ['not reproduced', { estimate: 0.4 }, /^$/],
    // 90% is outside the margin, 99% is not.
    ['inconclusive', { estimate: 0.572 }, /^borderline/],
    ['inconclusive', { estimate: 0.54 }, /^borderline/],
    ['inconclusive', { standard_error: 0.04 }, /^underpowered: .*0.066 exceeds the margin 0.05/],
    ['inconclusive', { specifications: variants(0.51, 0.58) }, /^specification: 1 of 2/],
    ['inconclusive', { specifications: variants(0.51, null) }, /^specification: 1 of 2/],
    ['reproduced', { specifications: variants(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.58) }, /^$/],
    ['inconclusive', { estimate: 0.6, specifications: variants(0.7, 0.49) }, /^specification: 1 of 2/],
    ['not comparable', { blocked_by: ['no interior minimum'] }, /^no interior minimum$/],
  ] as const)('%s for %o', (outcome, changes, reason) => {
    const verdict = judgeNumber(evidence(changes), HALF);
    expect(verdict.outcome).toBe(outcome);
    expect(verdict.reason).toMatch(reason);
  });

  it("adds the paper's standard error to ours", () => {
    const { interval } = judgeNumber(evidence({ standard_error: 0.03 }), { ...HALF, value_se: 0.04 });
    expect(interval![1]).toBeCloseTo(1.645 * 0.05, 4);
  });

  it('calls a true value at the margin reproduced in 5% of draws at most, and contradicted in 1%', () => {
    const rng = rngStream(0, 'verdicts');
    const count = { reproduced: 0, 'not reproduced': 0, inconclusive: 0, 'not comparable': 0, exploratory: 0 };
    const num_draws = 20_000;
    for (let i = 0; i < num_draws; i++) {
      const estimate = 0.55 + 0.012 * normal(rng);
      count[judgeNumber(evidence({ estimate, standard_error: 0.012 }), HALF).outcome]++;
    }
    // Three binomial standard errors.
    expect(count.reproduced / num_draws).toBeLessThan(0.05 + 3 * Math.sqrt(0.05 / num_draws));
    expect(count.reproduced / num_draws).toBeGreaterThan(0.04);
    expect(count['not reproduced'] / num_draws).toBeLessThan(0.005 + 3 * Math.sqrt(0.005 / num_draws));
  });
});

describe('judgeDirection', () => {
  it.each([
    ['reproduced', { estimate: 0.05 }, /^$/],
    ['inconclusive', { estimate: 0.02 }, /^borderline/],
    ['not reproduced', { estimate: -0.01 }, /^$/],
    ['inconclusive', { estimate: 0.05, standard_error: 0.04 }, /^underpowered/],
    ['inconclusive', { estimate: 0.05, specifications: variants(-0.01) }, /^specification: 1 of 1/],
    ['inconclusive', { estimate: -0.01, specifications: variants(0.05) }, /^specification: 1 of 1/],
    ['not comparable', { blocked_by: ['x'] }, /^x$/],
  ] as const)('%s for %o', (outcome, changes, reason) => {
    const verdict = judgeDirection(evidence(changes), { minimal_effect: 0.03 });
    expect(verdict.outcome).toBe(outcome);
    expect(verdict.reason).toMatch(reason);
  });
});

describe('judgeForm', () => {
  const line = (changes: Partial<Evidence>, rivals: string[] = []) =>
    judgeForm(evidence({ estimate: 0.004, standard_error: 0.005, ...changes }), { margin: 0.02, rivals });

  it('takes a bend surely within the margin for a straight line, unless another law predicts better', () => {
    expect(line({})).toMatchObject({ outcome: 'reproduced', reason: '' });
    expect(line({}, ['a floor is better'])).toMatchObject({
      outcome: 'inconclusive',
      reason: 'rival: a floor is better',
    });
  });

  it('takes no bend that is merely not significant for one, and contradicts only a sure one', () => {
    expect(line({ estimate: 0.01, standard_error: 0.02 }).reason).toMatch(/^underpowered/);
    expect(line({ estimate: 0.05 })).toMatchObject({ outcome: 'not reproduced', reason: '' });
    expect(line({ estimate: -0.05 }, ['a floor is better'])).toMatchObject({ outcome: 'not reproduced' });
    expect(line({ specifications: variants(0.03) }).reason).toMatch(/^specification: 1 of 1/);
  });
});

it('never judges a constant', () => {
  expect(judgeConstant()).toMatchObject({ outcome: 'not comparable', interval: null });
});

/** @file What is too large to plan, said before anything is made. */
import { describe, expect, it } from 'vitest';
import type { LabError } from '../../src/lib/errors.ts';
import { checkLimits, planStudy } from '../../src/plan/plan.ts';
import { factsOf, studyOf } from './facts.ts';

const config = studyOf('grid: {model.d_model: [8, 16], train.num_tokens: [360k]}');
const measured = planStudy(config, factsOf, { tokens_per_second: () => 100 });
const unmeasured = planStudy(config, factsOf, {
  tokens_per_second: (spec) => (spec.model.d_model === 8 ? 100 : undefined),
});

describe('checkLimits', () => {
  it('accepts what is within', () => {
    checkLimits(measured, {});
    checkLimits(measured, { max_flops: measured.totals.flops.six_n_total, max_hours: 2.01 });
    checkLimits(measured, { max_hours: 1.01, workers: 2 });
    checkLimits(unmeasured, { max_flops: 1e12 });
  });

  it.each([
    [measured, { max_flops: 1e10 }, 'the plan costs 2.71e10 FLOPs (6 N D, all parameters), more than --max-flops 1e10'],
    [measured, { max_hours: 1.5 }, 'the plan takes about 2 hours on 1 workers, more than --max-hours 1.5'],
    [measured, { max_hours: 0.9, workers: 8 }, 'the plan takes about 1 hours on 8 workers'],
    [unmeasured, { max_hours: 100 }, 'cannot hold --max-hours 100: the speed of 1 of 2 runs is unmeasured'],
  ])('refuses what is beyond: %#', (plan, limits, message) => {
    const check = () => checkLimits(plan, limits);
    expect(check).toThrow(message);
    expect(check).toThrow(expect.objectContaining({ exit: 'over_budget' } satisfies Partial<LabError>));
  });
});

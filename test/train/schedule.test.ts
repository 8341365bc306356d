/** @file The learning rate over a run, and the steps at which it is evaluated and logged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleSpec } from '../../src/config/config.ts';
import { evalSteps, logInterval } from '../../src/log/log.ts';
import { learningRateAt } from '../../src/train/schedule.ts';

const schedule = (overrides: Partial<ScheduleSpec>): ScheduleSpec => ({
  kind: 'cosine',
  warmup_steps: 10,
  horizon_steps: 110,
  decay_steps: 20,
  final_fraction: 0.02,
  ...overrides,
});

describe('learningRateAt', () => {
  it('rises linearly to the peak at the end of warmup', () => {
    const rates = [1, 5, 10].map((step) => learningRateAt(step, 0.5, schedule({})));
    expect(rates).toEqual([0.05, 0.25, 0.5]);
  });

  it('ends each decaying schedule at final_fraction of the peak', () => {
    for (const kind of ['cosine', 'linear', 'wsd', 'fixed_cosine'] as const) {
      expect(learningRateAt(110, 1, schedule({ kind })), kind).toBeCloseTo(0.02, 12);
    }
    expect(learningRateAt(110, 1, schedule({ kind: 'constant' }))).toBe(1);
  });

  it('is half way down in the middle of a cosine', () => {
    expect(learningRateAt(60, 1, schedule({}))).toBeCloseTo(0.51, 12);
  });

  it('holds the peak until the last decay_steps of WSD, then falls linearly', () => {
    const wsd = schedule({ kind: 'wsd' });
    expect(learningRateAt(90, 1, wsd)).toBe(1);
    expect(learningRateAt(100, 1, wsd)).toBeCloseTo(0.51, 12);
  });

  it('is far from decayed at the end of a run that is shorter than the fixed horizon', () => {
    const fixed = schedule({ kind: 'fixed_cosine', horizon_steps: 1010 });
    expect(learningRateAt(110, 1, fixed)).toBeGreaterThan(0.97);
  });

  it('stays between final_fraction and the peak after warmup', () => {
    const kinds = fc.constantFrom('constant', 'cosine', 'linear', 'wsd', 'fixed_cosine') as fc.Arbitrary<
      ScheduleSpec['kind']
    >;
    fc.assert(
      fc.property(
        kinds,
        fc.nat(300),
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (kind, warmup_steps, step, final_fraction) => {
          const spec = schedule({ kind, warmup_steps, final_fraction, horizon_steps: 400, decay_steps: 80 });
          const rate = learningRateAt(step, 1, spec);
          expect(rate).toBeLessThanOrEqual(1);
          expect(rate).toBeGreaterThanOrEqual(step <= warmup_steps ? 0 : final_fraction - 1e-12);
        },
      ),
    );
  });
});

describe('evalSteps', () => {
  it('is ascending, distinct, within the run, and ends at its end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 50 }), (num_steps, num_evals) => {
        const steps = evalSteps(num_steps, num_evals);
        expect(steps.at(-1)).toBe(num_steps);
        expect(steps.length).toBeLessThanOrEqual(num_evals);
        expect(steps[0]).toBeGreaterThanOrEqual(1);
        for (let i = 1; i < steps.length; i++) expect(steps[i]!).toBeGreaterThan(steps[i - 1]!);
      }),
    );
  });
});

describe('logInterval', () => {
  it('gives about a hundred rows, and at least every step of a short run', () => {
    expect([1, 40, 100, 1000, 12345].map(logInterval)).toEqual([1, 1, 1, 10, 123]);
  });
});
